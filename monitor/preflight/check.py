"""The command `check`, which reads a tester's setup once and reports a finding for each part of it.

In the tester's pod, `check` also reads the volume and the node. From another pod, such as that of `helm
test`, it reads the pod's specification, the claim, and the answers of the tester's monitor.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass

from monitor.domain.container import Container
from monitor.domain.json_text import json_text
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.k8s.cluster import Cluster
from monitor.k8s.container_settings import EffectiveSettings, effective_settings
from monitor.k8s.containers import node_container
from monitor.k8s.objects import StatefulSet
from monitor.k8s.pod import Pod
from monitor.preflight import components, permissions, workload
from monitor.preflight.container_settings import SUBJECT as SETTINGS_SUBJECT
from monitor.preflight.container_settings import settings_findings
from monitor.preflight.findings import Finding, Result, failure, ok, unchecked, warning
from monitor.preflight.probes import asked_registry, seen_from_elsewhere, seen_inside
from monitor.settings import CheckSettings

_AGAIN_SECONDS = 5.0
_POD = "pod"
_OF_THE_NODE = (
    workload.IMAGE,
    workload.CONFIGURATION,
    workload.VOLUME,
    workload.CLAIM,
    components.REGISTRY,
)
_OF_THE_POD = (SETTINGS_SUBJECT, workload.NODE_CONTAINER, *_OF_THE_NODE, components.NODE)


def run_check(
    settings: CheckSettings,
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> int:
    """Print the findings, and return the exit code: 1 if a check still fails after `settings.wait`, else 0.

    Raises:
        ConfigurationError: the credentials for the cluster are missing or unusable.
    """
    ends_at = clock() + (settings.wait or 0.0)
    with closing(Cluster.connect(settings.namespace)) as cluster:
        findings = tuple(Check(settings, cluster).findings())
        while not _ok(findings) and clock() < ends_at:
            sleep(min(_AGAIN_SECONDS, ends_at - clock()))
            findings = tuple(Check(settings, cluster).findings())
    if settings.json_output:
        print(
            json_text({"ok": _ok(findings), "checks": [finding.to_json() for finding in findings]}, indent=2)
        )
    else:
        print("\n".join(finding.text() for finding in findings))
    return int(not _ok(findings))


def _ok(findings: tuple[Finding, ...]) -> bool:
    return all(finding.result is not Result.FAIL for finding in findings)


@dataclass(frozen=True, slots=True)
class Check:
    """The checks of one tester, in order; a failed check does not prevent the others."""

    asked: CheckSettings
    cluster: Cluster

    def findings(self) -> Iterator[Finding]:
        """Run all checks and yield their findings."""
        try:
            pod = self.cluster.read_pod(self.asked.pod_name)
        except MonitorError as error:
            yield failure(_POD, error)
            yield from self._without_pod(error)
            return
        inside = self.asked.pod_uid == pod.uid
        yield self._pod_finding(pod, inside=inside)
        effective = effective_settings(pod, self.asked)
        yield from settings_findings(effective, self.asked)
        yield from self._permissions(
            pod.stateful_set, version_pods=effective.settings.image_source != "registry"
        )
        yield from self._of_pod(pod, effective, inside=inside)

    def _without_pod(self, error: MonitorError) -> Iterator[Finding]:
        """Run the checks that do not need the pod; the StatefulSet's name is derived from the pod's."""
        if isinstance(error, TemporaryError):
            for subject in (permissions.SUBJECT, workload.STATEFUL_SET, *_OF_THE_POD):
                yield unchecked(subject, "the API server does not answer")
            return
        name = self.asked.pod_name.rpartition("-")[0] or self.asked.pod_name
        yield from self._permissions(name, version_pods=self.asked.image_source != "registry")
        stateful_set = self._stateful_set(name)
        match stateful_set:
            case StatefulSet():
                yield from workload.stateful_set_findings(stateful_set, self.asked.node_container_name)
            case ConfigurationError():
                yield failure(
                    workload.STATEFUL_SET,
                    f"{name!r}, which would own pod {self.asked.pod_name!r}, was not found in namespace "
                    f"{self.asked.namespace!r}: check --pod-name and --namespace",
                )
            case _:
                yield failure(workload.STATEFUL_SET, stateful_set)
        for subject in _OF_THE_POD:
            yield unchecked(subject, "the pod could not be read")

    def _pod_finding(self, pod: Pod, *, inside: bool) -> Finding:
        where = "inside" if inside else "another pod; the node as its monitor reports it"
        what = f"{pod.name!r} of StatefulSet {pod.stateful_set!r} in namespace {self.asked.namespace!r}"
        if pod.terminating:
            return warning(_POD, f"{what} is terminating: check again once it is recreated")
        return ok(_POD, f"{what}, checked from {where}")

    def _permissions(self, stateful_set: str, *, version_pods: bool) -> Iterator[Finding]:
        needed = permissions.needed_permissions(self.asked.pod_name, stateful_set, version_pods=version_pods)
        for each in needed:
            try:
                refused = tuple(
                    verb for verb in each.verbs if not self.cluster.granted(verb, each.resource, each.name)
                )
            except MonitorError as error:
                yield warning(permissions.SUBJECT, f"the permissions cannot be checked: {error}")
                return
            yield permissions.judged_permission(each, refused, self.asked.namespace)

    def _of_pod(self, pod: Pod, effective: EffectiveSettings, *, inside: bool) -> Iterator[Finding]:
        stateful_set = self._stateful_set(pod.stateful_set)
        if isinstance(stateful_set, MonitorError):
            yield failure(workload.STATEFUL_SET, stateful_set)
        else:
            yield from workload.stateful_set_findings(stateful_set, effective.settings.node_container_name)
        node = _node(pod, effective)
        if isinstance(node, MonitorError):
            yield failure(workload.NODE_CONTAINER, node)
            for subject in _OF_THE_NODE:
                yield unchecked(subject, "the node's container is unknown")
        else:
            yield workload.node_container_finding(pod, node)
            yield from self._of_node(pod, node, effective, stateful_set)
            yield asked_registry(node.image, effective.settings, inside=inside)
        known = node if isinstance(node, Container) else None
        if inside:
            yield from seen_inside(known, effective.settings)
        else:
            yield from seen_from_elsewhere(pod, known, effective)

    def _stateful_set(self, name: str) -> StatefulSet | MonitorError:
        try:
            return self.cluster.read_stateful_set(name)
        except MonitorError as error:
            return error

    def _of_node(
        self,
        pod: Pod,
        node: Container,
        effective: EffectiveSettings,
        stateful_set: StatefulSet | MonitorError,
    ) -> Iterator[Finding]:
        tag = effective.settings.rolling_tag
        yield workload.image_finding("in the pod", node.image, tag)
        if isinstance(stateful_set, StatefulSet):
            template = stateful_set.images.get(node.name, node.image)
            if template != node.image:
                yield workload.image_finding("in the StatefulSet's template", template, tag)
        yield from workload.configuration_findings(node, effective.settings)
        yield from self._volume(pod, node, effective)

    def _volume(self, pod: Pod, node: Container, effective: EffectiveSettings) -> Iterator[Finding]:
        if not effective.settings.data_dir.is_absolute():
            for subject in (workload.VOLUME, workload.CLAIM):
                yield unchecked(subject, "the mount path is unknown: set --data-dir")
            return
        data_dir = str(effective.settings.data_dir)
        try:
            names = workload.volumes_of(pod, node, effective.containers, data_dir)
        except ConfigurationError as error:
            yield failure(workload.VOLUME, error)
            yield unchecked(workload.CLAIM, "the check of the volume failed")
            return
        for name in names:
            source = pod.volumes.get(name)
            yield workload.volume_finding(name, source, data_dir)
            if source and source.claim:
                yield self._claim(source.claim)

    def _claim(self, name: str) -> Finding:
        try:
            return workload.claim_finding(name, self.cluster.find_claim(name))
        except MonitorError as error:
            return warning(workload.CLAIM, f"{name!r}: its state and size are unknown: {error}")


def _node(pod: Pod, effective: EffectiveSettings) -> Container | MonitorError:
    name = effective.settings.node_container_name
    if not name:
        return ConfigurationError("the node's container is unknown: set --node-container-name")
    try:
        return node_container(pod, name)
    except ConfigurationError as error:
        return error
