"""Image references, split as container runtimes split them.

Source: github.com/distribution/reference. The digest comes after the `@`; a tag only counts after
the last `/` (so `registry:5000/app` has none); the first component is a registry when it holds
a dot or a colon or is `localhost`.
"""

from __future__ import annotations

from msgspec import Struct


class Image(Struct, frozen=True):
    """Parts of an image reference; empty text where a part is absent."""

    registry: str
    repository: str
    tag: str
    digest: str

    @property
    def pinned(self) -> bool:
        """Whether a digest says exactly which image is meant."""
        return bool(self.digest)


def parse_image(reference: str) -> Image:
    """Split an image reference. `registry` is `docker.io` when the reference names none."""
    name, _, digest = reference.partition("@")
    head, slash, last = name.rpartition("/")
    last, _, tag = last.partition(":")
    path = f"{head}{slash}{last}"
    first, slash, rest = path.partition("/")
    if slash and ("." in first or ":" in first or first == "localhost"):
        return Image(first, rest, tag, digest)
    return Image("docker.io", path, tag, digest)
