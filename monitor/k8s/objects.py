"""Conversion of Kubernetes objects from JSON to plain values.

Missing fields are read as empty, because the API server omits empty fields.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.avalanchego.conventions import VERSIONS_ANNOTATION
from monitor.domain.build import Build, Versions
from monitor.domain.container import Container, EnvironmentVariable, Mount
from monitor.domain.json_text import JsonObject, json_object, json_text
from monitor.errors import ConfigurationError
from monitor.k8s.pod import ContainerState, Pod, Termination, VolumeSource

_IMAGE_KEY = "image"  # the Go monitor neither writes nor reads this key
_CLAIM = "persistentVolumeClaim"
_REVISION_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class FieldManager:
    """The client that set a field, and the time in RFC 3339 and UTC, so that the text sorts by time."""

    name: str
    time: str


@dataclass(frozen=True, slots=True)
class StatefulSet:
    """The fields of a StatefulSet that pinning and recreating the pod depend on.

    `images` and `image_managers` are keyed by the names of the template's containers. Rolling updates leave
    pods with an ordinal below `partition` on the old revision. `update_strategy` is `RollingUpdate` or
    `OnDelete`.
    """

    name: str
    resource_version: str
    generation: int
    observed_generation: int
    update_revision: str
    partition: int
    images: Mapping[str, str]
    versions_annotation: str | None
    image_managers: Mapping[str, tuple[FieldManager, ...]] = field(default_factory=dict)
    replicas: int = 1
    update_strategy: str = "RollingUpdate"

    @property
    def partition_fault(self) -> str:
        """Reason why a recreated pod would keep its old revision, and the fix; empty without a partition."""
        if self.partition <= 0:
            return ""
        return (
            f"has partition {self.partition}, so its pod would be recreated with the old revision: "
            "set spec.updateStrategy.rollingUpdate.partition to 0"
        )


@dataclass(frozen=True, slots=True)
class Claim:
    """A PersistentVolumeClaim: its `phase` in Kubernetes, and its `capacity` as a quantity such as `100Gi`.

    `capacity` is empty until the claim is bound.
    """

    name: str
    phase: str
    capacity: str
    access_modes: tuple[str, ...] = ()
    terminating: bool = False


def pod_of(manifest: JsonObject) -> Pod:
    """Return a pod of a StatefulSet.

    Raises:
        ConfigurationError: the pod is not owned by exactly one StatefulSet.
    """
    metadata, spec, status = manifest["metadata"], manifest.get("spec", {}), manifest.get("status", {})
    statuses = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    owner, owner_uid = _owner(metadata)
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        stateful_set=owner,
        stateful_set_uid=owner_uid,
        revision=metadata.get("labels", {}).get(_REVISION_LABEL, ""),
        annotations=dict(metadata.get("annotations", {})),
        containers=tuple(
            _container(container)
            for container in (*spec.get("initContainers", ()), *spec.get("containers", ()))
        ),
        states={entry["name"]: _state(entry) for entry in statuses},
        terminating="deletionTimestamp" in metadata,
        volumes={volume["name"]: _volume_source(volume) for volume in spec.get("volumes", ())},
        address=status.get("podIP", ""),
    )


def stateful_set_of(manifest: JsonObject) -> StatefulSet:
    """Return the fields of a StatefulSet that the monitor uses."""
    metadata, spec, status = manifest["metadata"], manifest["spec"], manifest.get("status", {})
    template = spec["template"]
    strategy = spec.get("updateStrategy", {})
    rolling = strategy.get("rollingUpdate") or {}
    return StatefulSet(
        name=metadata["name"],
        resource_version=metadata["resourceVersion"],
        generation=metadata.get("generation", 0),
        observed_generation=status.get("observedGeneration", 0),
        update_revision=status.get("updateRevision", ""),
        partition=0 if strategy.get("type") == "OnDelete" else rolling.get("partition") or 0,
        images={
            container["name"]: container.get("image", "") for container in template["spec"]["containers"]
        },
        versions_annotation=template.get("metadata", {}).get("annotations", {}).get(VERSIONS_ANNOTATION),
        image_managers=_image_managers(metadata.get("managedFields", ())),
        replicas=spec.get("replicas", 1),
        update_strategy=strategy.get("type", "RollingUpdate"),
    )


def claim_of(manifest: JsonObject) -> Claim:
    """Return the fields of a PersistentVolumeClaim that the monitor uses."""
    status = manifest.get("status", {})
    return Claim(
        name=manifest["metadata"]["name"],
        phase=status.get("phase", ""),
        capacity=status.get("capacity", {}).get("storage", ""),
        access_modes=tuple(manifest.get("spec", {}).get("accessModes", ())),
        terminating="deletionTimestamp" in manifest["metadata"],
    )


def versions_annotation(build: Build) -> str:
    """Return the annotation with a build's versions and image; empty if the versions are unknown.

    The image shows whether the annotation is outdated: pinning another image by hand does not change it.
    """
    if build.versions is None:
        return ""
    return json_text({**json_object(build.versions.to_json()), _IMAGE_KEY: build.image})


def annotated_versions(annotation: str, image: str) -> Versions | None:
    """Return the versions in an annotation; `None` if it is empty or belongs to another image.

    Raises:
        ValueError: the annotation is not output of `--version-json`.
    """
    if not annotation.strip():
        return None
    versions = Versions.parse(annotation)
    return versions if json_object(annotation).get(_IMAGE_KEY, image) == image else None


def _owner(metadata: JsonObject) -> tuple[str, str]:
    owners = [
        (owner.get("kind", ""), owner.get("name", ""), owner.get("uid", ""))
        for owner in metadata.get("ownerReferences", ())
    ]
    match owners:
        case [("StatefulSet", str(name), str(uid))]:
            return name, uid
        case _:
            owned_by = ", ".join(f"{kind} {name!r}" for kind, name, _ in owners) or "nothing"
            raise ConfigurationError(
                f"pod {metadata['name']!r} is owned by {owned_by}: run it as the pod of exactly one StatefulSet"
            )


def _state(status: JsonObject) -> ContainerState:
    state = status.get("state", {})
    stopped = state.get("waiting") or state.get("terminated") or {}
    ended = state.get("terminated") or status.get("lastState", {}).get("terminated")
    return ContainerState(
        running="running" in state,
        reason=stopped.get("reason", ""),
        restarts=status.get("restartCount", 0),
        image_id=status.get("imageID", ""),
        last_termination=Termination(
            ended.get("exitCode", 0), ended.get("reason", ""), ended.get("message", "")
        )
        if ended
        else None,
        message=stopped.get("message", ""),
    )


def _container(manifest: JsonObject) -> Container:
    return Container(
        name=manifest["name"],
        image=manifest.get("image", ""),
        command=tuple(manifest.get("command", ())),
        arguments=tuple(manifest.get("args", ())),
        environment=tuple(_variable(variable) for variable in manifest.get("env", ())),
        environment_sources=tuple(_sources(manifest.get("envFrom", ()))),
        mounts=tuple(
            # subPathExpr names a folder too, but only the kubelet can expand it.
            Mount(mount["mountPath"], mount["name"], mount.get("subPath") or mount.get("subPathExpr", ""))
            for mount in manifest.get("volumeMounts", ())
        ),
    )


def _variable(manifest: JsonObject) -> EnvironmentVariable:
    source = manifest.get("valueFrom")
    if source:
        return EnvironmentVariable(manifest["name"], None, _source_of_value(source))
    return EnvironmentVariable(manifest["name"], manifest.get("value", ""))


def _volume_source(manifest: JsonObject) -> VolumeSource:
    kind = next((key for key in manifest if key != "name"), "emptyDir")  # the API server's default
    return VolumeSource(kind, manifest[_CLAIM]["claimName"] if kind == _CLAIM else "")


def _source_of_value(source: Mapping[str, Any]) -> str:
    kind, reference = next(iter(source.items()))
    words = (kind, reference.get("name"), reference.get("key") or reference.get("fieldPath"))
    return " ".join(str(word) for word in words if word)


def _sources(entries: list[JsonObject]) -> Iterator[str]:
    for entry in entries:
        for key, kind in (("configMapRef", "configMap"), ("secretRef", "secret")):
            if key in entry:
                yield f"{kind}/{entry[key].get('name', '')}"


def _image_managers(managed: list[JsonObject]) -> dict[str, tuple[FieldManager, ...]]:
    owners: dict[str, tuple[FieldManager, ...]] = {}
    for entry in managed:
        fields = entry.get("fieldsV1", {})
        for step in ("f:spec", "f:template", "f:spec", "f:containers"):
            fields = fields.get(step, {})
        for key, owned in fields.items():
            if key.startswith('k:{"name":"') and "f:image" in owned:
                name = key.removeprefix('k:{"name":"').removesuffix('"}')
                manager = FieldManager(entry.get("manager", ""), entry.get("time", ""))
                owners[name] = (*owners.get(name, ()), manager)
    return owners
