"""Reads the audit log of an API server: who requested what, and when."""

from __future__ import annotations

import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Request:
    """One completed request; `at` is when the API server received it, in seconds since the Unix epoch."""

    at: float
    user: str
    namespace: str
    verb: str
    resource: str
    name: str


def service_account(namespace: str, name: str) -> str:
    """Return the user name of a ServiceAccount."""
    return f"system:serviceaccount:{namespace}:{name}"


def requests_in(log: Path, namespace: str, begin: float, end: float) -> list[Request]:
    """Return the requests for objects of a namespace that were received from `begin` to `end`, in order."""
    found = []
    with log.open(encoding="utf-8") as lines:
        for line in lines:
            # A line without an end is still being written.
            if f'"{namespace}"' in line and line.endswith("\n"):
                request = _request(json.loads(line))
                if request.namespace == namespace and begin <= request.at <= end:
                    found.append(request)
    return sorted(found, key=lambda each: each.at)


def _request(entry: dict[str, object]) -> Request:
    about, user = entry.get("objectRef"), entry["user"]
    if not isinstance(about, dict) or not isinstance(user, dict):
        about, user = {}, {}
    return Request(
        at=datetime.fromisoformat(str(entry["requestReceivedTimestamp"])).timestamp(),
        user=str(user.get("username", "")),
        namespace=str(about.get("namespace", "")),
        verb=str(entry["verb"]),
        resource="/".join(str(about[key]) for key in ("resource", "subresource") if key in about),
        name=str(about.get("name", "")),
    )
