"""The client understands the answers of a deployed registry (Debian's `docker-registry`)."""

from __future__ import annotations

import hashlib
import http.client
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from support.fake_registry import INDEX, MANIFEST, NAME, basic, certificate, child, config

from monitor.registry import Registry, RegistryError, RegistryOptions

PASSWORD, PASSWORD_HASH = "U*U", "$2y$05$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"


@contextmanager
def running(program: Path, folder: Path, auth: str = "", tls: str = "") -> Iterator[str]:
    """Run a registry that stores its images in a folder; yield its address."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    settings = folder / "registry.yml"
    settings.write_text(
        f"version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {folder}/images}}}}\n"
        f"http: {{addr: '{address}'{tls}}}\n{auth}"
    )
    with subprocess.Popen(
        [program, "serve", settings], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        try:
            await_port(address)
            yield address
        finally:
            process.kill()


def await_port(address: str) -> None:
    """Wait until a server listens on the address."""
    until = time.monotonic() + 30
    while time.monotonic() < until:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", int(address.rpartition(":")[2]))) == 0:
                return
        time.sleep(0.02)
    raise AssertionError(f"the registry does not listen on {address}")


class Pusher:
    """A client that pushes manifests, as docker does."""

    def __init__(self, address: str, authorization: str = "") -> None:
        self._connection = http.client.HTTPConnection(address, timeout=10)
        self._headers = {"Authorization": authorization} if authorization else {}

    def close(self) -> None:
        """Close the client's connection."""
        self._connection.close()

    def push(self, manifest: dict[str, object], media_type: str, reference: str = "") -> str:
        """Push a manifest under a tag, or only under its digest; return its digest."""
        body = json.dumps({"schemaVersion": 2, "mediaType": media_type, **manifest}).encode()
        digest = f"sha256:{hashlib.sha256(body).hexdigest()}"
        self._send("PUT", f"/v2/{NAME}/manifests/{reference or digest}", body, media_type)
        return digest

    def push_build(self, number: int, media_type: str, reference: str = "") -> str:
        """Push a small image and return the digest of its manifest."""
        content = json.dumps({"number": number}).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        location = urlsplit(self._send("POST", f"/v2/{NAME}/blobs/uploads/", b""))
        self._send("PUT", f"{location.path}?{location.query}&digest={quote(digest)}", content)
        kind = "application/vnd.docker.container.image.v1+json"
        part = {"mediaType": kind, "digest": digest, "size": len(content)}
        return self.push({"config": part, "layers": []}, media_type, reference)

    def _send(self, method: str, path: str, body: bytes, media_type: str = "application/octet-stream") -> str:
        self._connection.request(method, path, body, {**self._headers, "Content-Type": media_type})
        answer = self._connection.getresponse()
        received = answer.read()
        assert answer.status // 100 == 2, received
        return answer.getheader("Location", "")


def test_tags_are_followed_through_every_type_of_manifest(registry_program: Path, tmp_path: Path) -> None:
    with running(registry_program, tmp_path) as address, closing(Pusher(address)) as pusher:
        registry = Registry(f"{address}/{NAME}", "latest", RegistryOptions(), architecture="amd64")
        with pytest.raises(RegistryError, match="latest not found: check the name and the tag"):
            registry.digest()

        for media_type in (MANIFEST, DOCKER_MANIFEST):
            pushed = pusher.push_build(1, media_type, "latest")
            assert registry.digest() == pushed
            assert registry.digests(pushed) == {pushed}

        children = [
            {**child(pusher.push_build(2, MANIFEST)), "size": 1},
            {**child(pusher.push_build(3, MANIFEST), "arm64"), "size": 1},
        ]
        index = pusher.push({"manifests": children}, INDEX, "latest")
        assert registry.digest() == index
        assert registry.digests(index) == {index, children[0]["digest"]}


def test_its_users_are_let_in(registry_program: Path, tmp_path: Path) -> None:
    (tmp_path / "users").write_text(f"user:{PASSWORD_HASH}\n")
    auth = f"auth: {{htpasswd: {{realm: here, path: {tmp_path}/users}}}}\n"
    with running(registry_program, tmp_path, auth) as address:
        with closing(Pusher(address, basic("user", PASSWORD))) as pusher:
            pushed = pusher.push_build(1, MANIFEST, "latest")
        repository = f"{address}/{NAME}"
        path = config(tmp_path, address, username="user", password=PASSWORD)
        assert Registry(repository, "latest", RegistryOptions(path)).digest() == pushed
        with pytest.raises(RegistryError, match="denies anonymous access"):
            Registry(repository, "latest", RegistryOptions()).digest()
        config(tmp_path, address, username="user", password="wrong")
        with pytest.raises(RegistryError, match="check that user's permissions"):
            Registry(repository, "latest", RegistryOptions(path)).digest()


def test_it_is_asked_over_tls(registry_program: Path, tmp_path: Path) -> None:
    made, key = certificate(tmp_path, "own")
    with running(registry_program, tmp_path, tls=f", tls: {{certificate: {made}, key: {key}}}") as address:
        registry = Registry(f"{address}/{NAME}", "latest", RegistryOptions(ca=made))
        with pytest.raises(RegistryError, match="latest not found"):
            registry.digest()
