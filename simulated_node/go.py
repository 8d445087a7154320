"""Values in the formats of Go."""

import re
from datetime import UTC, datetime

_UNITS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = r"([0-9.]+)(h|ms|m|s|us|µs|ns)"


class SettingError(ValueError):
    """A flag, variable or option is invalid, so the node cannot start."""


def truth(text: str, name: str) -> bool:
    """Parse a boolean as Go does, with an empty text as false."""
    if text in {"1", "t", "T", "TRUE", "true", "True"}:
        return True
    if text in {"", "0", "f", "F", "FALSE", "false", "False"}:
        return False
    raise SettingError(f'invalid boolean "{text}" for "{name}"')


def seconds_of(duration: str) -> float:
    """Parse a duration such as `1m30s` or `500ms`; return seconds."""
    if not re.fullmatch(f"({_PART})+", duration):
        raise SettingError(f'time: invalid duration "{duration}"')
    return sum(float(number) * _UNITS[unit] for number, unit in re.findall(_PART, duration))


def go_duration(seconds: float) -> str:
    """Format a duration, rounded to milliseconds."""
    milliseconds = round(seconds * 1000)
    if seconds < 1:
        return f"{milliseconds}ms" if milliseconds else "0s"
    minutes, milliseconds = divmod(milliseconds, 60_000)
    text = f"{milliseconds / 1000:.3f}".rstrip("0").rstrip(".") + "s"
    if minutes:
        hours, minutes = divmod(minutes, 60)
        text = f"{hours}h{minutes}m{text}" if hours else f"{minutes}m{text}"
    return text


def go_time(moment: float) -> str:
    """Format a time (Unix seconds) as RFC 3339, without trailing zeros."""
    seconds, fraction = divmod(int(moment * 1e9), 10**9)
    tail = f".{fraction:09}".rstrip("0").rstrip(".")
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}{tail}Z"
