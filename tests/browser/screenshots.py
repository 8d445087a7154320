"""Takes the screenshots in the documentation from a real run: `python -m browser.screenshots`.

A monitor bootstraps simulated builds for about two minutes; some are worse than the builds before them.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from browser.chromium import DESKTOP, PHONE, Browser, View, browser
from browser.story import Story
from support.local_life import ROOT
from support.provisioned import MissingError
from support.simulated_builds import eventually

IMAGES = ROOT / "docs" / "images"
GOOD: Mapping[str, float] = {"bootstrap_seconds": 6, "blocks": 4000}
SLOW: Mapping[str, float] = {"bootstrap_seconds": 9, "blocks": 4000}
CRASHING: Mapping[str, float] = {**GOOD, "crash_at_share": 0.4}
# The behaviour of each build; the screenshots show the open run of the last one.
BUILDS = (*(GOOD,) * 5, CRASHING, *(GOOD,) * 4, SLOW, SLOW, {"bootstrap_seconds": 12, "blocks": 4000})
OPEN_AT_SECONDS = 4.0
MAX_HEIGHT = {PHONE: 1320, DESKTOP: 2400}  # a phone shows only the top
PICTURES = {
    "page.png": View(DESKTOP),
    "page-dark.png": View(DESKTOP, dark=True),
    "page-phone.png": View(PHONE),
}


def main() -> int:
    """Take the screenshots and write them to docs/images."""
    try:
        with tempfile.TemporaryDirectory() as folder, browser() as window:
            story = Story(Path(folder), ("--soak=300ms", "--web-evidence", "--no-confirm-regressions"))
            story.install(1, **BUILDS[0])
            with story.lives():
                _live(story)
                _take(window, story)
    except MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _live(story: Story) -> None:
    """Run all builds until the last run is open and under way."""
    for number, behaviour in enumerate(BUILDS[1:], 2):
        story.reach(number - 1, "idle")
        story.install(number, **behaviour)
    story.reach(len(BUILDS), "bootstrapping")
    eventually(lambda: story.status()["run"]["activeSeconds"] > OPEN_AT_SECONDS, "the run is under way")


def _take(window: Browser, story: Story) -> None:
    """Take all screenshots of one moment: the page is loaded once and not refreshed between them."""
    window.open(story.page)
    for name, view in PICTURES.items():
        window.set_display(view)
        window.screenshot(IMAGES / name, view.width, MAX_HEIGHT[view.width])
        sys.stdout.write(f"{IMAGES / name}\n")


if __name__ == "__main__":
    sys.exit(main())
