"""Firing alerts reach a webhook through a real Alertmanager with the project's configuration."""

from __future__ import annotations

import contextlib
import functools
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from servers.alertmanager import Alertmanager, Hook, alertmanager, chat_of, delivering, hook
from servers.conftest import Lived
from servers.life import FIRST_BAD, LAST_GOOD, NETWORK, STALLED, SYNC_MODE, TESTER
from servers.processes import JsonObject
from servers.prometheus import Prometheus
from servers.tools import VERSIONS
from support.local_life import ROOT
from support.observed_life import commit, version
from support.simulated_builds import eventually

ALERTS = ROOT / "alerts"
RUNBOOK = "https://example.org/bootstrap-monitor/docs/runbooks/BootstrapRegressed.md"
COMPARE = f"https://github.com/ava-labs/avalanchego/compare/{commit(LAST_GOOD)}...{commit(FIRST_BAD)}"
DESCRIPTION = (
    f"{TESTER} ({NETWORK}, {SYNC_MODE}): a regression of duration is confirmed. Version {version(FIRST_BAD)}; "
    f"last good commit {commit(LAST_GOOD)}, first bad commit {commit(FIRST_BAD)}. Changes: {COMPARE}"
)
AWAITED = {"BootstrapRegressed", "BootstrapFailed", "BootstrapStalled"}
UNINHIBITED = "without inhibition"
DELIVERY_SECONDS = 90.0


@dataclass(frozen=True)
class Delivery:
    """An Alertmanager, the server that notifies it, and the receivers that it delivers to."""

    server: Prometheus
    alertmanager: Alertmanager
    hook: Hook

    def await_all(self) -> None:
        """Wait until the expected alerts fire and arrive, and two of them are delivered."""
        self.until(lambda: self.server.firing() >= AWAITED, "all alerts fire")
        self.until(lambda: {each["labels"]["alertname"] for each in self.told()} >= AWAITED, "all arrived")
        told = ("BootstrapRegressed", "BootstrapFailed")
        self.until(
            lambda: all(self.hook.alerts(name) for name in told), f"{' and '.join(told)} are delivered"
        )

    def told(self, name: str = "", run: str = "") -> list[JsonObject]:
        """Return the alerts that the Alertmanager received, optionally only those of one name or one run."""
        return [
            each
            for each in self.alertmanager.alerts()
            if name in {"", each["labels"]["alertname"]} and run in {"", each["labels"].get("run")}
        ]

    def runs_told(self, name: str) -> set[str]:
        """Return the runs whose alerts with this name were delivered."""
        return {each["labels"]["run"] for each in self.hook.alerts(name)}

    def until(self, true: Callable[[], bool], what: str) -> None:
        """Wait until a condition is true."""
        eventually(true, f"{what}; {self.server.version} has {self.server.firing()}", DELIVERY_SECONDS)


@contextlib.contextmanager
def delivery(
    server: Prometheus, program: Path, folder: Path, address: str, **changes: object
) -> Iterator[Delivery]:
    """Run an Alertmanager with the project's configuration, apart from receiver addresses and the changes."""
    configured: dict[str, Any] = yaml.safe_load((ALERTS / "alertmanager.yaml").read_text())
    with hook() as receivers:
        told = delivering(configured | changes, chat_of(ALERTS / "README.md"), receivers.url, ALERTS)
        with alertmanager(program, folder, address, told) as running:
            yield Delivery(server, running, receivers)


@pytest.fixture(scope="module")
def deliveries(
    lived: Lived, alertmanager_program: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Mapping[str, Delivery]]:
    """Start a delivery for each server, and one without inhibition, in parallel because they mostly wait."""
    folder = tmp_path_factory.mktemp("alertmanager")
    with contextlib.ExitStack() as stack:

        def begun(name: str, version: str, which: int, **changes: object) -> Delivery:
            address = lived.alertmanagers[version][which]
            begins = delivery(lived.servers[version], alertmanager_program, folder / name, address, **changes)
            return stack.enter_context(begins)

        found = {version: begun(version, version, 0) for version in VERSIONS}
        found[UNINHIBITED] = begun("uninhibited", "3", 1, inhibit_rules=[])
        for each in found.values():
            each.await_all()
        yield found


