"""Makes the pictures of the page that the documents show, from a real run: `python -m browser.screenshots`.

A monitor bootstraps simulated builds, some of which are worse than the ones before, for about two minutes.
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
# How each build behaves; the last one is looked at while its run is open.
BUILDS = (*(GOOD,) * 5, CRASHING, *(GOOD,) * 4, SLOW, SLOW, {"bootstrap_seconds": 12, "blocks": 4000})
OPEN_AT_SECONDS = 4.0
MAX_HEIGHT = {PHONE: 1320, DESKTOP: 2400}  # the top of it will do on a phone
PICTURES = {
    "page.png": View(DESKTOP),
    "page-dark.png": View(DESKTOP, dark=True),
    "page-phone.png": View(PHONE),
}


def main() -> int:
    """Write them."""
    try:
        with tempfile.TemporaryDirectory() as folder, browser() as window:
            story = Story(Path(folder), ("--soak=300ms", "--web-evidence"))
            story.install(1, **BUILDS[0])
            with story.lives():
                _live(story)
                _take(window, story)
    except MissingError as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


def _live(story: Story) -> None:
    """Until the last run is open and well under way."""
    for number, behaviour in enumerate(BUILDS[1:], 2):
        story.reach(number - 1, "idle")
        story.install(number, **behaviour)
    story.reach(len(BUILDS), "bootstrapping")
    eventually(lambda: story.status()["run"]["activeSeconds"] > OPEN_AT_SECONDS, "the run is under way")


def _take(window: Browser, story: Story) -> None:
    """All of one moment: the page is loaded once, and they are taken before it is refreshed."""
    window.open(story.page)
    for name, view in PICTURES.items():
        window.look(view)
        window.screenshot(IMAGES / name, view.width, MAX_HEIGHT[view.width])
        sys.stdout.write(f"{IMAGES / name}\n")


if __name__ == "__main__":
    sys.exit(main())
