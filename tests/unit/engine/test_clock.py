"""Tests of the clock: a wall clock and a boot clock, which every process of a machine reads alike."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from monitor.domain.active_time import observed_interval_seconds
from monitor.engine.clock import SystemClock

ROOT = Path(__file__).parents[3]
SHOW = "from monitor.engine.clock import SystemClock; now = SystemClock()(); print(now.boot_id, now.boot_seconds)"


def test_the_wall_clock_is_in_unix_seconds() -> None:
    before = time.time()
    now = SystemClock()()

    assert before <= now.wall <= time.time()


def test_the_boot_clock_counts_from_the_machines_boot() -> None:
    before = time.clock_gettime(time.CLOCK_BOOTTIME)
    now = SystemClock()()

    assert before <= now.boot_seconds <= time.clock_gettime(time.CLOCK_BOOTTIME)


def test_the_boot_clock_advances_as_real_time_does() -> None:
    clock = SystemClock()
    first, started = clock(), time.monotonic()
    time.sleep(0.05)
    second, slept = clock(), time.monotonic() - started

    assert 0.05 <= second.boot_seconds - first.boot_seconds <= slept + 0.05


def test_the_boot_clock_never_goes_back() -> None:
    clock = SystemClock()
    readings = [clock().boot_seconds for _ in range(1000)]

    assert readings == sorted(readings)


def test_all_clocks_of_one_process_know_one_boot() -> None:
    first, second = SystemClock()(), SystemClock()()

    assert first.boot_id == second.boot_id != ""


def test_another_process_reads_the_same_boot_so_that_a_restarted_monitor_counts_on() -> None:
    before = SystemClock()()
    shown = subprocess.run([sys.executable, "-c", SHOW], cwd=ROOT, capture_output=True, text=True, check=True)
    after = SystemClock()()
    boot_id, boot_seconds = shown.stdout.split()

    assert boot_id == before.boot_id
    assert before.boot_seconds < float(boot_seconds) < after.boot_seconds


def test_what_passes_between_two_readings_is_observed() -> None:
    clock = SystemClock()
    first = clock()
    time.sleep(0.02)
    second = clock()
    observed = observed_interval_seconds(first, second, 10.0)

    assert observed == second.boot_seconds - first.boot_seconds > 0
