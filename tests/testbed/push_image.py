"""Push an image from an OCI layout to a registry over plain HTTP, and print its digest.

usage: push_image.py LAYOUT HOST:PORT/NAME:TAG [VARIABLE=VALUE...]

The variables are added to the environment in the image, which makes it another image.
"""

from __future__ import annotations

import hashlib
import http.client
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


class Layout:
    """The parts of an image by digest; `made` contains the parts that are not in the layout."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.made: dict[str, bytes] = {}

    def descriptor(self) -> dict[str, Any]:
        """Return the descriptor of the image."""
        found: dict[str, Any] = json.loads((self._folder / "index.json").read_text())["manifests"][0]
        return found

    def read(self, digest: str) -> bytes:
        """Return the content of one part."""
        path = self._folder / "blobs" / digest.replace(":", "/")
        return self.made[digest] if digest in self.made else path.read_bytes()

    def with_environment(self, variables: Sequence[str]) -> dict[str, Any]:
        """Return the descriptor of the image with these variables added to its environment."""
        descriptor = self.descriptor()
        manifest = json.loads(self.read(descriptor["digest"]))
        if "manifests" in manifest:
            descriptor = manifest["manifests"][0]
            manifest = json.loads(self.read(descriptor["digest"]))
        config = json.loads(self.read(manifest["config"]["digest"]))
        names = {each.partition("=")[0] for each in variables}
        kept = [each for each in config["config"].get("Env", ()) if each.partition("=")[0] not in names]
        config["config"]["Env"] = [*kept, *variables]
        manifest["config"] |= self._make(config)
        return {"mediaType": descriptor.get("mediaType", _MANIFEST)} | self._make(manifest)

    def _make(self, part: dict[str, Any]) -> dict[str, Any]:
        content = json.dumps(part).encode()
        digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
        self.made[digest] = content
        return {"digest": digest, "size": len(content)}


def main(folder: Path, target: str, variables: Sequence[str]) -> str:
    """Push the image and return its digest."""
    host, _, path = target.partition("/")
    name, _, tag = path.rpartition(":")
    connection = http.client.HTTPConnection(host, timeout=60)
    layout = Layout(folder)
    descriptor = layout.with_environment(variables) if variables else layout.descriptor()
    _push_manifest(connection, layout, name, descriptor, tag)
    digest: str = descriptor["digest"]
    return digest


def _push_manifest(
    connection: http.client.HTTPConnection, layout: Layout, name: str, descriptor: dict[str, Any], tag: str
) -> None:
    """Push a manifest after its parts, because the registry rejects a manifest with missing parts."""
    content = layout.read(descriptor["digest"])
    manifest = json.loads(content)
    for child in manifest.get("manifests", ()):
        _push_manifest(connection, layout, name, child, child["digest"])
    for part in (manifest.get("config"), *manifest.get("layers", ())):
        if part:
            _push_blob(connection, layout, name, part["digest"])
    media_type = descriptor.get("mediaType") or (_INDEX if "manifests" in manifest else _MANIFEST)
    _request(connection, "PUT", f"/v2/{name}/manifests/{tag}", content, {"Content-Type": media_type})


def _push_blob(connection: http.client.HTTPConnection, layout: Layout, name: str, digest: str) -> None:
    connection.request("HEAD", f"/v2/{name}/blobs/{digest}")
    answer = connection.getresponse()
    answer.read()
    if answer.status == http.client.OK:
        return
    location = urlsplit(_request(connection, "POST", f"/v2/{name}/blobs/uploads/", b"")["location"])
    query = f"{location.query}&digest={quote(digest)}".removeprefix("&")
    headers = {"Content-Type": "application/octet-stream"}
    connection.request("PUT", f"{location.path}?{query}", layout.read(digest), headers)
    _answer(connection, f"PUT blob {digest}")


def _request(
    connection: http.client.HTTPConnection,
    method: str,
    path: str,
    body: bytes,
    headers: dict[str, str] | None = None,
) -> dict[str, str]:
    connection.request(method, path, body, headers or {})
    return _answer(connection, f"{method} {path}")


def _answer(connection: http.client.HTTPConnection, what: str) -> dict[str, str]:
    answer = connection.getresponse()
    text = answer.read().decode(errors="replace")
    if answer.status // 100 != 2:
        raise RuntimeError(f"{what}: {answer.status} {text}")
    return {key.lower(): value for key, value in answer.getheaders()}


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2], sys.argv[3:]) + "\n")
