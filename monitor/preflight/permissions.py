"""The permissions that a tester's ServiceAccount needs, in the terms of a Role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from monitor.k8s.version_pod_manifest import version_pod_name
from monitor.preflight.findings import Finding, failure, ok, warning

SUBJECT = "permission"
_NO_VERSION_PODS = ", or set --image-source registry"
_LOG_OF_NODE = "without it, the log tail of a failed node is not saved"
_EVENTS = "without it, the monitor creates no Events"


@dataclass(frozen=True, slots=True)
class Permission:
    """Verbs on one resource; an empty `name` stands for every object.

    `without` is set for an optional permission, and describes what does not work without it. `instead` is
    another remedy for a required permission that is not granted.
    """

    verbs: tuple[str, ...]
    resource: str
    name: str = ""
    without: str = ""
    instead: str = ""

    def __str__(self) -> str:
        """Return the description of the permission for error messages."""
        return self.of(self.verbs)

    def of(self, verbs: tuple[str, ...]) -> str:
        """Return the description of some of the verbs for error messages."""
        return f"{', '.join(verbs)} {self.resource}" + (f" {self.name!r}" if self.name else "")


def needed_permissions(pod: str, stateful_set: str, *, version_pods: bool) -> Iterator[Permission]:
    """Return the permissions of a tester; with `version_pods`, including those for version pods."""
    yield Permission(("get", "delete"), "pods", pod)
    yield Permission(("get", "patch"), "statefulsets", stateful_set)
    if version_pods:
        version_pod = version_pod_name(stateful_set)
        yield Permission(("create",), "pods", instead=_NO_VERSION_PODS)
        yield Permission(("get", "delete"), "pods", version_pod, instead=_NO_VERSION_PODS)
        yield Permission(("get",), "pods/log", version_pod, instead=_NO_VERSION_PODS)
    yield Permission(("get",), "pods/log", pod, without=_LOG_OF_NODE)
    yield Permission(("create",), "events", without=_EVENTS)


def judged_permission(permission: Permission, refused: tuple[str, ...], namespace: str) -> Finding:
    """Judge a permission by the verbs that are not granted."""
    if not refused:
        return ok(SUBJECT, f"{permission}: granted")
    message = (
        f"{permission.of(refused)}: not granted in namespace {namespace!r}: allow it in the Role of the tester's "
        f"ServiceAccount{permission.instead}"
    )
    if permission.without:
        return warning(SUBJECT, f"{message}; {permission.without}")
    return failure(SUBJECT, message)
