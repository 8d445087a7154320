"""Parsing of digests and manifests, according to the OCI image specification and its Docker predecessor."""

from __future__ import annotations

import hashlib
import platform
import re
from collections.abc import Iterator, Mapping
from typing import Any

from monitor.domain.json_text import json_value
from monitor.registry.errors import RegistryError

MANIFEST_BYTES = 4 << 20  # registries accept no larger manifest
_MEDIA_TYPES = (
    "application/vnd.oci.image.index.v1+json",
    "application/vnd.oci.image.manifest.v1+json",
    "application/vnd.docker.distribution.manifest.list.v2+json",
    "application/vnd.docker.distribution.manifest.v2+json",
)
ACCEPT = ", ".join(_MEDIA_TYPES)
_IMAGE_TYPES = frozenset(each for each in _MEDIA_TYPES if ".manifest.v" in each)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128}")
_MAX_CHILDREN = 1000
# Architecture names as in Go, which image manifests use, by the name that `platform.machine` returns.
_ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64", "armv7l": "arm", "i686": "386"}


def is_digest(text: str) -> bool:
    """Return whether a text is a digest of one of the registered algorithms."""
    return _DIGEST.fullmatch(text) is not None


def digest_of(body: bytes, like: str) -> str:
    """Return the digest of a manifest, computed with the algorithm of the digest `like`."""
    algorithm = like.partition(":")[0]
    return f"{algorithm}:{hashlib.new(algorithm, body).hexdigest()}"


def architecture() -> str:
    """Return the architecture of this machine, which the node shares because both run in one pod."""
    machine = platform.machine()
    return _ARCHITECTURES.get(machine, machine)


def children_of(body: bytes, own_architecture: str) -> frozenset[str]:
    """Return the digests of an index's images for this machine; none if the manifest is not an index.

    Images of other platforms are left out, because they may be identical in several builds.  Attestations and
    other artifacts are left out, because they are not images.  An image without a platform counts only if it
    is the only image.

    Raises:
        RegistryError: the content is not a manifest.
    """
    return frozenset(_own_digests(_manifest_of(body).get("manifests"), own_architecture))


def config_of(body: bytes) -> str | None:
    """Return the digest of an image's configuration, or `None` if the manifest is an index.

    Raises:
        RegistryError: the content is not a manifest, or has no digest of a configuration.
    """
    manifest = _manifest_of(body)
    if "manifests" in manifest:
        return None
    config = manifest["config"]
    digest = config.get("digest") if isinstance(config, dict) else None
    if not isinstance(digest, str) or not is_digest(digest):
        raise RegistryError("its manifest has no configuration digest")
    return digest


def runs_on(config: bytes, own_architecture: str) -> bool:
    """Return whether an image with this configuration runs on Linux on this architecture.

    Raises:
        RegistryError: the content is not an image configuration.
    """
    try:
        found = json_value(config)
    except ValueError as error:
        raise RegistryError("its configuration is not JSON") from error
    if not isinstance(found, dict) or "architecture" not in found:
        raise RegistryError("its configuration has no platform")
    return (found.get("os"), found["architecture"]) == ("linux", own_architecture)


def _manifest_of(body: bytes) -> Mapping[str, Any]:
    try:
        manifest = json_value(body)
    except ValueError as error:
        raise RegistryError("its manifest is not JSON") from error
    if not isinstance(manifest, dict) or not ({"manifests", "config"} & manifest.keys()):
        raise RegistryError("its manifest is neither an image manifest nor an index")
    return manifest


def _own_digests(children: object, own_architecture: str) -> Iterator[str]:
    listed = children[:_MAX_CHILDREN] if isinstance(children, list) else ()
    images = [child for child in listed if isinstance(child, dict) and _is_image(child)]
    for image in images:
        digest, alone = image.get("digest"), len(images) == 1
        if isinstance(digest, str) and is_digest(digest) and _fits(image, own_architecture, alone=alone):
            yield digest


def _is_image(child: Mapping[str, Any]) -> bool:
    annotations, media_type = child.get("annotations"), child.get("mediaType")
    attests = isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations
    typed = media_type is None or (isinstance(media_type, str) and media_type in _IMAGE_TYPES)
    return typed and not attests and not child.get("artifactType")


def _fits(image: Mapping[str, Any], own_architecture: str, *, alone: bool) -> bool:
    if "platform" not in image:
        return alone
    wanted, own = image["platform"], ("linux", own_architecture)
    return isinstance(wanted, dict) and (wanted.get("os"), wanted.get("architecture")) == own
