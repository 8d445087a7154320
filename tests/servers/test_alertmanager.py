"""Firing alerts reach a webhook through a real Alertmanager with the project's configuration."""

from __future__ import annotations

import functools
import re
from collections.abc import Mapping
from urllib.parse import parse_qs, urlsplit

import pytest
from servers.alertmanager import Delivery
from servers.conftest import UNINHIBITED, Lived
from servers.life import FIRST_BAD, LAST_GOOD, NETWORK, STALLED, SYNC_MODE, TESTER
from servers.tools import VERSIONS
from support.observed_life import commit, version

COMPARE = f"https://github.com/ava-labs/avalanchego/compare/{commit(LAST_GOOD)}...{commit(FIRST_BAD)}"
DESCRIPTION = (
    f"{TESTER} ({NETWORK}, {SYNC_MODE}): a regression of duration is confirmed. Version {version(FIRST_BAD)}; "
    f"last good commit {commit(LAST_GOOD)}, first bad commit {commit(FIRST_BAD)}. Changes: {COMPARE}"
)
AWAITED = {"BootstrapRegressed", "BootstrapFailed", "BootstrapLate", "BootstrapNoRecentSuccess"}
DELIVERED = ("BootstrapRegressed", "BootstrapFailed", "BootstrapLate")
# The last crash confirms the one before, and so has its build.
CRASHED, CRASHING_BUILD = STALLED - 1, STALLED - 2
LATE = STALLED + 2
CONFIRMED = r"( Another run of the build is confirming this\.)?"
OF_AN_OPEN_RUN = "Bootstrap(Stalled|Late|NotStarting|NodeRestarting|VolumeFillingUp|ProgressUnknown)"
# An evaluation is due within a second of a scrape.
EVALUATIONS_AFTER = 3


@pytest.fixture(scope="module")
def deliveries(lived: Lived) -> Mapping[str, Delivery]:
    """Return the deliveries, once the alerts of the end of the scenario have arrived."""
    for each in lived.deliveries.values():
        each.await_all(AWAITED, DELIVERED)
    return lived.deliveries


@pytest.fixture(params=VERSIONS)
def delivered(request: pytest.FixtureRequest, deliveries: Mapping[str, Delivery]) -> Delivery:
    """Return the delivery of each server."""
    return deliveries[request.param]


def test_a_regression_is_delivered(delivered: Delivery) -> None:
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
        "a moved pod is not another alert"
    )
    assert annotations["summary"].endswith(".")
    assert annotations["description"] == DESCRIPTION
    assert annotations["compare_url"] == COMPARE
    assert "runbook_url" not in annotations
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
        for alert in delivered.received()
        for name, text in alert["annotations"].items()
    }
    broken = {
        where: text
        for where, text in texts.items()
        if not text or any(word in text for word in ("<error", "no value", "{{", "unknown", "()"))
    }

    assert broken == {}


def test_a_chat_reads_the_same(delivered: Delivery) -> None:
    delivered.until(lambda: bool(delivered.hook.chats("BootstrapRegressed")), "the chat is notified")
    chat = delivered.hook.chats("BootstrapRegressed")[0]

    assert re.fullmatch(rf"\[FIRING:\d\] BootstrapRegressed on {NETWORK}: {TESTER}", chat["title"])
    assert DESCRIPTION in chat["text"]
    assert f"Changes: {COMPARE}\n" in chat["text"]
    assert "Runbook:" not in chat["text"]
    assert "Dashboard:" not in chat["text"]
    assert "<no value>" not in chat["text"]


def test_the_person_on_call_gets_only_critical_alerts(delivered: Delivery) -> None:
    notified = functools.partial(delivered.hook.alerts, receiver="on-call")

    delivered.until(lambda: bool(notified("BootstrapFailingRepeatedly")), "the person on call is notified")
    assert {each["labels"]["severity"] for each in notified("BootstrapFailingRepeatedly")} == {"critical"}
    assert (notified("BootstrapRegressed"), notified("BootstrapFailed")) == ([], [])


TEXTS = {
    ("BootstrapStalled", STALLED): (
        rf"run {STALLED} has made no progress for [\d.]+s\. Version {version(STALLED)}, commit {commit(STALLED)}\. "
        "If this lasts until the stall timeout, the run fails as stalled."
    ),
    ("BootstrapFailed", CRASHED): (
        rf"run {CRASHED} failed: crashed: the node was restarted \d+ times.*: .+\. Version {version(CRASHING_BUILD)}, "
        rf"commit {commit(CRASHING_BUILD)}\. The alert ends an hour after a run succeeds\."
    ),
    ("BootstrapFailed", STALLED): (
        rf"run {STALLED} failed: stalled: no progress of chain . for \d+s .*\. Version {version(STALLED)}, "
        rf"commit {commit(STALLED)}\.{CONFIRMED} The alert ends an hour after a run succeeds\."
    ),
    ("BootstrapLate", LATE): (
        rf"run {LATE} exceeds its limit by [\dhms. ]+\. Version {version(LATE)}, commit {commit(LATE)}\."
    ),
}


@pytest.mark.parametrize(
    ("name", "run"), [pytest.param(*key, id=f"{key[0]} of run {key[1]}") for key in TEXTS]
)
def test_the_message_about_a_run_says_what_happened(delivered: Delivery, name: str, run: int) -> None:
    delivered.until(lambda: str(run) in delivered.delivered_runs(name), f"{name} of run {run} is delivered")
    (alert,) = (each for each in delivered.hook.alerts(name) if each["labels"]["run"] == str(run))

    expected = rf"{TESTER} \({NETWORK}, {SYNC_MODE}\): {TEXTS[name, run]}"
    assert re.fullmatch(expected, alert["annotations"]["description"])
    assert "message" not in alert["labels"]


@pytest.mark.parametrize("version", VERSIONS)
def test_no_alert_about_an_open_run_outlasts_its_result(lived: Lived, version: str) -> None:
    """Both are shown by one scrape, and an evaluation later there is no alert."""
    ended = "min by (run) (timestamp(bootstrap_monitor_last_run_info))"
    alerts = f'ALERTS{{alertstate="firing", alertname=~"{OF_AN_OPEN_RUN}"}}'
    series = lived.servers[version].range(f"{alerts} and on (run) {ended}", lived.start, lived.end)

    assert lived.servers[version].range(alerts, lived.start, lived.end)
    assert {point[0] for each in series for point in each["values"][EVALUATIONS_AFTER:]} == set()


def test_repeated_failures_silence_the_lack_of_success(delivered: Delivery) -> None:
    (target,) = delivered.received("BootstrapNoRecentSuccess")
    sources = {each["fingerprint"] for each in delivered.received("BootstrapFailingRepeatedly")}

    assert target["status"]["state"] == "suppressed"
    assert sources & set(target["status"]["inhibitedBy"])


def test_without_the_inhibition_it_is_delivered(deliveries: Mapping[str, Delivery]) -> None:
    found = deliveries[UNINHIBITED]

    found.until(
        lambda: bool(found.hook.alerts("BootstrapNoRecentSuccess")), "the lack of success is reported"
    )
