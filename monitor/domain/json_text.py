"""JSON that is read from untrusted text, and written so that every JSON parser accepts it.

The reader accepts JSON as defined in RFC 8259, up to a limit on size and depth. It raises `ValueError` for
anything else.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

JsonObject = dict[str, Any]

MAX_BYTES = 4 << 20
# Python's parser recurses in C. If another library has raised the recursion limit, the process could crash.
MAX_DEPTH = 200
_TOO_DEEP = "it is nested too deeply"
_OBJECT = re.compile(r'\{(?=\s*+["}])')
_STRING_OR_BRACKET = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[{\]}]', re.DOTALL)
# Escape of a surrogate in JSON. A surrogate without its pair can be neither printed nor stored.
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def json_value(text: str | bytes, max_bytes: int = MAX_BYTES) -> Any:  # noqa: ANN401 - JSON holds any value
    """Return the value of a JSON text.

    Raises:
        ValueError: the text is not JSON, is larger than `max_bytes`, is nested too deeply, or contains text
            that is not Unicode.
    """
    if len(text) > max_bytes:
        raise ValueError(f"it is larger than {max_bytes} bytes")
    if isinstance(text, bytes):
        text = text.decode("utf-8-sig")
    if _is_too_deep(text):
        raise ValueError(_TOO_DEEP)
    return _unicode(json.loads(text, parse_constant=_refused), text)


def json_object(text: str | bytes, max_bytes: int = MAX_BYTES) -> dict[str, Any]:
    """Return the object of a JSON text.

    Raises:
        ValueError: `json_value` does not accept the text, or its value is not an object.
    """
    value = json_value(text, max_bytes)
    if not isinstance(value, dict):
        raise ValueError(f"expected a JSON object, got {type(value).__name__}")  # noqa: TRY004 - one error for all
    return value


def json_objects_in(text: str) -> Iterator[dict[str, Any]]:
    """Yield each JSON object in a text with other content, up to an object that is nested too deeply."""
    decoder = json.JSONDecoder(parse_constant=_refused)
    for brace in _OBJECT.finditer(text):
        if _is_too_deep(text, brace.start()):
            return  # each brace inside it would start another scan of the same length
        try:
            value, end = decoder.raw_decode(text, brace.start())
            yield _unicode(value, text[brace.start() : end])
        except ValueError:
            continue


def json_text(
    value: object, *, indent: int | None = None, default: Callable[[object], object] | None = None
) -> str:
    """Return a value as JSON text; `default` converts values that JSON cannot represent.

    Raises:
        ValueError: the value contains a number that is infinite or not a number, or is nested too deeply.
    """
    try:
        return json.dumps(value, indent=indent, default=default, allow_nan=False)
    except RecursionError as error:
        raise ValueError(_TOO_DEEP) from error


def _is_too_deep(text: str, start: int = 0) -> bool:
    """Return whether the value that starts at `start` is nested more deeply than `MAX_DEPTH`."""
    if text.count("[", start) + text.count("{", start) <= MAX_DEPTH:
        return False
    depth = 0
    for match in _STRING_OR_BRACKET.finditer(text, start):
        bracket = match[0]
        depth += (bracket in "[{") - (bracket in "]}")
        if depth > MAX_DEPTH or depth <= 0:
            return depth > 0
    return False


def _refused(constant: str) -> object:
    raise ValueError(f"{constant} is not JSON")


def _unicode(value: Any, text: str) -> Any:  # noqa: ANN401 - JSON holds any value
    """Return the value after checking that all of its text can be encoded."""
    if not text.isascii() or _SURROGATE.search(text):
        json.dumps(value, ensure_ascii=False).encode()
    return value
