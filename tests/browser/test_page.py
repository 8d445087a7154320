"""In a real browser, the page is accessible, loads nothing else, and keeps itself up to date."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from email.message import Message
from typing import Any

import pytest
from browser.chromium import DESKTOP, HEIGHT, PHONE, VIEWS, Browser, View
from support.builders import (
    NEW,
    NOW,
    OLD,
    REGRESSIONS,
    VERDICTS,
    build,
    ended,
    full_status,
    run,
    status,
)
from support.served import HOST, Shown, serving
from support.simulated_builds import eventually

from monitor.domain.build import Build, Versions
from monitor.domain.compared_pair import ComparedBuild, ComparedPair
from monitor.domain.observations import ChainActivity, ChainLog
from monitor.domain.run import Evidence, Outcome, Reason, Run
from monitor.domain.status import Phase, ProgressStatus, Status
from monitor.domain.tracking import RunTracking
from monitor.domain.workload import SyncMode
from monitor.output.web.site import Response, Site

EVIL = "<script>document.title='owned'</script><img src=http://elsewhere.example/x onerror=alert(1)>\"'&"
REFRESHED_SECONDS = 12.0
LONG = "panic: " + "0123456789abcdef" * 40


def evil_build() -> Build:
    return replace(build(), image=f"{EVIL}@sha256:{EVIL}", versions=Versions(EVIL, EVIL, 0, EVIL, EVIL))


def versioned(number: int, **changes: Any) -> Run:
    """Return a run of a build of its own."""
    versions = Versions(f"avalanchego/1.14.{number}-rc.1", "v1.4.5", 45, f"{number:02x}" * 20, "1.26")
    return ended(number, build=replace(build(), versions=versions), **changes)


def many_runs() -> tuple[Run, ...]:
    """Return twenty runs with all outcomes, newest first."""
    seconds: dict[str, Any] = {"duration_seconds": None, "tracking": RunTracking(active_seconds=2000)}
    kinds: tuple[dict[str, Any], ...] = (
        {},
        {},
        {"outcome": Outcome.FAILED, "reason": Reason.OUT_OF_MEMORY, "message": LONG, **seconds},
        {"outcome": Outcome.SUPERSEDED, **seconds},
        {"duration_seconds": 250_000.0, "wall_seconds": 1_250_000.0, "disk_usage_bytes": 2**41},
    )
    return tuple(versioned(number, **kinds[number % len(kinds)]) for number in range(120, 100, -1))


CHAINS = {
    "P": ChainLog(ChainActivity.EXECUTING, ratio=0.426, end_at=NOW.wall + 5000),
    "X": ChainLog(ChainActivity.WAITING),
    "C": ChainLog(ChainActivity.SYNCING_STATE),
}
OPEN = run(number=121, tracking=RunTracking(active_seconds=900.0, node_restarts=2))
STATUSES = {
    "nothing yet": status(tester="", network="", testbed=""),
    "all at the same time": full_status(
        run=OPEN,
        results=many_runs(),
        regressions=REGRESSIONS,
        late=True,
        notice="another pod holds the volume",
        progress=ProgressStatus(CHAINS, stalled=True),
        tick_at=NOW.wall - 1000,
        baseline_begins=3,
    ),
    "a failure": full_status(
        phase=Phase.IDLE,
        message=LONG,
        run=ended(6, Outcome.FAILED, reason=Reason.CRASHED, message=LONG),
    ),
    "slower": full_status(results=(ended(3), ended(1)), regressions=REGRESSIONS, verdicts=VERDICTS),
    "a comparison": full_status(
        results=(ended(3, build=build(NEW)), ended(1)),
        pair=ComparedPair(
            {"OLD": ComparedBuild("./old", OLD, (5400.0,)), "NEW": ComparedBuild("./new", NEW, (5400.0,))}, 10
        ),
    ),
    "of several modes": full_status(
        phase=Phase.PAUSED, results=(*many_runs()[:3], ended(1, sync_mode=SyncMode.C_CHAIN_STATE_SYNC))
    ),
    "hostile": full_status(
        tester=EVIL,
        network=EVIL,
        testbed=EVIL,
        message=EVIL,
        notice=EVIL,
        run=run(number=7, network=EVIL, testbed=EVIL, build=evil_build()),
        results=(
            ended(
                6,
                Outcome.FAILED,
                reason=Reason.CRASHED,
                message=EVIL,
                build=evil_build(),
                network=EVIL,
                testbed=EVIL,
            ),
        ),
        new_build=evil_build(),
    ),
}


@dataclass
class Served:
    """The address of a page, and the status that it shows, which a test can change."""

    shown: Shown
    url: str

    def show(self, status: Status) -> None:
        self.shown.status = status


@pytest.fixture
def served() -> Iterator[Served]:
    shown = Shown()
    words = Evidence(f"{EVIL}\n" * 200, NOW.wall)
    with serving(replace(shown.site(), evidence=lambda _: words)) as server:
        yield Served(shown, f"http://{HOST}:{server.port}/")


def come_back(browser: Browser) -> None:
    """Trigger the event of a person who returns to the page, which refreshes it immediately."""
    browser.run("document.dispatchEvent(new Event('visibilitychange'))")


def open_all_details(browser: Browser) -> None:
    browser.run("for (const each of document.querySelectorAll('details')) each.open = true")


@pytest.mark.parametrize(
    ("name", "view"),
    [
        (name, view)
        for name in STATUSES
        # The richest status in every view, the others in the view with the least space.
        for view in (VIEWS if name == "all at the same time" else (View(PHONE, dark=True),))
    ],
    ids=str,
)
def test_it_keeps_nobody_out_and_loads_nothing(
    browser: Browser, served: Served, name: str, view: View
) -> None:
    served.show(STATUSES[name])
    browser.open(served.url, view)
    open_all_details(browser)
    assert browser.barriers() == []
    assert browser.overflow_pixels() == 0
    assert set(browser.asked_for()) == {served.url}
    assert browser.complaints() == []


def test_a_script_in_a_version_stays_text(browser: Browser, served: Served) -> None:
    served.show(STATUSES["hostile"])
    browser.open(served.url)
    open_all_details(browser)
    assert browser.run("return document.title") == f"✗ run 6 failed: crashed · {EVIL}"
    assert browser.run("return document.querySelectorAll('script, img').length") == 1
    assert browser.text().count("<script>document.title='owned'</script>") > 50
    assert browser.run("return document.querySelectorAll('[onerror]').length") == 0


def test_what_slips_in_may_not_run_load_or_send(browser: Browser, served: Served) -> None:
    """The policy must hold even if the escaping fails."""
    browser.open(served.url)
    browser.run(
        "const script = document.createElement('script'); script.textContent = 'document.title = `owned`';"
        "const image = document.createElement('img'); image.src = 'http://127.0.0.1:9/x';"
        "const styled = document.createElement('div');"
        'styled.innerHTML = \'<p style="color: red" onclick="1">\';'
        "document.body.append(script, image, styled);"
    )
    refused: list[str] = []

    def all_refused() -> bool:
        refused.extend(browser.complaints())
        return all(any(f"{kind}-src" in line for line in refused) for kind in ("script", "img", "style"))

    eventually(all_refused, "script, image and style are refused")
    assert browser.run("return document.title") != "owned"


@pytest.mark.parametrize("width", [PHONE, DESKTOP])
def test_without_scripts_all_of_it_is_there(browser: Browser, served: Served, width: int) -> None:
    served.show(STATUSES["all at the same time"])
    browser.open(served.url, View(width))
    with_scripts = browser.text("main")
    browser.open(served.url, View(width, scripts=False))
    assert browser.text("main") == with_scripts
    assert "Reloads every 30 s." in browser.text("footer")
    assert "refresh every" not in browser.text("footer")
    (refresh,) = browser.run(
        "return [...document.querySelectorAll('[http-equiv=refresh]')].map((it) => it.content)"
    )
    assert refresh == "30"


def test_the_evidence_of_a_failure_is_one_click_away_with_the_keyboard(
    browser: Browser, served: Served
) -> None:
    served.show(full_status())
    browser.open(served.url)
    assert "Log tail of the node" not in browser.text()
    browser.run("document.getElementById('summary-5').focus()")
    browser.press("Enter")
    assert "Log tail of the node" in browser.text()


def test_a_failure_in_the_table_leads_to_its_evidence(browser: Browser, served: Served) -> None:
    browser.open(served.url)
    browser.run("document.getElementById('why-5').click()")
    eventually(lambda: "Log tail of the node" in browser.text(), "the evidence is open")


def test_every_control_is_reached_by_the_keyboard_and_shows_that_it_is(
    browser: Browser, served: Served
) -> None:
    served.show(full_status())
    browser.open(served.url)
    # Controls in closed sections are not reachable.
    wanted = browser.run(
        "return [...document.querySelectorAll('a, summary, input, [tabindex]')]"
        ".filter((each) => each.checkVisibility()).length"
    )
    reached = set()
    for _ in range(wanted):
        browser.press("Tab")
        name, outline, html = browser.run(
            "const it = document.activeElement;"
            "return [it.id || it.getAttribute('href'), getComputedStyle(it).outlineStyle, it.outerHTML]"
        )
        assert outline == "solid", html
        reached.add(name)
    assert len(reached) == wanted, "each once"
    assert "results" in reached, "a table that is wider than the screen is scrolled"


def test_it_refreshes_itself_and_disturbs_nobody(browser: Browser, served: Served) -> None:
    """Open details stay open, focus and the text in view stay, and unchanged elements are not replaced."""
    first = full_status(results=many_runs())
    served.show(first)
    browser.open(served.url, View(PHONE))
    browser.run(
        "window.before = document.querySelector('#volume dl');"
        "window.failure = document.querySelector('#failures details'); window.failure.open = true;"
        "document.querySelector('#results').scrollLeft = 120; scrollTo(0, 900);"
        "document.querySelector('#results td a').focus({preventScroll: true});"
        "window.focused = document.activeElement.id;"
        "window.icon = document.querySelector('[rel=icon]').href"
    )
    place = "window.before.getBoundingClientRect().top, document.querySelector('#results').scrollLeft"
    before = browser.run(f"return [{place}, window.focused]")
    assert 0 < before[0] < HEIGHT, "the element is in view, so that the test sees if it moves"
    more = (versioned(121, outcome=Outcome.FAILED, reason=Reason.CRASHED, message="again"), *many_runs()[:19])
    served.show(full_status(results=more, phase=Phase.SOAKING, at=NOW.wall + 5))
    eventually(
        lambda: "again" in browser.run("return document.querySelector('#failures').textContent"),
        "it is refreshed",
        REFRESHED_SECONDS,
    )
    after = browser.run(f"return [{place}, document.activeElement.id]")
    assert after == before
    assert browser.run("return document.getElementById(window.failure.id).open")
    assert browser.run("return window.before === document.querySelector('#volume dl')")
    assert browser.run("return document.title") == "✗ run 121 failed: crashed · tester"
    assert browser.run("return document.querySelector('[rel=icon]').href === window.icon") is False
    assert set(browser.asked_for()) == {served.url}
    assert browser.complaints() == []


def test_what_is_selected_is_not_taken_away(browser: Browser, served: Served) -> None:
    browser.open(served.url)
    browser.run("getSelection().selectAllChildren(document.querySelector('#run'))")
    selected = browser.run("return String(getSelection())")
    assert "c" * 40 in selected, "a digest that is cut by the style is copied whole"
    served.show(full_status(run=run(number=99), at=NOW.wall + 5))
    moment = browser.text("#as-of")
    come_back(browser)
    eventually(lambda: browser.text("#as-of") != moment, "it is refreshed", REFRESHED_SECONDS)
    assert browser.run("return String(getSelection())") == selected
    held = "return Boolean(document.querySelector('.held'))"
    assert browser.run(held), "it says that this part is older"

    browser.run("getSelection().removeAllRanges()")
    come_back(browser)
    eventually(lambda: not browser.run(held), "the part is as new as the rest", REFRESHED_SECONDS)
    assert "99" in browser.text("#run")


def test_it_says_so_when_the_monitor_does_not_answer_and_when_it_does_again(
    browser: Browser, served: Served
) -> None:
    browser.open(served.url)
    served.shown.error = ValueError("broken")
    come_back(browser)
    eventually(lambda: "does not answer" in browser.text("main"), "it says so", REFRESHED_SECONDS)
    assert browser.barriers() == []
    served.shown.error = None
    come_back(browser)
    eventually(lambda: "does not answer" not in browser.text("main"), "it is over", REFRESHED_SECONDS)


class Upgradable(Site):
    """A site whose page changes at some moment, as after an upgrade."""

    upgraded = False

    def answer(self, target: str, headers: Message) -> Response:
        found = super().answer(target, headers)
        old, new = b"</style>", b"/* of the next version */</style>"
        return replace(found, body=found.body.replace(old, new)) if Upgradable.upgraded else found


def test_after_an_upgrade_of_the_monitor_the_page_is_reloaded(
    browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    shown = Shown().site()
    site = Upgradable(shown.registry, shown.load, shown.history, shown.healthy)
    with serving(site) as server:
        browser.open(f"http://{HOST}:{server.port}/")
        browser.run("window.loaded = 'before'")
        come_back(browser)
        monkeypatch.setattr(Upgradable, "upgraded", True)
        come_back(browser)
        eventually(lambda: browser.run("return window.loaded") is None, "it is loaded again")
        assert "next version" in browser.run("return document.querySelector('style').textContent")


def test_the_refresh_can_be_switched_off(browser: Browser, served: Served) -> None:
    browser.open(served.url)
    browser.run("document.getElementById('live').click()")
    browser.asked_for()
    served.show(full_status(at=NOW.wall + 5))
    eventually(lambda: browser.run("return performance.now()") > 6000, "a period is over")
    assert browser.asked_for() == []
