"""Parsing of digests and manifests, according to the OCI image specification and its Docker predecessor."""

from __future__ import annotations

import hashlib
import platform
import re

from monitor.domain.json_text import JsonObject, json_value
from monitor.registry.errors import RegistryError

MANIFEST_BYTES = 4 << 20  # registries accept no larger manifest
_OCI, _DOCKER = "application/vnd.oci.image", "application/vnd.docker.distribution.manifest"
_IMAGE_TYPES = f"{_OCI}.manifest.v1+json", f"{_DOCKER}.v2+json"
ACCEPT = ", ".join((f"{_OCI}.index.v1+json", f"{_DOCKER}.list.v2+json", *_IMAGE_TYPES))
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
    return _ARCHITECTURES.get(platform.machine(), platform.machine())


def children_of(body: bytes, own_architecture: str) -> frozenset[str]:
    """Return the digests of an index's images for this machine; none if the manifest is not an index.

    Images of other platforms are left out, because they may be identical in several builds.  Attestations and
    other artifacts are left out, because they are not images.  An image without a platform counts only if it
    is the only image.  Raises `RegistryError` if the content is not a manifest.
    """
    children = _manifest_of(body).get("manifests")
    listed = children[:_MAX_CHILDREN] if isinstance(children, list) else ()
    images = [child for child in listed if isinstance(child, dict) and _is_image(child)]
    if len(images) > 1 or any("platform" in image for image in images):
        images = [image for image in images if _is_for(image.get("platform"), own_architecture)]
    return frozenset(digest for image in images if is_digest(digest := str(image.get("digest"))))


def config_of(body: bytes) -> str | None:
    """Return the digest of an image's configuration; `None` for an index, `RegistryError` for neither."""
    manifest = _manifest_of(body)
    if "manifests" in manifest:
        return None
    config = manifest["config"]
    if isinstance(config, dict) and is_digest(digest := str(config.get("digest"))):
        return digest
    raise RegistryError("its manifest has no configuration digest")


def runs_on(config: bytes, own_architecture: str) -> bool:
    """Return whether an image with this configuration runs on Linux on this architecture."""
    return _is_for(_parsed(config, "configuration", {"architecture"}, "has no platform"), own_architecture)


def _manifest_of(body: bytes) -> JsonObject:
    return _parsed(body, "manifest", {"manifests", "config"}, "is neither an image manifest nor an index")


def _parsed(body: bytes, name: str, fields: set[str], problem: str) -> JsonObject:
    """Return a JSON object that has one of the fields; raise `RegistryError` for anything else."""
    try:
        value = json_value(body)
    except ValueError as error:
        raise RegistryError(f"its {name} is not JSON") from error
    if not isinstance(value, dict) or not fields & value.keys():
        raise RegistryError(f"its {name} {problem}")
    return value


def _is_image(child: JsonObject) -> bool:
    annotations = child.get("annotations")
    attests = isinstance(annotations, dict) and "vnd.docker.reference.type" in annotations
    return child.get("mediaType") in (None, *_IMAGE_TYPES) and not attests and not child.get("artifactType")


def _is_for(target: object, own_architecture: str) -> bool:
    """Return whether a platform, as manifests name it, is Linux on this architecture."""
    own = ("linux", own_architecture)
    return isinstance(target, dict) and (target.get("os"), target.get("architecture")) == own
