"""Tests of the counters of the monitor's own activity."""

from __future__ import annotations

import threading

import pytest

from monitor.engine.activity import ERRORS, IMAGE_CHECKS, TASK_DURATION, TASK_LAST_SUCCESS, Activity
from monitor.errors import TemporaryError


def test_errors_are_counted_by_operation() -> None:
    activity = Activity()
    for operation in ("tick", "image", "tick"):
        activity.error(operation)
    assert activity.values(ERRORS) == {("tick",): 2, ("image",): 1}


def test_what_is_expected_counts_from_zero() -> None:
    activity = Activity()
    activity.error("status")
    activity.expect("status")
    activity.expect("tick")
    assert activity.values(ERRORS) == {("status",): 1, ("tick",): 0}


def test_a_task_that_went_well_has_no_errors_and_a_time() -> None:
    activity = Activity()
    activity.task_finished("disk", 1.5, 1000.0)
    activity.task_finished("disk", 2.5, 1300.0)
    assert activity.values(ERRORS) == {("disk",): 0}
    assert activity.values(TASK_DURATION) == {("disk",): 2.5}
    assert activity.values(TASK_LAST_SUCCESS) == {("disk",): 1300.0}


def test_both_results_of_a_source_are_there_once_it_was_asked() -> None:
    activity = Activity()
    activity.image_check("pod", "success")
    activity.image_check("pod", "success")
    assert activity.values(IMAGE_CHECKS) == {("pod", "success"): 2, ("pod", "error"): 0}


def test_a_lookup_is_counted_by_its_result() -> None:
    activity = Activity()
    with activity.counted_lookup("registry"):
        assert not activity.values(IMAGE_CHECKS), "not before its end"
    with pytest.raises(TemporaryError), activity.counted_lookup("registry"):
        raise TemporaryError("it does not answer")

    assert activity.values(IMAGE_CHECKS) == {("registry", "success"): 1, ("registry", "error"): 1}


def test_no_count_is_lost_between_threads() -> None:
    activity, threads, times = Activity(), 8, 2000

    def work() -> None:
        for _ in range(times):
            activity.error("tick")
            activity.image_check("registry", "error")

    working = [threading.Thread(target=work) for _ in range(threads)]
    for each in working:
        each.start()
    for each in working:
        each.join()
    errors, image_checks = activity.values(ERRORS), activity.values(IMAGE_CHECKS)
    assert errors["tick",] == image_checks["registry", "error"] == threads * times


def test_what_was_read_does_not_change_afterwards() -> None:
    activity = Activity()
    activity.expect("tick")
    errors = activity.values(ERRORS)
    activity.error("tick")
    assert errors == {("tick",): 0}
