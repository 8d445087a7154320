"""Push an image from an OCI layout to a registry over plain HTTP; prints its digest.

usage: push_image.py LAYOUT HOST:PORT/NAME:TAG
"""

from __future__ import annotations

import http.client
import json
import sys
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit

_INDEX = "application/vnd.oci.image.index.v1+json"
_MANIFEST = "application/vnd.oci.image.manifest.v1+json"


def main(layout: Path, target: str) -> str:
    """Push it and give its digest."""
    host, _, path = target.partition("/")
    name, _, tag = path.rpartition(":")
    connection = http.client.HTTPConnection(host, timeout=60)
    descriptor = json.loads((layout / "index.json").read_text())["manifests"][0]
    _push_manifest(connection, layout, name, descriptor, tag)
    digest: str = descriptor["digest"]
    return digest


def _push_manifest(
    connection: http.client.HTTPConnection, layout: Path, name: str, descriptor: dict[str, Any], tag: str
) -> None:
    """What a manifest names goes first: the registry refuses one whose parts it lacks."""
    content = _blob(layout, descriptor["digest"]).read_bytes()
    manifest = json.loads(content)
    for child in manifest.get("manifests", ()):
        _push_manifest(connection, layout, name, child, child["digest"])
    for part in (manifest.get("config"), *manifest.get("layers", ())):
        if part:
            _push_blob(connection, layout, name, part["digest"])
    media_type = descriptor.get("mediaType") or (_INDEX if "manifests" in manifest else _MANIFEST)
    _request(connection, "PUT", f"/v2/{name}/manifests/{tag}", content, {"Content-Type": media_type})


def _push_blob(connection: http.client.HTTPConnection, layout: Path, name: str, digest: str) -> None:
    connection.request("HEAD", f"/v2/{name}/blobs/{digest}")
    answer = connection.getresponse()
    answer.read()
    if answer.status == http.client.OK:
        return
    location = urlsplit(_request(connection, "POST", f"/v2/{name}/blobs/uploads/", b"")["location"])
    query = f"{location.query}&digest={quote(digest)}".removeprefix("&")
    with _blob(layout, digest).open("rb") as content:
        size = _blob(layout, digest).stat().st_size
        headers = {"Content-Type": "application/octet-stream", "Content-Length": str(size)}
        connection.request("PUT", f"{location.path}?{query}", content, headers)
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


def _blob(layout: Path, digest: str) -> Path:
    return layout / "blobs" / digest.replace(":", "/")


if __name__ == "__main__":
    sys.stdout.write(main(Path(sys.argv[1]), sys.argv[2]) + "\n")
