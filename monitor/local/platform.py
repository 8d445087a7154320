"""The platform for a node that runs as a child process; a build is the content of an executable file.

This module replaces the StatefulSet: it stores the pinned build in a file. `supervisor` replaces the kubelet.
"""

from __future__ import annotations

import hashlib
import logging
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from monitor.avalanchego.conventions import NODE_FOLDER
from monitor.avalanchego.node_config import configuration_of, visible_setting
from monitor.avalanchego.node_files import NotRegularFileError, open_regular
from monitor.avalanchego.node_log import TAIL_BYTES
from monitor.avalanchego.node_output import rejects_configuration
from monitor.decide.events import Announcement
from monitor.domain.build import Build, Versions
from monitor.domain.container import Container, EnvironmentVariable
from monitor.domain.image_reference import ImageReference
from monitor.domain.json_text import json_object, json_text
from monitor.domain.workload import NodeExit, NodeProcess, SyncMode, Workload
from monitor.errors import ConfigurationError, TemporaryError
from monitor.local.build_store import REPOSITORY

NODE_LOG = "node.log"
CRASH_LOOP = "CrashLoopBackOff"  # the kubelet's reason
_OWN_FLAGS = ("--data-dir", "--db-dir")
_FILE_BYTES = 64 << 10

_log = logging.getLogger(__name__)


def node_container(image: str, arguments: Sequence[str], environment: Mapping[str, str]) -> Container:
    """Return a container that describes the child, so that the code for containers reads its settings."""
    variables = tuple(EnvironmentVariable(name, value) for name, value in sorted(environment.items()))
    return Container("node", image, arguments=tuple(arguments), environment=variables)


def _revision(node: Container) -> str:
    """Return a digest of the node's arguments and settings, also of those that cannot affect a bootstrap."""
    settings = [
        (variable.name, variable.value) for variable in node.environment if variable.name.startswith("AVAGO_")
    ]
    return hashlib.sha256(json_text([node.arguments, settings]).encode()).hexdigest()[:16]


class LocalPlatform:
    """The implementation of `Platform` that stores the pinned build in a file beside the ledger."""

    def __init__(
        self,
        data_dir: Path,
        rolling_tag: str,
        arguments: Sequence[str],
        environment: Mapping[str, str],
        network: str | None,
        sync_mode: SyncMode | None,
        new_uid: Callable[[], str],
        repository: str = REPOSITORY,
    ) -> None:
        for word in arguments:
            if word.partition("=")[0] in _OWN_FLAGS:
                raise ConfigurationError(
                    f"{word}: the node's data is in {data_dir / NODE_FOLDER}; use --data-dir"
                )
        if environment.get("AVAGO_DB_DIR"):
            raise ConfigurationError(
                f"AVAGO_DB_DIR: the node's data is in {data_dir / NODE_FOLDER}; unset it, and use --data-dir"
            )
        self._file = data_dir / "local.json"
        self._new_uid = new_uid
        self._uid = new_uid()
        self._unpinned = f"{repository}:{rolling_tag}"
        container = node_container(self._unpinned, arguments, environment)
        self._configuration = configuration_of(container, network, sync_mode)
        self._revision = _revision(container)
        self.http_port = visible_setting(container, "http-port")
        self.recreated = threading.Event()
        self.process = NodeProcess(running=False)

    def workload(self) -> Workload:
        """Return the workload that is set to run."""
        reference = self._set_image()
        build = None
        if reference.digest is not None:
            versions = self._read().get("versions")
            build = Build(
                str(reference),
                frozenset({reference.digest}),
                Versions.parse(versions) if versions else None,
            )
        return Workload(
            uid=self._uid,
            image=str(reference),
            build=build,
            network=self._configuration.network,
            sync_mode=self._configuration.sync_mode,
            settings_digest=self._configuration.settings_digest,
            process=self.process,
            revision=self._revision,
            alone=self._configuration.alone,
        )

    def pin(self, build: Build) -> None:
        """Write the build to the file, and replace the file atomically."""
        text = json_text(
            {"image": build.image, "versions": build.versions.to_json() if build.versions else None}
        )
        temporary = self._file.with_suffix(".new")
        try:
            temporary.unlink(missing_ok=True)
            with temporary.open("x") as file:
                file.write(text)
            temporary.replace(self._file)
        except OSError as error:
            raise TemporaryError(f"{self._file}: cannot be written ({error.strerror})") from error

    def recreate(self, *, unchanged: bool) -> None:
        """Make the supervisor start again with `init`; the workload gets a new UID, like a recreated pod."""
        _log.debug("recreating the node", extra={"unchanged": unchanged})
        self._uid = self._new_uid()
        self.reset()
        self.recreated.set()

    def await_end(self, stopping: threading.Event) -> None:
        """Do not wait: the supervisor runs `init` again."""

    def reverter(self) -> str:
        """Return an empty name, because no other client pins builds."""
        return ""

    def announce(self, announcement: Announcement, made_at: float) -> None:
        """Do nothing, because the operator of `local` sees the progress line and the log."""

    def log_tail(self, begins_at: int = 0) -> str:
        """Return the log tail of the node, without the first `begins_at` bytes of its log."""
        try:
            folder = self._file.parent
            with open_regular(folder / NODE_LOG, beneath=folder) as file:
                file.seek(max(begins_at, file.seek(0, 2) - TAIL_BYTES))
                return file.read(TAIL_BYTES).decode(errors="replace")
        except OSError:
            return ""

    def reset(self) -> None:
        """Record that the workload has not started a process yet."""
        self.process = NodeProcess(running=False)

    def waits(self, reason: str) -> None:
        """Record that the node cannot be started, for a reason unrelated to the build."""
        self.process = replace(self.process, running=False, waiting=reason, crash_looping=False)

    def started(self) -> None:
        """Record that the node's process runs."""
        self.process = replace(self.process, running=True, waiting="", crash_looping=False)

    def stopped(self) -> None:
        """Record that the node was stopped on purpose."""
        self.process = replace(self.process, running=False)

    def ended(self, code: int, words: str = "") -> None:
        """Record that the node exited unexpectedly and will be restarted after a backoff.

        `code` is the exit code, or the negative number of the signal that killed the node. `words` is the
        line of its output that says why.
        """
        shell_code = 128 - code if code < 0 else code
        restarts = self.process.restarts + 1
        misconfigured = rejects_configuration(words)
        self.process = NodeProcess(
            False,
            CRASH_LOOP,
            restarts,
            NodeExit(shell_code, message=words, misconfigured=misconfigured),
            crash_looping=True,
            failed_to_start=misconfigured,
        )

    def _set_image(self) -> ImageReference:
        return ImageReference.parse(str(self._read().get("image", self._unpinned)))

    def _read(self) -> Mapping[str, str]:
        try:
            with open_regular(self._file, beneath=self._file.parent) as file:
                return json_object(file.read(_FILE_BYTES))
        except (FileNotFoundError, NotRegularFileError, ValueError):
            return {}
