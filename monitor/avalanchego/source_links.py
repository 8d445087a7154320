"""Links to AvalancheGo's source code: a commit, and the changes between two."""

from __future__ import annotations

import re

from monitor.domain.regression import Regression

SOURCE_URL = "https://github.com/ava-labs/avalanchego"
COMMIT = re.compile(r"[0-9a-f]{40}")  # what a build reports may be anything


def compare_link(regression: Regression) -> str:
    """Where the changes between the last good and the first bad build can be read; empty where no two are known."""
    good = regression.last_good.build.commit if regression.last_good else ""
    bad = regression.first_bad.build.commit if regression.first_bad else ""
    known = COMMIT.fullmatch(good) and COMMIT.fullmatch(bad) and good != bad
    return f"{SOURCE_URL}/compare/{good}...{bad}" if known else ""
