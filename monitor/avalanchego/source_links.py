"""Links to AvalancheGo's source code."""

from __future__ import annotations

import re

from monitor.domain.regression import Regression

SOURCE_URL = "https://github.com/ava-labs/avalanchego"
COMMIT = re.compile(r"[0-9a-f]{40}")  # a build may report any text as its commit


def compare_link(regression: Regression) -> str:
    """Return the link to the changes from the last good to the first bad commit, or "" if one is unknown."""
    good = regression.last_good.build.commit if regression.last_good else ""
    bad = regression.first_bad.build.commit if regression.first_bad else ""
    known = COMMIT.fullmatch(good) and COMMIT.fullmatch(bad) and good != bad
    return f"{SOURCE_URL}/compare/{good}...{bad}" if known else ""
