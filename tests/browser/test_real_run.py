"""The page of a real monitor while it bootstraps a simulated node, in each phase of the run."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from browser.chromium import VIEWS, Browser, View
from browser.story import Story
from support.simulated_builds import eventually

EVIL = "<script>document.title='owned'</script>"


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """Yield a tester whose first node starts slowly and without peers, so that each phase is visible."""
    found = Story(tmp_path_factory.mktemp("story"), ("--soak=8s", "--stall-warning=2s", "--web-evidence"))
    found.install(1, bootstrap_seconds=10, no_peers_seconds=9, listen_after_seconds=5, version=EVIL)
    with found.lives():
        yield found


def checked_text(browser: Browser, story: Story, name: str, folder: Path) -> str:
    """Return the text of the page, after checking the page in every view."""
    browser.open(story.page)
    text = browser.text("main")
    for view in VIEWS:
        browser.set_display(view)
        browser.screenshot(folder / f"{name}-{view}.png", view.width)
        assert browser.overflow_pixels() == 0
    assert set(browser.asked_for()) == {story.page}
    assert browser.complaints() == []
    return text


# The tests share one tester: each continues where the previous test ended.
@pytest.mark.parametrize("phase", ["starting", "blocked", "bootstrapping", "soaking", "idle"])
def test_each_phase_is_shown(browser: Browser, story: Story, phase: str, tmp_path: Path) -> None:
    story.reach(1, phase)
    assert phase in checked_text(browser, story, phase, tmp_path)


def test_the_version_that_the_node_reports_stays_text(browser: Browser, story: Story) -> None:
    browser.open(story.page, View(dark=True))
    assert EVIL in browser.text("#results")
    title = browser.run("return document.title")
    assert title.startswith(f"✓ {EVIL} bootstrapped in ")
    assert title.endswith(" · fuji-nightly")
    assert browser.barriers() == []


def test_a_crash_is_shown_with_the_nodes_log_tail(browser: Browser, story: Story, tmp_path: Path) -> None:
    story.install(2, bootstrap_seconds=2, crash_at_share=0.5)
    story.reach(2, "idle")
    checked_text(browser, story, "failed", tmp_path)
    browser.run("document.querySelector('#summary-2').click()")
    assert "FATAL" in browser.text("#words-2")
    assert browser.barriers() == []


def test_a_stall_is_seen_on_a_page_that_was_open_all_the_time(
    browser: Browser, story: Story, tmp_path: Path
) -> None:
    browser.open(story.page)
    story.install(3, bootstrap_seconds=3, hang_at_share=0.3)
    eventually(lambda: "stalled: no progress" in browser.text("#phase"), "it shows as stalled", 60)
    assert set(browser.asked_for()) == {story.page}
    checked_text(browser, story, "stalled", tmp_path)
