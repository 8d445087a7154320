"""Each run of the scenario ends as its build determines, and the servers store every exported sample."""

from __future__ import annotations

import re
import subprocess
import urllib.request
from collections.abc import Mapping
from pathlib import Path

import pytest
from servers.conftest import Lived
from servers.life import BETWEEN_BUILDS, BUILDS, CONFIRMING, FIRST_BAD, LAST_GOOD, NOT_LIVED
from servers.prometheus import Prometheus
from servers.tools import VERSIONS
from support.observed_life import commit, version

from monitor.output.metrics import EVERY_FAMILY

# Counters of a server for samples that it does not store.
DROPPED = (
    "prometheus_target_scrapes_sample_duplicate_timestamp_total",
    "prometheus_target_scrapes_sample_out_of_order_total",
    "prometheus_target_scrapes_sample_out_of_bounds_total",
    "prometheus_target_scrapes_exceeded_sample_limit_total",
)


def test_each_run_ended_as_its_build_made_it(lived: Lived) -> None:
    runs = lived.life.runs()

    assert [(run.outcome, run.reason) for run in runs] == [*(end for _, end in BUILDS), (None, None)]
    builds = [number - (number in CONFIRMING) for number in range(1, len(runs) + 1)]
    assert [run.build.commit for run in runs] == [commit(number) for number in builds]
    assert [run.build.version for run in runs] == [version(number) for number in builds]


def test_each_metric_had_a_sample(server: Prometheus, lived: Lived) -> None:
    known = server.labels(lived.start, lived.end, '{__name__=~"bootstrap_monitor_.+"}')

    assert {family.name for family in EVERY_FAMILY} - known.keys() - {BETWEEN_BUILDS} == NOT_LIVED


def test_it_had_regressed_between_two_commits(server: Prometheus) -> None:
    (found,) = server.now('bootstrap_monitor_regression_info{measure="duration"}')

    good, bad = found["metric"]["commit_good"], found["metric"]["commit_bad"]
    assert (good, bad) == (commit(LAST_GOOD), commit(FIRST_BAD))


def test_no_sample_was_dropped(server: Prometheus) -> None:
    """If two series have one name and equal labels, a server silently keeps only one."""
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=30) as answer:
        page = answer.read().decode()
    counted = dict(re.findall(r"^(prometheus_target_scrapes_\w+) (\S+)$", page, re.MULTILINE))

    assert {name: float(counted[name]) for name in DROPPED} == dict.fromkeys(DROPPED, 0.0)


@pytest.mark.parametrize("of", VERSIONS)
def test_the_page_is_as_promtool_wants_it(of: str, lived: Lived, promtools: Mapping[str, Path]) -> None:
    with urllib.request.urlopen(f"http://{lived.life.address}/metrics", timeout=30) as answer:
        page = answer.read()

    done = subprocess.run([promtools[of], "check", "metrics"], input=page, capture_output=True, check=False)

    assert (done.returncode, done.stderr.decode(), done.stdout.decode()) == (0, "", "")
