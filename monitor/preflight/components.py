"""Findings about the registry, the node, the monitor and the volume."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from monitor.avalanchego.node_config import NodeConfiguration, visible_setting
from monitor.domain.container import Container
from monitor.domain.network_names import network_name
from monitor.domain.observations import NodeAnswering, NodeData, NodeReading
from monitor.domain.run import Run
from monitor.domain.size import size_text
from monitor.domain.status import Phase
from monitor.errors import ConfigurationError, MonitorError
from monitor.preflight.findings import Finding, failure, ok, warning
from monitor.settings import PodSettings

REGISTRY, NODE, MONITOR, DATA_FOLDER, LEDGER = "registry", "node", "monitor", "data folder", "ledger"
_THIS_POD = frozenset({"127.0.0.1", "localhost", "::1"})
_STARTING = frozenset({"PodInitializing", "ContainerCreating"})  # the kubelet's reasons


@dataclass(frozen=True, slots=True)
class MonitorAnswer:
    """The sidecar's answers: whether it is ready, and the status from `/api/v1/status`."""

    ready: bool
    status: Mapping[str, Any]


def registry_finding(image: str, source: str, answer: str | MonitorError) -> Finding:
    """Judge the registry's answer about the rolling tag: a digest, or an error."""
    if isinstance(answer, str):
        return ok(REGISTRY, f"{image} is {answer}")
    if isinstance(answer, ConfigurationError) or source == "registry":
        return failure(REGISTRY, answer)
    return warning(
        REGISTRY,
        f"{answer}; until it can be read, pods poll for new builds every 5 min while no run is open",
    )


def node_finding(reading: NodeReading, url: str, expected: NodeConfiguration | None) -> Finding:
    """Judge the answers of the node in the monitor's pod."""
    if not isinstance(reading, NodeAnswering):
        return warning(
            NODE,
            f"{reading.message}: the node may be starting; if this persists, set --node-url to the node's address",
        )
    identity, health = reading.identity, reading.health
    if identity and expected and network_name(identity.network_id) != expected.network:
        return failure(
            NODE,
            f"{url} is on network {network_name(identity.network_id)}, but its configuration says "
            f"{expected.network}: set --node-url to the address of this pod's node",
        )
    what = identity.version if identity else "version not reported yet"
    healthy = "health unknown" if health is None else "healthy" if health.healthy else "not healthy yet"
    return ok(NODE, f"{url}: {what}, {healthy}")


def node_address_finding(node: Container, url: str) -> Finding | None:
    """Return a finding if the node's port differs from that of `url`, or is unknown; otherwise `None`."""
    try:
        port, asked = visible_setting(node, "http-port"), urlsplit(url)
        if port is None or asked.hostname not in _THIS_POD or str(asked.port or 80) == port:
            return None
    except (ConfigurationError, ValueError) as error:
        return warning(NODE, f"the node's port is unknown: {error}")
    return failure(
        NODE, f"the node listens on port {port}, but --node-url is {url}: set it to http://127.0.0.1:{port}"
    )


def monitor_finding(address: str, answer: MonitorAnswer | str) -> Finding:
    """Judge the sidecar's answer to a request from another pod, or the reason why it did not answer."""
    if isinstance(answer, str):
        return failure(
            MONITOR,
            f"{address} does not answer ({answer}): check the sidecar's log, its --web-listen-address, "
            "and whether a NetworkPolicy blocks this pod",
        )
    if not answer.ready:
        return failure(MONITOR, f"{address} is not ready: see the sidecar's log")
    phase, message = answer.status.get("phase"), answer.status.get("message")
    if phase == Phase.BLOCKED:
        return failure(MONITOR, f"{address}: blocked: {message}")
    return ok(MONITOR, f"{address} is ready: {phase}, {message}")


def stopped_monitor_finding(container: str, reason: str) -> Finding:
    """Return the finding about a sidecar that does not run."""
    message = f"container {container!r} is not running ({reason or 'no reason given'})"
    if reason in _STARTING:
        return warning(MONITOR, f"{message}: check again once it runs")
    return failure(MONITOR, f"{message}: see its log")


def seen_node_finding(answer: MonitorAnswer) -> Finding:
    """Judge the node's state as the monitor reports it."""
    node = answer.status.get("node")
    if not isinstance(node, Mapping):
        return warning(NODE, "the monitor has not polled the node yet")
    if not node.get("up"):
        return warning(
            NODE,
            "the node does not answer the monitor: it may be starting; if this persists, set --node-url to the node's "
            "address",
        )
    return ok(NODE, f"the node answers the monitor; its health is {node.get('health')}")


def data_folder_finding(
    data: NodeData, size_bytes: int, available_bytes: int, settings: PodSettings
) -> Finding:
    """Judge whether the node's data can be cleared, and whether enough of the volume is free."""
    if data.obstacle is not None:
        return failure(DATA_FOLDER, data.obstacle)
    room = f"{size_text(available_bytes)} of {size_text(size_bytes)} free"
    if available_bytes * 100 < settings.disk_floor * size_bytes:
        return warning(
            DATA_FOLDER,
            f"{settings.data_dir}: {room}, which is below --disk-floor ({settings.disk_floor:g} %), so a run fails "
            "as disk_full if this persists: enlarge the volume",
        )
    return ok(DATA_FOLDER, f"{settings.data_dir}: can be written and cleared, {room}")


def ledger_finding(last: Run | None, phase: Mapping[str, Any]) -> Finding:
    """Judge the ledger by its last run and the last recorded phase."""
    if phase.get("phase") == Phase.BLOCKED:
        return failure(LEDGER, f"blocked: {phase.get('message')}")
    if last is None:
        return ok(LEDGER, "can be read; no run yet")
    return ok(LEDGER, f"can be read; run {last.number} {'is open' if last.open else f'has {last.outcome}'}")
