"""What the monitor's own containers in the pod are told: the settings of `init` and of `wait-for-completion`."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from monitor.checks.findings import Finding, bad, doubtful, good
from monitor.errors import ConfigurationError
from monitor.flags import parse
from monitor.pods import Container, Pod, expanded
from monitor.settings import ENVIRONMENT_PREFIX, CheckSettings, InitSettings, PodSettings, WaitSettings

SUBJECT = "settings"
INIT, WAIT = "init", "wait-for-completion"
_PROGRAM = "bootstrap-monitor"
# What each container may have of its own; and what names the pod, which is asked for by name.
_OWN = frozenset({"log_format", "debug", "namespace", "pod_name", "pod_uid"})


@dataclass(frozen=True, slots=True)
class Told:
    """A container that runs a command of the monitor, and its settings; an error where they are wrong.

    `unseen` names what may hold settings that a pod does not show.
    """

    container: Container
    settings: PodSettings | ConfigurationError
    unseen: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Given:
    """What to go by: `settings`, and the containers of both commands, where there are such."""

    settings: PodSettings
    init: Told | None
    wait: Told | None

    @property
    def containers(self) -> tuple[Container, ...]:
        """The monitor's containers."""
        return tuple(each.container for each in (self.init, self.wait) if each)


def given_by(pod: Pod, asked: CheckSettings) -> Given:
    """What is asked for by flags, and for the rest what the pod's own commands are told."""
    init = _told(pod, INIT, InitSettings, asked)
    wait = _told(pod, WAIT, WaitSettings, asked)
    settings: PodSettings = asked
    for told in (init, wait):
        if told and isinstance(told.settings, PodSettings):
            settings = told.settings.model_copy(update=_flags(asked))
    return Given(settings, init, wait)


def settings_findings(given: Given, asked: CheckSettings) -> Iterator[Finding]:
    """Whether both commands are there, can read their settings, and are given the same."""
    for command, told in ((INIT, given.init), (WAIT, given.wait)):
        if told is None:
            yield bad(
                SUBJECT,
                f"no container of the pod is seen to run {_PROGRAM} {command}: add it, as the README describes",
            )
        elif told.unseen:
            yield doubtful(
                SUBJECT,
                f"container {told.container.name!r}: {', '.join(told.unseen)} cannot be seen from here, so its "
                "settings are not compared: give check those that matter as flags",
            )
        elif isinstance(told.settings, ConfigurationError):
            yield bad(SUBJECT, f"container {told.container.name!r} cannot start: {told.settings}")
    if given.init and given.wait and not given.init.unseen and not given.wait.unseen:
        yield from _compared(given.init, given.wait, asked)


def _compared(init: Told, wait: Told, asked: CheckSettings) -> Iterator[Finding]:
    first, second = init.settings, wait.settings
    if isinstance(first, ConfigurationError) or isinstance(second, ConfigurationError):
        return
    differ = [
        name
        for name in PodSettings.model_fields
        if name not in _OWN and getattr(first, name) != getattr(second, name)
    ]
    for name in differ:
        yield bad(
            SUBJECT,
            f"{_flag(name)} is {_shown(first, name)} in container {init.container.name!r} but "
            f"{_shown(second, name)} in {wait.container.name!r}: give both the same",
        )
    if not differ:
        taken = sorted(
            second.model_fields_set.intersection(PodSettings.model_fields) - _OWN - set(_flags(asked))
        )
        names = ", ".join(map(_flag, taken)) or "none"
        yield good(
            SUBJECT,
            f"containers {init.container.name!r} and {wait.container.name!r} are given the same; "
            f"taken from there: {names}",
        )


def _told(
    pod: Pod, command: str, kind: type[InitSettings | WaitSettings], asked: CheckSettings
) -> Told | None:
    for container in pod.containers:
        values = _values(container, pod, asked.namespace)
        words = [expanded(word, values) for word in (*container.command, *container.arguments)]
        flags = _flags_behind(command, words)
        if flags is not None:
            variables = {name: expanded(value, values) for name, value in values.items()}
            # Asked for by name, whatever the container calls itself; its own flags come behind.
            named = [
                f"--namespace={asked.namespace}",
                f"--pod-name={pod.name}",
                f"--pod-uid={pod.uid}",
                *flags,
            ]
            return Told(container, _read(kind, command, named, variables), _unseen(container))
    return None


def _read(
    kind: type[InitSettings | WaitSettings], command: str, flags: list[str], variables: Mapping[str, str]
) -> PodSettings | ConfigurationError:
    if not {"-h", "--help"}.isdisjoint(flags):
        return ConfigurationError("it is only asked for --help: remove that")
    try:
        return parse(kind, command, flags, variables)
    except ConfigurationError as error:
        return error


def _flags_behind(command: str, words: list[str]) -> list[str] | None:
    """The flags of the command, where the words run it: as an image's entry point, by name or as a module."""
    if command not in words:
        return None
    position = words.index(command)
    before = words[:position]
    runs = not before or posixpath.basename(before[-1]) == _PROGRAM or before[-2:] == ["-m", "monitor"]
    return words[position + 1 :] if runs else None


def _values(container: Container, pod: Pod, namespace: str) -> Mapping[str, str]:
    """The variables whose values can be told, those that name the pod among them."""
    by_source = {
        "fieldRef metadata.name": pod.name,
        "fieldRef metadata.namespace": namespace,
        "fieldRef metadata.uid": pod.uid,
    }
    told = {
        each.name: by_source.get(each.source) if each.value is None else each.value
        for each in container.environment
    }
    return {name: value for name, value in told.items() if value is not None}


def _unseen(container: Container) -> tuple[str, ...]:
    hidden = tuple(
        f"{each.name} (from {each.source})"
        for each in container.environment
        if each.value is None and each.name.startswith(ENVIRONMENT_PREFIX)
    )
    return (*hidden, *container.environment_sources)


def _flags(asked: CheckSettings) -> dict[str, object]:
    """What was given for the check itself."""
    return {name: getattr(asked, name) for name in asked.model_fields_set if name in PodSettings.model_fields}


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(settings: PodSettings, name: str) -> str:
    value: object = getattr(settings, name)
    return "not given" if value in {None, ""} else str(value)
