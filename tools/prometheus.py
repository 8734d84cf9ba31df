"""A real Prometheus for tests, with whatever history a test makes up.

    with Prometheus(history) as prometheus:
        eventually(prometheus.ready)

The binaries are those of `READINESS_PROMETHEUS`, a directory with `prometheus` and `promtool`,
those on the PATH, or those of Debian's package, unpacked once into .cache/prometheus: nothing is
installed and no service started.
"""

from __future__ import annotations

import os
import shutil
import ssl
import subprocess
import tempfile
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Self

from tools.control_plane import Supervised, free_port

SERVER, TOOL = "prometheus", "promtool"
_CACHE = Path(__file__).resolve().parent.parent / ".cache" / "prometheus"
_ENDED = "prometheus ended by itself"


class PrometheusError(Exception):
    """There is no Prometheus to be had; the text says what to do."""


def find_binaries() -> Path:
    """Return a directory that holds `prometheus` and `promtool`; fetch them when there is none.

    Raises:
        PrometheusError: when they can't be had.
    """
    wanted = os.environ.get("READINESS_PROMETHEUS")
    if wanted:
        if not (_holds_both(Path(wanted))):
            raise PrometheusError(
                f"READINESS_PROMETHEUS is {wanted}, which does not hold both {SERVER} and {TOOL}"
            )
        return Path(wanted)
    on_path = shutil.which(SERVER)
    if on_path and _holds_both(Path(on_path).parent):
        return Path(on_path).parent
    binaries = _CACHE / "usr" / "bin"
    if not _holds_both(binaries):
        _fetch()
    return binaries


def _holds_both(directory: Path) -> bool:
    return all((directory / name).is_file() for name in (SERVER, TOOL))


def _fetch() -> None:
    """Unpack Debian's package into the cache; several may do it at once."""
    _CACHE.parent.mkdir(parents=True, exist_ok=True)
    if not (shutil.which("apt-get") and shutil.which("dpkg-deb")):
        raise PrometheusError(
            "there is no Prometheus here, and only Debian's package is fetched: install one, or "
            "set READINESS_PROMETHEUS to a directory that holds prometheus and promtool"
        )
    with tempfile.TemporaryDirectory(dir=_CACHE.parent) as name:
        directory = Path(name)
        try:
            _run(["apt-get", "download", SERVER], directory)
        except PrometheusError:  # the lists of a new machine are empty or old
            _run(["apt-get", "update"], directory)
            _run(["apt-get", "download", SERVER], directory)
        package = next(directory.glob("*.deb"))
        _run(["dpkg-deb", "-x", str(package), "root"], directory)
        try:
            (directory / "root").rename(_CACHE)
        except OSError:  # another was faster
            if not _holds_both(_CACHE / "usr" / "bin"):
                raise


def _run(command: list[str], directory: Path) -> None:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False)
    if done.returncode:
        raise PrometheusError(f"`{' '.join(command)}` failed: {done.stderr.strip()[-500:]}")


class Prometheus:
    """A Prometheus that scrapes nothing; to start and stop, or to use as a context manager.

    Args:
        history: what it knows, in the OpenMetrics text format with times; ends with `# EOF`.
        web_config: its web.config.file (TLS), "" for none.
    """

    def __init__(self, history: str, *, web_config: str = "") -> None:
        self._binaries = find_binaries()
        self._directory = Path(tempfile.mkdtemp(prefix="readiness-prometheus-"))
        self._supervised = Supervised(self._directory)
        self._port = free_port()
        self.url = f"http{'s' if web_config else ''}://127.0.0.1:{self._port}"
        (self._directory / "prometheus.yml").write_text("{}\n", encoding="utf-8")
        (self._directory / "web.yml").write_text(web_config, encoding="utf-8")
        self._backfill(history)

    def _backfill(self, history: str) -> None:
        metrics = self._directory / "history"
        metrics.write_text(history, encoding="utf-8")
        command = [TOOL, "tsdb", "create-blocks-from", "openmetrics", "--quiet"]
        # Blocks of two hours for a history of weeks would be hundreds.
        command += ["--max-block-duration", "720h", str(metrics), str(self._data)]
        _run([str(self._binaries / command[0]), *command[1:]], self._directory)

    @property
    def _data(self) -> Path:
        return self._directory / "data"

    @property
    def log(self) -> str:
        """What it wrote."""
        return (self._directory / "prometheus.log").read_text(encoding="utf-8")

    def start(self) -> Self:
        """Start it; it answers some moments later, see `ready`."""
        argv = [
            str(self._binaries / SERVER),
            f"--config.file={self._directory / 'prometheus.yml'}",
            f"--web.config.file={self._directory / 'web.yml'}",
            f"--web.listen-address=127.0.0.1:{self._port}",
            f"--storage.tsdb.path={self._data}",
            "--storage.tsdb.retention.time=90d",
            "--log.level=warn",
        ]
        self._supervised.call("spawn", SERVER, argv, str(self._directory / "prometheus.log"))
        return self

    def ready(self) -> bool:
        """Return whether it answers queries.

        Raises:
            PrometheusError: when it has ended.
        """
        if self._supervised.call("poll")[SERVER] is not None:
            raise PrometheusError(f"{_ENDED}: {self.log[-1000:]}")
        anybody = ssl.create_default_context()
        anybody.check_hostname = False
        anybody.verify_mode = ssl.CERT_NONE
        try:
            with urllib.request.urlopen(
                f"{self.url}/-/ready", timeout=5, context=anybody
            ) as answer:
                return bool(answer.status == 200)
        except urllib.error.HTTPError as error:
            error.close()
            return False
        except OSError:
            return False

    def stop(self) -> None:
        """Stop it; it can be started again."""
        self._supervised.call("end", SERVER, 5.0)

    def close(self) -> None:
        """Stop it for good and remove all it wrote."""
        self._supervised.close()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
