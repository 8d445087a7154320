"""Kubernetes objects as JSON, turned into plain values.

Fields that an object may lack are read as empty: the API server leaves out what is empty.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from monitor.errors import ConfigurationError
from monitor.model import JsonObject
from monitor.pods import Container, EnvironmentVariable, Mount, Pod

VERSIONS_ANNOTATION = "avalanche.avax.network/avalanchego-versions"
_REVISION_LABEL = "controller-revision-hash"


@dataclass(frozen=True, slots=True)
class FieldManager:
    """Who set a field, and when (RFC 3339, UTC, so that the text sorts by time)."""

    name: str
    time: str


@dataclass(frozen=True, slots=True)
class StatefulSet:
    """The part of a StatefulSet that pinning and recreating depend on.

    `images` and `image_managers` are by name of the template's containers; `partition` is 0 unless rolling
    updates leave pods under it on the old revision.
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


def pod_of(found: JsonObject) -> Pod:
    """A pod of a StatefulSet.

    `image_ids` has an entry, possibly empty, for each container that the kubelet has spoken of.

    Raises:
        ConfigurationError: the pod is not owned by exactly one StatefulSet.
    """
    metadata, spec, status = found["metadata"], found.get("spec", {}), found.get("status", {})
    statuses = [*status.get("initContainerStatuses", ()), *status.get("containerStatuses", ())]
    return Pod(
        name=metadata["name"],
        uid=metadata["uid"],
        stateful_set=_owner(metadata),
        revision=metadata.get("labels", {}).get(_REVISION_LABEL, ""),
        annotations=dict(metadata.get("annotations", {})),
        containers=tuple(
            _container(each) for each in (*spec.get("initContainers", ()), *spec.get("containers", ()))
        ),
        running=frozenset(each["name"] for each in statuses if "running" in each.get("state", {})),
        image_ids={each["name"]: each.get("imageID", "") for each in statuses},
        terminating="deletionTimestamp" in metadata,
    )


def stateful_set_of(found: JsonObject) -> StatefulSet:
    """What is needed of a StatefulSet."""
    metadata, spec, status = found["metadata"], found["spec"], found.get("status", {})
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
        images={each["name"]: each.get("image", "") for each in template["spec"]["containers"]},
        versions_annotation=template.get("metadata", {}).get("annotations", {}).get(VERSIONS_ANNOTATION),
        image_managers=_image_managers(metadata.get("managedFields", ())),
    )


def _owner(metadata: JsonObject) -> str:
    owners = [(each.get("kind", ""), each.get("name", "")) for each in metadata.get("ownerReferences", ())]
    match owners:
        case [("StatefulSet", str(name))]:
            return name
        case _:
            found = ", ".join(f"{kind} {name!r}" for kind, name in owners) or "nothing"
            raise ConfigurationError(
                f"pod {metadata['name']!r} is owned by {found}: run it as the pod of exactly one StatefulSet"
            )


def _container(found: JsonObject) -> Container:
    return Container(
        name=found["name"],
        image=found.get("image", ""),
        command=tuple(found.get("command", ())),
        arguments=tuple(found.get("args", ())),
        environment=tuple(_variable(each) for each in found.get("env", ())),
        environment_sources=tuple(_sources(found.get("envFrom", ()))),
        mounts=tuple(
            # subPathExpr names a folder too, one that only the kubelet can tell: kept as it is written.
            Mount(each["mountPath"], each["name"], each.get("subPath") or each.get("subPathExpr", ""))
            for each in found.get("volumeMounts", ())
        ),
    )


def _variable(found: JsonObject) -> EnvironmentVariable:
    source = found.get("valueFrom")
    if source:
        return EnvironmentVariable(found["name"], None, _source_of_value(source))
    return EnvironmentVariable(found["name"], found.get("value", ""))


def _source_of_value(source: Mapping[str, Any]) -> str:
    kind, reference = next(iter(source.items()))
    words = (kind, reference.get("name"), reference.get("key") or reference.get("fieldPath"))
    return " ".join(str(word) for word in words if word)


def _sources(found: list[JsonObject]) -> Iterator[str]:
    for each in found:
        for key, kind in (("configMapRef", "configMap"), ("secretRef", "secret")):
            if key in each:
                yield f"{kind}/{each[key].get('name', '')}"


def _image_managers(managed: list[JsonObject]) -> dict[str, tuple[FieldManager, ...]]:
    found: dict[str, tuple[FieldManager, ...]] = {}
    for entry in managed:
        fields = entry.get("fieldsV1", {})
        for step in ("f:spec", "f:template", "f:spec", "f:containers"):
            fields = fields.get(step, {})
        for key, owned in fields.items():
            if key.startswith('k:{"name":"') and "f:image" in owned:
                name = key.removeprefix('k:{"name":"').removesuffix('"}')
                manager = FieldManager(entry.get("manager", ""), entry.get("time", ""))
                found[name] = (*found.get(name, ()), manager)
    return found
