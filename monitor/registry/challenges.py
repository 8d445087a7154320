"""The `WWW-Authenticate` header by its grammar (RFC 9110, section 11.6.1).

One header may hold several challenges, and commas divide challenges as well as their parameters: a scheme is
told from a parameter by the `=` that follows the latter.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

_TOKEN = r"[!#$%&'*+.^_`|~0-9A-Za-z-]+"  # noqa: S105 (a token of the grammar)
_PARAMETER = re.compile(rf'({_TOKEN})[ \t]*=[ \t]*(?:"((?:[^"\\]|\\.)*)"|({_TOKEN}))')
_SCHEME = re.compile(rf"((?>{_TOKEN}))(?![ \t]*=)(?:[ \t]+([A-Za-z0-9._~+/-]+=*)(?=[ \t]*(?:,|$)))?")
_SEPARATORS = re.compile(r"[ \t,]*")
_HEADER_CHARACTERS = 8192


@dataclass(frozen=True, slots=True)
class Challenge:
    """What a server wants; scheme and names of parameters in small letters."""

    scheme: str
    parameters: Mapping[str, str] = field(default_factory=dict)


def challenges_of(headers: Iterable[str]) -> tuple[Challenge, ...]:
    """All challenges, in order; what is malformed ends its header."""
    return tuple(each for header in headers for each in _challenges(header[:_HEADER_CHARACTERS]))


def _challenges(header: str) -> Iterator[Challenge]:
    scheme, parameters = "", dict[str, str]()
    position = _after_separators(header, 0)
    while position < len(header):
        if scheme and (found := _PARAMETER.match(header, position)):
            name, quoted, plain = found.groups()
            parameters.setdefault(name.lower(), plain if quoted is None else re.sub(r"\\(.)", r"\1", quoted))
        elif found := _SCHEME.match(header, position):
            if scheme:
                yield Challenge(scheme, parameters)
            scheme, parameters = found[1].lower(), {}
        else:
            break
        position = _after_separators(header, found.end())
    if scheme:
        yield Challenge(scheme, parameters)


def _after_separators(header: str, position: int) -> int:
    found = _SEPARATORS.match(header, position)
    return found.end() if found else position
