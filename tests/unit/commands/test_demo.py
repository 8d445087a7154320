"""Tests of `demo`: the planned results, and their conclusion in the terminal."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from support.local_life import ROOT, environment

from monitor.commands.demo import BUILDS
from monitor.domain.baseline import MIN_VALUES
from monitor.domain.run import Outcome

WITHOUT_NODE = (
    "import sys; sys.modules['simulated_node'] = None; from monitor.cli import main; sys.exit(main(['demo']))"
)
TIMEOUT_SECONDS = 300


def test_without_the_simulated_node_it_says_where_to_run_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NODE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "demo: the image has no simulated node; run `make demo` in a clone" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_it_shows_a_failure_and_a_slower_build_between_good_ones(tmp_path: Path) -> None:
    failed, slower, good = (len(BUILDS) - index for index in (2, 1, 0))
    done = subprocess.run(
        [sys.executable, "-m", "monitor", "demo", "--web-listen-address=127.0.0.1:0"],
        cwd=ROOT,
        env={**environment(), "TMPDIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT_SECONDS,
        check=False,
    )
    lines = done.stdout.splitlines()
    results = [line.split(" · ")[0] for line in lines if line[:1] in {"✓", "✗"}]
    table = next(number for number, line in enumerate(lines) if line.startswith("RUN OUTCOME"))

    assert (done.returncode, list(tmp_path.iterdir())) == (0, []), done.stderr
    assert results == [
        f"{'✗' if run == failed else '✓'} run {run} {build.outcome}" for run, build in enumerate(BUILDS, 1)
    ]
    assert "failed to verify block" in next(line for line in lines if line.startswith("✗"))
    assert any(line.startswith(f"⚠ run {slower} took ") and line.endswith(": suspected") for line in lines)
    assert any(f"slower since run {slower} of 1.14.4 (a510a510); last good: " in line for line in lines)
    assert table > lines.index(next(line for line in lines if line.startswith(f"✓ run {good} ")))
    assert lines[-2] == "1.14.3 (badbadba) cannot bootstrap: crashed"
    assert lines[-1].startswith("1.14.4 (a510a510) is slower than 1.14.2 (66666666): its bootstrap took ")
    assert not [line for line in done.stderr.splitlines() if "succeeded" in line or "failed" in line]


def test_a_baseline_precedes_the_slower_build() -> None:
    successes = [build for build in BUILDS if build.outcome is Outcome.SUCCEEDED]

    assert successes.index(BUILDS[-2]) == MIN_VALUES - 1
