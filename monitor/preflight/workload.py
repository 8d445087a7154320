"""Findings about the StatefulSet, the node's container, its image and configuration, and the volume."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from monitor.avalanchego.node_config import check_node_data, configuration_of, state_sync_hazard
from monitor.domain.container import Container
from monitor.domain.image_reference import ImageReference
from monitor.domain.plural import plural
from monitor.errors import ConfigurationError
from monitor.k8s.cluster import listing
from monitor.k8s.containers import monitor_container
from monitor.k8s.objects import Claim, StatefulSet
from monitor.k8s.pod import Pod, VolumeSource
from monitor.preflight.findings import Finding, failure, ok, warning
from monitor.settings import PodSettings

STATEFUL_SET, NODE_CONTAINER, IMAGE, CONFIGURATION = "StatefulSet", "node container", "image", "configuration"
VOLUME, CLAIM = "volume", "claim"
_OF_THE_POD = frozenset({"emptyDir", "ephemeral"})
_BOUND = "Bound"


def stateful_set_findings(stateful_set: StatefulSet, node_container_name: str) -> Iterator[Finding]:
    """Check that the StatefulSet recreates a deleted pod, as a single replica, from the updated template."""
    faults = []
    if stateful_set.replicas != 1:
        faults.append(
            f"has {plural(stateful_set.replicas, 'replica')}, but a tester is one pod: set spec.replicas to 1"
        )
    if stateful_set.update_strategy != "RollingUpdate":
        faults.append(
            f"has updateStrategy {stateful_set.update_strategy}: set spec.updateStrategy.type to RollingUpdate"
        )
    if stateful_set.partition_fault:
        faults.append(stateful_set.partition_fault)
    if node_container_name and node_container_name not in stateful_set.images:
        faults.append(
            f"has no container {node_container_name!r} in its template but {listing(stateful_set.images)}: "
            "check --node-container-name"
        )
    for fault in faults:
        yield failure(STATEFUL_SET, f"{stateful_set.name!r} {fault}")
    if not faults:
        yield ok(STATEFUL_SET, f"{stateful_set.name!r}: 1 replica, RollingUpdate, partition 0")


def node_container_finding(pod: Pod, node: Container) -> Finding:
    """Judge the kubelet's status of the node's container."""
    state = pod.states.get(node.name)
    if state is None:
        return warning(NODE_CONTAINER, f"{node.name!r} has not started yet: init runs first")
    if not state.running:
        reason = state.reason or "no reason given"
        return warning(
            NODE_CONTAINER, f"{node.name!r} is not running ({reason}): see kubectl describe pod {pod.name}"
        )
    return ok(NODE_CONTAINER, f"{node.name!r} runs; restarted {plural(state.restarts, 'time')}")


def image_finding(where: str, image: str, rolling_tag: str) -> Finding:
    """Check that the image is pinned by digest or has the rolling tag."""
    try:
        reference = ImageReference.parse(image)
    except ConfigurationError as error:
        return failure(IMAGE, f"{where}: {error}")
    if reference.pinned:
        return ok(IMAGE, f"{where}: {image} is pinned; new builds are found under tag {rolling_tag!r}")
    if reference.tag == rolling_tag:
        return ok(IMAGE, f"{where}: {image} has the rolling tag; init pins it")
    return failure(
        IMAGE,
        f"{where}: {image} is neither pinned by digest nor has the tag {rolling_tag!r}: "
        f"use {reference.repository}:{rolling_tag}, or set --rolling-tag",
    )


def configuration_findings(node: Container, settings: PodSettings) -> Iterator[Finding]:
    """Report the node's network and sync mode, and settings that prevent the bootstrap."""
    try:
        configuration = configuration_of(node, settings.network or None, settings.settled_sync_mode)
    except ConfigurationError as error:
        yield failure(CONFIGURATION, error)
        return
    yield ok(CONFIGURATION, f"network {configuration.network}, sync mode {configuration.sync_mode}")
    if hazard := state_sync_hazard(node, configuration):
        yield warning(CONFIGURATION, hazard)


def volumes_of(pod: Pod, node: Container, monitors: Sequence[Container], data_dir: str) -> tuple[str, ...]:
    """Return the volumes that the monitor's containers mount at the data folder; a correct setup has one.

    Raises:
        ConfigurationError: no volume is mounted there, or the node writes to another folder.
    """
    seen_by = monitors or (monitor_container(pod, node.name, data_dir),)
    return tuple(sorted({check_node_data(node, each, data_dir) for each in seen_by}))


def volume_finding(name: str, source: VolumeSource | None, data_dir: str) -> Finding:
    """Check that the volume outlives the pod."""
    if source is None:
        return failure(VOLUME, f"the pod mounts {name!r} but has no such volume: restore it")
    if source.kind in _OF_THE_POD:
        return failure(
            VOLUME,
            f"{name!r} is of kind {source.kind} and is deleted with the pod, with all results: "
            "use a persistentVolumeClaim",
        )
    return ok(VOLUME, f"{name!r} ({source.kind}): init deletes {data_dir}/avalanchego, the node's data")


def claim_finding(name: str, claim: Claim | None) -> Finding:
    """Check that the claim is bound, and report its capacity."""
    if claim is None:
        return failure(CLAIM, f"persistentvolumeclaim {name!r} not found: create it")
    if claim.terminating:
        return failure(
            CLAIM,
            f"{name!r} is terminating and is deleted, with all results, once no pod uses it: back it up",
        )
    if claim.phase != _BOUND:
        return failure(
            CLAIM,
            f"{name!r} is {claim.phase or 'not bound'}: see kubectl describe persistentvolumeclaim {name}",
        )
    return ok(
        CLAIM,
        f"{name!r}: {claim.phase}, {claim.capacity or 'size unknown'}, {', '.join(claim.access_modes)}",
    )
