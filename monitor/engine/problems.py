"""Problems with the platform, the node's container and the volume, derived from a tick's observations."""

from __future__ import annotations

from collections.abc import Mapping

from monitor.decide.wait_rules import held_text
from monitor.domain.observations import NodeAnswering, NodeDown, NodeReading
from monitor.domain.sanitize import one_line
from monitor.domain.workload import NodeProcess
from monitor.engine.wait_observer import TickResult
from monitor.errors import Cause

NODE = "node"
"""Name of the part whose problems belong to a run."""
_PULL_FAILURES = frozenset(
    {
        "ErrImagePull",
        "ImagePullBackOff",
        "ErrImageNeverPull",
        "InvalidImageName",
        "ImageInspectError",
        "RegistryUnavailable",
        "SignatureValidationFailed",
    }
)
# Waiting reasons of the kubelet for a container that is about to start.
_STARTING = frozenset({"", "PodInitializing", "ContainerCreating"})
_WORDS_CHARACTERS = 300


def problems_of(seen: TickResult) -> Mapping[str, tuple[Cause, str] | None]:
    """Return the problem of each part that a tick observes, as cause and message.

    `None` means that the part has no problem.  A part whose state is unknown is absent.
    """
    state = seen.state
    process = state.workload.process if state.workload else None
    error = seen.platform_error
    problems = {
        "platform": (error.cause, str(error)) if error else None,
        "volume": (Cause.VOLUME_HELD, held_text(state.held_by)) if state.held_by else None,
    }
    node = _of_node(process) if isinstance(state.node, NodeDown) else None
    return problems | {NODE: node} if node is not None or _node_works(state.node, process) else problems


def _node_works(node: NodeReading, process: NodeProcess | None) -> bool:
    """Return whether the node has no problem; a node that restarted must also answer.

    In a crash loop, a poll may observe the process while it is running.
    """
    return isinstance(node, NodeAnswering) or (
        process is not None and process.running and not process.restarts
    )


def _of_node(process: NodeProcess | None) -> tuple[Cause, str] | None:
    """Return why the node's process is not running, if the platform reports a reason."""
    if process is None or process.running or process.waiting in _STARTING:
        return None
    detail = f": {process.message}" if process.message else ""
    if process.crash_looping:
        last = process.last_exit
        words = f": {one_line(last.message, _WORDS_CHARACTERS)}" if last and last.message else ""
        if last and last.misconfigured:
            return Cause.CONFIGURATION_INVALID, f"the node rejects its flags or its configuration{words}"
        code = f" with code {last.code}" if last else ""
        return Cause.NODE_CRASHING, f"the node's process exited{code} and is being restarted{words}"
    if process.waiting in _PULL_FAILURES:
        return Cause.IMAGE_PULL_FAILED, f"the node's image cannot be pulled ({process.waiting}{detail})"
    return Cause.CONTAINER_NOT_STARTED, f"the node cannot be started ({process.waiting}{detail})"
