"""Findings about the settings of the monitor's containers in the pod."""

from __future__ import annotations

from collections.abc import Iterator

from monitor.errors import ConfigurationError
from monitor.k8s.container_settings import INIT, PROGRAM, WAIT, CommandContainer, EffectiveSettings, flags_set
from monitor.preflight.findings import Finding, failure, ok, warning
from monitor.settings import CheckSettings, PodSettings

SUBJECT = "settings"
# Settings that may differ between the containers, and those that name the pod, which `check` sets itself.
_OWN = frozenset({"log_format", "debug", "namespace", "pod_name", "pod_uid"})


def settings_findings(effective: EffectiveSettings, asked: CheckSettings) -> Iterator[Finding]:
    """Check that the pod runs both commands, and that their settings are valid and equal."""
    for command, parsed in ((INIT, effective.init), (WAIT, effective.wait)):
        if parsed is None:
            yield failure(
                SUBJECT,
                f"no container found in the pod that runs {PROGRAM} {command}: add it, as the README describes",
            )
        elif parsed.unseen:
            yield warning(
                SUBJECT,
                f"container {parsed.container.name!r}: {', '.join(parsed.unseen)} cannot be read from here, so its "
                "settings are not compared: pass the relevant ones to check as flags",
            )
        elif isinstance(parsed.settings, ConfigurationError):
            yield failure(SUBJECT, f"container {parsed.container.name!r} cannot start: {parsed.settings}")
    if effective.init and effective.wait and not effective.init.unseen and not effective.wait.unseen:
        yield from _compared(effective.init, effective.wait, asked)


def _compared(init: CommandContainer, wait: CommandContainer, asked: CheckSettings) -> Iterator[Finding]:
    first, second = init.settings, wait.settings
    if isinstance(first, ConfigurationError) or isinstance(second, ConfigurationError):
        return
    differ = [
        name
        for name in PodSettings.model_fields
        if name not in _OWN and getattr(first, name) != getattr(second, name)
    ]
    for name in differ:
        yield failure(
            SUBJECT,
            f"{_flag(name)} is {_shown(first, name)} in container {init.container.name!r} but "
            f"{_shown(second, name)} in {wait.container.name!r}: set both to the same value",
        )
    if not differ:
        taken = sorted(
            second.model_fields_set.intersection(PodSettings.model_fields) - _OWN - set(flags_set(asked))
        )
        names = ", ".join(map(_flag, taken)) or "none"
        yield ok(
            SUBJECT,
            f"containers {init.container.name!r} and {wait.container.name!r} have the same settings; "
            f"check uses their settings: {names}",
        )


def _flag(name: str) -> str:
    return "--" + name.replace("_", "-")


def _shown(settings: PodSettings, name: str) -> str:
    value: object = getattr(settings, name)
    return "not set" if value in {None, ""} else str(value)