@pytest.fixture(params=VERSIONS)
def delivered(request: pytest.FixtureRequest, deliveries: Mapping[str, Delivery]) -> Delivery:
    """Return the delivery of each server."""
    return deliveries[request.param]


def test_a_regression_is_told(delivered: Delivery) -> None:
    (alert,) = (
        each
        for each in delivered.hook.alerts("BootstrapRegressed")
        if each["labels"]["measure"] == "duration"
    )
    labels, annotations = alert["labels"], alert["annotations"]

    assert alert["status"] == "firing"
    assert (labels["tester"], labels["network"], labels["sync_mode"]) == (TESTER, NETWORK, SYNC_MODE)
    assert (labels["namespace"], labels["severity"]) == ("testers", "warning")
    assert labels.keys().isdisjoint({"pod", "instance", "container", "endpoint"}), (
        "a moved pod is no other alert"
    )
    assert annotations["summary"].endswith(".")
    assert annotations["description"] == DESCRIPTION
    assert annotations["compare_url"] == COMPARE
    assert annotations["runbook_url"] == RUNBOOK
    dashboard = urlsplit(annotations["dashboard_url"])
    assert dashboard.path.endswith("/d/bootstrap-monitor-tester")
    chosen = {name: values for name, values in parse_qs(dashboard.query).items() if name != "var-cluster"}
    assert chosen == {
        "var-tester": [TESTER],
        "var-namespace": ["testers"],
        "var-network": [NETWORK],
        "var-sync_mode": [SYNC_MODE],
    }


def test_every_text_is_filled_in(delivered: Delivery) -> None:
    """If a template fails, Alertmanager delivers the error as its text."""
    texts = {
        f"{alert['labels']['alertname']} {name}": text
        for alert in delivered.told()
        for name, text in alert["annotations"].items()
    }
    broken = {
        where: text
        for where, text in texts.items()
        if not text or any(word in text for word in ("<error", "no value", "{{", "unknown", "()"))
    }

    assert broken == {}


def test_a_chat_reads_the_same(delivered: Delivery) -> None:
    delivered.until(lambda: bool(delivered.hook.chats("BootstrapRegressed")), "the chat is told")
    chat = delivered.hook.chats("BootstrapRegressed")[0]

    assert re.fullmatch(rf"\[FIRING:\d\] BootstrapRegressed on {NETWORK}: {TESTER}", chat["title"])
    assert DESCRIPTION in chat["text"]
    assert f"Changes: {COMPARE}\nRunbook: {RUNBOOK}\nDashboard: https://" in chat["text"]
    assert "<no value>" not in chat["text"]


def test_who_must_act_now_is_told_of_what_is_critical_only(delivered: Delivery) -> None:
    told = functools.partial(delivered.hook.alerts, receiver="on-call")

    delivered.until(lambda: bool(told("BootstrapFailingRepeatedly")), "who must act now is told")
    assert {each["labels"]["severity"] for each in told("BootstrapFailingRepeatedly")} == {"critical"}
    assert (told("BootstrapRegressed"), told("BootstrapFailed")) == ([], [])


def test_a_failure_silences_the_stall_that_it_came_from(delivered: Delivery) -> None:
    (stall,) = delivered.told("BootstrapStalled", run=str(STALLED))
    (failure,) = delivered.told("BootstrapFailed", run=str(STALLED))

    assert stall["status"]["state"] == "suppressed"
    assert failure["fingerprint"] in stall["status"]["inhibitedBy"]
    assert failure["status"]["state"] == "active"
    delivered.until(lambda: str(STALLED) in delivered.runs_told("BootstrapFailed"), "the failure is told")
    assert str(STALLED) not in delivered.runs_told("BootstrapStalled")


def test_without_the_inhibition_the_stall_is_told(deliveries: Mapping[str, Delivery]) -> None:
    found = deliveries[UNINHIBITED]

    found.until(lambda: str(STALLED) in found.runs_told("BootstrapStalled"), "the stall is told")
