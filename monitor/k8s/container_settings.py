"""The settings of the monitor's containers in the pod: `init` and `wait-for-completion`."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from dataclasses import dataclass

from monitor.domain.container import Container, expanded
from monitor.errors import ConfigurationError
from monitor.flags import parse
from monitor.k8s.pod import Pod
from monitor.settings import ENVIRONMENT_PREFIX, CheckSettings, InitSettings, PodSettings, WaitSettings

INIT, WAIT = "init", "wait-for-completion"
PROGRAM = "bootstrap-monitor"


@dataclass(frozen=True, slots=True)
class CommandContainer:
    """A container that runs a command of the monitor, and its settings; an error if they are invalid.

    `unseen` names the variables and sources whose values the pod's specification does not show.
    """

    container: Container
    settings: PodSettings | ConfigurationError
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class EffectiveSettings:
    """The tester's effective `settings`, and the containers of both commands; `None` for a missing one."""

    settings: PodSettings
    init: CommandContainer | None
    wait: CommandContainer | None

    @property
    def containers(self) -> tuple[Container, ...]:
        """The monitor's containers."""
        return tuple(command.container for command in (self.init, self.wait) if command)


def effective_settings(pod: Pod, asked: CheckSettings) -> EffectiveSettings:
    """Return the tester's settings: those set for `check`, and otherwise those of the pod's containers."""
    init = _command_container(pod, INIT, InitSettings, asked)
    wait = _command_container(pod, WAIT, WaitSettings, asked)
    settings: PodSettings = asked
    for setup in (init, wait):
        if setup and isinstance(setup.settings, PodSettings):
            settings = setup.settings.model_copy(update=flags_set(asked))
    return EffectiveSettings(settings, init, wait)


def _command_container(
    pod: Pod, command: str, kind: type[InitSettings | WaitSettings], asked: CheckSettings
) -> CommandContainer | None:
    for container in pod.containers:
        values = _values(container, pod, asked.namespace)
        words = [expanded(word, values) for word in (*container.command, *container.arguments)]
        flags = _flags_behind(command, words)
        if flags is not None:
            variables = {name: expanded(value, values) for name, value in values.items()}
            # The pod under test, whatever the container's variables say. The container's own flags follow.
            named = [
                f"--namespace={asked.namespace}",
                f"--pod-name={pod.name}",
                f"--pod-uid={pod.uid}",
                *flags,
            ]
            return CommandContainer(container, _read(kind, command, named, variables), _unseen(container))
    return None


def _read(
    kind: type[InitSettings | WaitSettings], command: str, flags: list[str], variables: Mapping[str, str]
) -> PodSettings | ConfigurationError:
    if not {"-h", "--help"}.isdisjoint(flags):
        return ConfigurationError("it only prints its help: remove --help")
    try:
        return parse(kind, command, flags, variables)
    except ConfigurationError as error:
        return error


def _flags_behind(command: str, words: list[str]) -> list[str] | None:
    """Return the flags after the command; `None` if the words do not run the command.

    A command is run by the image's entry point, by the program's name or as a module.
    """
    if command not in words:
        return None
    position = words.index(command)
    before = words[:position]
    runs = not before or posixpath.basename(before[-1]) == PROGRAM or before[-2:] == ["-m", "monitor"]
    return words[position + 1 :] if runs else None


def _values(container: Container, pod: Pod, namespace: str) -> Mapping[str, str]:
    """Return the variables with known values, including those that are filled from the pod's metadata."""
    by_source = {
        "fieldRef metadata.name": pod.name,
        "fieldRef metadata.namespace": namespace,
        "fieldRef metadata.uid": pod.uid,
    }
    values = {
        variable.name: by_source.get(variable.source) if variable.value is None else variable.value
        for variable in container.environment
    }
    return {name: value for name, value in values.items() if value is not None}


def _unseen(container: Container) -> tuple[str, ...]:
    hidden = tuple(
        f"{variable.name} (from {variable.source})"
        for variable in container.environment
        if variable.value is None and variable.name.startswith(ENVIRONMENT_PREFIX)
    )
    return (*hidden, *container.environment_sources)


def flags_set(asked: CheckSettings) -> dict[str, object]:
    """Return the settings that were set for `check` itself."""
    return {name: getattr(asked, name) for name in asked.model_fields_set if name in PodSettings.model_fields}
