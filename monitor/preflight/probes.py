"""The probes of `check`, which depend on whether it runs in the tester's pod or in another one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from http import HTTPStatus
from http.client import HTTPException

from monitor.avalanchego.node_api import NodeClient
from monitor.avalanchego.node_config import NodeConfiguration, configuration_of
from monitor.bounded_http import BoundedConnection, Bounds
from monitor.commands.registry_options import registry_options
from monitor.domain.container import Container
from monitor.domain.image_reference import ImageReference
from monitor.domain.json_text import json_value
from monitor.engine.volume import Volume, free_space
from monitor.errors import ConfigurationError, MonitorError
from monitor.k8s.container_settings import EffectiveSettings
from monitor.k8s.pod import Pod
from monitor.ledger import LEDGER_FILE, open_read_only
from monitor.preflight import components
from monitor.preflight.components import MonitorAnswer
from monitor.preflight.findings import Finding, failure, ok, unchecked, warning
from monitor.registry import Registry
from monitor.settings import DEFAULT_PORT, PodSettings, WaitSettings

_MONITOR_SECONDS = 10.0
_MONITOR_BYTES = 4 << 20


def asked_registry(image: str, settings: PodSettings, *, inside: bool) -> Finding:
    """Look up the rolling tag in the image's registry, unless the settings do not use the registry."""
    source = settings.image_source
    if source == "pod":
        return ok(components.REGISTRY, "not used: with --image-source pod, pods poll for new builds")
    absent = [path for path in (settings.registry_config, settings.registry_ca) if path and not path.exists()]
    if absent and not inside:
        return unchecked(components.REGISTRY, f"{absent[0]} is not mounted here, but in the tester's pod")
    try:
        repository = ImageReference.parse(image).repository
        with closing(Registry(repository, settings.rolling_tag, registry_options(settings))) as registry:
            answer: str | MonitorError = registry.digest()
    except MonitorError as error:
        return components.registry_finding(image, source, error)
    return components.registry_finding(f"{repository}:{settings.rolling_tag}", source, answer)


def seen_inside(node: Container | None, settings: PodSettings) -> Iterator[Finding]:
    """Check the volume's file system, the ledger and the node from inside the tester's pod."""
    yield from _data_folder(settings)
    if node is not None:
        misplaced = components.node_address_finding(node, settings.node_url)
        if misplaced:
            yield misplaced
    try:
        with closing(NodeClient(settings.node_url, settings.node_timeout)) as client:
            yield components.node_finding(client.read(), settings.node_url, _expected(node, settings))
    except ConfigurationError as error:
        yield failure(components.NODE, error)


def seen_from_elsewhere(pod: Pod, node: Container | None, effective: EffectiveSettings) -> Iterator[Finding]:
    """Check the tester's monitor, and the node as the monitor reports it, from another pod."""
    if node is not None:
        misplaced = components.node_address_finding(node, effective.settings.node_url)
        if misplaced:
            yield misplaced
    obstacle = _unaskable(pod, effective)
    if obstacle is not None:
        yield obstacle
        yield unchecked(components.NODE, "the monitor could not be queried")
        return
    host, port = _address(pod, effective)
    answer = monitor_answer(host, port)
    yield components.monitor_finding(f"http://{host}:{port}", answer)
    if isinstance(answer, MonitorAnswer):
        yield components.seen_node_finding(answer)
    else:
        yield unchecked(components.NODE, "the monitor could not be queried")


def _unaskable(pod: Pod, effective: EffectiveSettings) -> Finding | None:
    """Return a finding if a request to the monitor is not possible from here; otherwise `None`."""
    if effective.wait is None:
        return unchecked(components.MONITOR, "the sidecar was not found")
    state = pod.states.get(effective.wait.container.name)
    if state is not None and not state.running:
        return components.stopped_monitor_finding(effective.wait.container.name, state.reason)
    if isinstance(effective.wait.settings, WaitSettings) and effective.wait.settings.tls:
        return unchecked(
            components.MONITOR, "it serves HTTPS, and its certificate is not valid for the pod's address"
        )
    return None if pod.address else unchecked(components.MONITOR, "the pod has no address yet")


def _address(pod: Pod, effective: EffectiveSettings) -> tuple[str, int]:
    """Return the monitor's host, as written in a URL, and its port."""
    settings = effective.wait.settings if effective.wait else None
    port = settings.listen[1] if isinstance(settings, WaitSettings) else DEFAULT_PORT
    return f"[{pod.address}]" if ":" in pod.address else pod.address, port


def monitor_answer(host: str, port: int, seconds: float = _MONITOR_SECONDS) -> MonitorAnswer | str:
    """Return a monitor's answer, or the reason why it did not answer."""
    with closing(BoundedConnection(host, port)) as connection:
        try:
            ready = connection.ask("GET", "/-/ready", Bounds(time.monotonic() + seconds, _MONITOR_BYTES))
            answer = connection.ask(
                "GET", "/api/v1/status", Bounds(time.monotonic() + seconds, _MONITOR_BYTES)
            )
            status = json_value(answer.body, _MONITOR_BYTES)
        except (HTTPException, OSError, ValueError) as error:
            return str(error)
    if answer.status != HTTPStatus.OK or not isinstance(status, dict):
        return f"/api/v1/status returned status {answer.status}"
    return MonitorAnswer(ready.status == HTTPStatus.OK, status)


def _data_folder(settings: PodSettings) -> Iterator[Finding]:
    data_dir = settings.data_dir
    if not data_dir.is_absolute():
        yield unchecked(components.DATA_FOLDER, "its path is unknown: set --data-dir")
        return
    if not data_dir.is_dir():
        yield failure(components.DATA_FOLDER, f"{data_dir}: no such folder; mount the node's volume there")
        yield unchecked(components.LEDGER, "its folder does not exist")
        return
    try:
        size_bytes, available_bytes = free_space(data_dir)
        data = Volume(data_dir).node_data()
        yield components.data_folder_finding(data, size_bytes, available_bytes, settings)
    except MonitorError as error:
        yield failure(components.DATA_FOLDER, error)
    if not (data_dir / LEDGER_FILE).exists():
        yield warning(components.LEDGER, f"not found in {data_dir} yet: init creates it")
        return
    try:
        with closing(open_read_only(data_dir)) as ledger:
            phase = ledger.reading("phase")
            yield components.ledger_finding(ledger.last(), phase.value if phase else {})
    except MonitorError as error:
        yield failure(components.LEDGER, error)


def _expected(node: Container | None, settings: PodSettings) -> NodeConfiguration | None:
    """Return the node's configuration; `None` if it is invalid, which another finding reports."""
    if node is None:
        return None
    try:
        return configuration_of(node, settings.network or None, settings.settled_sync_mode)
    except ConfigurationError:
        return None
