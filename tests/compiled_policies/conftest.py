"""The API server, with its warnings."""

from __future__ import annotations

import http.client
import json
import re
import secrets
import ssl
import threading
from collections.abc import Iterator

import pytest

from tests.compiled_policies.workloads import Manifest
from tests.judge.judge import Judge
from tools.control_plane import ControlPlane, Reply

_WARNING = re.compile(r'299 - "(.*)"')


class Server(Judge):
    """The API server, asked whether it would store a workload."""

    def __init__(self, control_plane: ControlPlane) -> None:
        super().__init__(control_plane)
        self._url = control_plane.url.removeprefix("https://")
        self._tls = ssl.create_default_context(cafile=str(control_plane.ca_file))
        self._token = control_plane.token
        self._own = threading.local()

    def create_for_show(self, document: Manifest, namespace: str) -> tuple[Reply, list[str]]:
        """Return the answer to a create with dryRun, and the warnings with it."""
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = http.client.HTTPSConnection(self._url, timeout=60, context=self._tls)
            self._own.connection = connection
            self._connections.append(connection)
        metadata = {**document["metadata"], "namespace": namespace}
        plural = f"{document['kind'].lower()}s"
        connection.request(
            "POST",
            f"/apis/apps/v1/namespaces/{namespace}/{plural}?dryRun=All",
            json.dumps({**document, "metadata": metadata}).encode(),
            {"Authorization": f"Bearer {self._token}", "Content-Type": "application/json"},
        )
        response = connection.getresponse()
        body = json.loads(response.read())
        warnings = []
        for header in response.headers.get_all("Warning") or []:
            told = _WARNING.fullmatch(header)
            assert told is not None, header
            warnings.append(re.sub(r"\\(.)", r"\1", told[1]))
        return Reply(response.status, body), warnings


@pytest.fixture(scope="module")
def server(control_plane: ControlPlane) -> Iterator[Server]:
    """Asks the API server of the session's control plane."""
    control_plane.check()
    asked = Server(control_plane)
    yield asked
    asked.close()


@pytest.fixture(scope="module")
def shop(server: Server) -> Iterator[str]:
    """A namespace of the module's own."""
    name = f"shop-{secrets.token_hex(3)}"
    with server.namespaces({name: {"env": "production"}}):
        yield name
