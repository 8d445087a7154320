"""Tests that positive durations are parsed like Go's and are shown in a readable form."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.duration import duration_text
from monitor.settings import Duration

NO_DURATION = "it must be a duration such as 30s, 1m30s, 12h or 14d"
NOT_POSITIVE = "it must be longer than zero"
TOO_LONG = "it must be shorter than 292 years"


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        pytest.param("30s", 30, id="seconds"),
        pytest.param("5m", 300, id="minutes"),
        pytest.param("12h", 43_200, id="hours"),
        pytest.param("500ms", 0.5, id="milliseconds"),
        pytest.param("20us", 0.000_02, id="microseconds"),
        pytest.param("20µs", 0.000_02, id="microseconds with the micro sign"),
        pytest.param("20μs", 0.000_02, id="microseconds with the Greek letter"),
        pytest.param("4000ns", 0.000_004, id="nanoseconds"),
        pytest.param("1m30s", 90, id="two units"),
        pytest.param("1h2m3s4ms", 3723.004, id="all units"),
        pytest.param("30s1m", 90, id="units in any order"),
        pytest.param("1m1m", 120, id="a unit twice"),
        pytest.param("1.5h", 5400, id="a fraction"),
        pytest.param(".5s", 0.5, id="a fraction without a number before"),
        pytest.param("2.s", 2, id="a point without a fraction"),
        pytest.param("0h1s", 1, id="a part that is zero"),
        pytest.param("08m", 480, id="a zero before"),
        pytest.param("14d", 1_209_600, id="days, which Go lacks"),
        pytest.param("1d12h", 129_600, id="a day and a half"),
        pytest.param("1.5d", 129_600, id="a fraction of days"),
        pytest.param("336h", 1_209_600, id="two weeks"),
        pytest.param("2562047h", 9_223_369_200, id="the longest in whole hours"),
    ],
)
def test_a_duration_is_read_as_go_reads_it(text: str, seconds: float) -> None:
    found = Duration.parse(text)

    assert type(found) is Duration
    assert found == pytest.approx(seconds, rel=1e-12)


def test_a_duration_stays_what_it_is() -> None:
    assert float(Duration.parse(Duration(90))) == 90


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        pytest.param("", NO_DURATION, id="empty"),
        pytest.param("30", NO_DURATION, id="no unit"),
        pytest.param("0", NO_DURATION, id="zero without a unit"),
        pytest.param("s", NO_DURATION, id="no number"),
        pytest.param(".s", NO_DURATION, id="a point alone"),
        pytest.param("2w", NO_DURATION, id="weeks"),
        pytest.param("1y", NO_DURATION, id="years"),
        pytest.param("1mm", NO_DURATION, id="months"),
        pytest.param("-1m", NO_DURATION, id="negative"),
        pytest.param("+1m", NO_DURATION, id="a plus sign"),
        pytest.param("1m-30s", NO_DURATION, id="a minus sign within"),
        pytest.param("1m 30s", NO_DURATION, id="a space within"),
        pytest.param(" 30s", NO_DURATION, id="a space before"),
        pytest.param("30s\n", NO_DURATION, id="a line's end"),
        pytest.param("30S", NO_DURATION, id="a unit in capitals"),
        pytest.param("1.2.3s", NO_DURATION, id="two points"),
        pytest.param("1,5h", NO_DURATION, id="a comma"),
        pytest.param("1e3s", NO_DURATION, id="an exponent"),
        pytest.param("infs", NO_DURATION, id="infinity"),
        pytest.param("\N{ARABIC-INDIC DIGIT THREE}s", NO_DURATION, id="another script's digit"),
        pytest.param("five minutes", NO_DURATION, id="words"),
        pytest.param(30, NO_DURATION, id="a number"),
        pytest.param(None, NO_DURATION, id="nothing"),
        pytest.param("0s", NOT_POSITIVE, id="zero"),
        pytest.param("0h0m0.0s", NOT_POSITIVE, id="zero in parts"),
        pytest.param("1ns", NOT_POSITIVE, id="not distinguishable from zero"),
        pytest.param("2562048h", TOO_LONG, id="an hour more than the longest"),
        pytest.param("99999999999h", TOO_LONG, id="longer than a calendar"),
        pytest.param("9" * 400 + "h", TOO_LONG, id="longer than any number"),
    ],
)
def test_an_invalid_duration_is_refused(text: object, problem: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(problem)}$"):
        Duration.parse(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        pytest.param(0, "0s", id="zero"),
        pytest.param(0.04, "0.0s", id="nearly nothing"),
        pytest.param(0.5, "0.5s", id="half a second"),
        pytest.param(9.94, "9.9s", id="tenths below ten seconds"),
        pytest.param(10.4, "10s", id="no tenths from ten seconds on"),
        pytest.param(12, "12s", id="seconds"),
        pytest.param(59.7, "1m", id="rounded up to a minute"),
        pytest.param(60, "1m", id="a minute"),
        pytest.param(90, "1m30s", id="a minute and a half"),
        pytest.param(65, "1m05s", id="two digits below"),
        pytest.param(3599.4, "59m59s", id="just under an hour"),
        pytest.param(3600, "1h", id="an hour"),
        pytest.param(3659, "1h", id="two units at most"),
        pytest.param(3660, "1h01m", id="an hour and a minute"),
        pytest.param(7500, "2h05m", id="hours and minutes"),
        pytest.param(86_400, "24h", id="a day"),
        pytest.param(172_799, "47h59m", id="just under two days"),
        pytest.param(172_800, "2d", id="two days"),
        pytest.param(1_209_600 + 3 * 3600 + 59, "14d03h", id="weeks"),
    ],
)
def test_a_duration_is_shown_as_a_person_writes_it(seconds: float, text: str) -> None:
    assert duration_text(seconds) == text
    assert str(Duration(seconds)) == text


@given(st.integers(min_value=1, max_value=30 * 86_400))
def test_what_is_shown_is_read_again(seconds: int) -> None:
    unit = 3600 if seconds >= 172_800 else 60
    lost = seconds % unit if seconds >= 3600 else 0

    assert float(Duration.parse(duration_text(seconds))) == seconds - lost
