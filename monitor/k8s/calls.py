"""Calls to the API server, and the interpretation of its responses.

Not found (404) and conflict (409) are returned to the caller. Any other status that is not a success becomes
an error, whose type depends on the remedy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from urllib.parse import quote

from monitor.domain.json_text import JsonObject, json_object
from monitor.errors import (
    Cause,
    ConfigurationError,
    MonitorError,
    NotPermittedError,
    OutageError,
    TemporaryError,
)

_METHODS = {"get": "GET", "create": "POST", "patch": "PATCH", "delete": "DELETE"}
_GROUPS = {"statefulsets": "apps", "selfsubjectaccessreviews": "authorization.k8s.io"}
_CONTENT_TYPES = {"patch": "application/strategic-merge-patch+json"}
_MESSAGE_LENGTH = 400
_OBJECT_BYTES = 16 << 20


@dataclass(frozen=True, slots=True)
class ApiCall:
    """A request, described as in a Role: `verb` on `resource` (`pods`, `pods/log`, `statefulsets`).

    `namespace` is empty for cluster-scoped resources.
    """

    verb: str
    resource: str
    name: str
    namespace: str
    query: tuple[tuple[str, str], ...] = ()
    body: JsonObject | None = None

    @property
    def method(self) -> str:
        """The HTTP method."""
        return _METHODS[self.verb]

    @property
    def path(self) -> str:
        """The path on the API server."""
        kind, _, subresource = self.resource.partition("/")
        parts = [*(["namespaces", self.namespace] if self.namespace else []), kind]
        if self.verb != "create":
            parts += [self.name, *([subresource] if subresource else [])]
        group = group_of(kind)
        prefix = f"/apis/{group}/v1" if group else "/api/v1"
        return prefix + "".join("/" + quote(part, safe="") for part in parts)

    @property
    def content_type(self) -> str:
        """The media type of the body."""
        return _CONTENT_TYPES.get(self.verb, "application/json")

    def __str__(self) -> str:
        """Return the description of the call for error messages."""
        named = f" {self.name!r}" if self.name else ""
        where = f" in namespace {self.namespace!r}" if self.namespace else ""
        return f"{self.verb} {self.resource}{named}{where}"


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """A response of the API server; after `checked`, `status` is a success, 404 or 409."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """Whether the object was not found."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """Whether the call conflicts with the current state of the object."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def message(self) -> str:
        """The `message` of a Status object on one line, or the text of any other body."""
        try:
            text = json_object(self.body, _OBJECT_BYTES).get("message")
        except ValueError:
            text = None
        return short_message(str(text) if text else self.body.decode(errors="replace"))

    @property
    def retry_after_seconds(self) -> float | None:
        """The delay in seconds that the server requests before a retry; `None` if it requests no delay."""
        text = next((value for name, value in self.headers.items() if name.lower() == "retry-after"), "")
        return float(text) if text.isascii() and text.isdigit() else None

    def json(self) -> JsonObject:
        """Return the JSON object in the body.

        Raises:
            TemporaryError: the body is not a JSON object, so something other than an API server answered.
        """
        try:
            return json_object(self.body, _OBJECT_BYTES)
        except ValueError as error:
            raise TemporaryError(
                "the API server returned something other than a JSON object "
                f"({short_message(self.body[:80].decode(errors='replace'))!r}): "
                "check that its address is correct"
            ) from error


class UnavailableError(OutageError):
    """The API server could not handle a call now; `after_seconds` is the delay that it requests."""

    cause = Cause.API_SERVER_UNAVAILABLE

    def __init__(
        self,
        message: str,
        after_seconds: float | None = None,
        *,
        refused: bool = False,
        cause: Cause | None = None,
    ) -> None:
        """Store the requested delay and whether the server refused the call."""
        super().__init__(message, cause=cause)
        self.after_seconds, self.refused = after_seconds, refused


def group_of(kind: str) -> str:
    """Return the API group of a resource, as in a Role; empty for the core group."""
    return _GROUPS.get(kind, "")


def short_message(text: str) -> str:
    """Return the text on one line, truncated to a maximum length."""
    joined = " ".join(text.split())
    return joined if len(joined) <= _MESSAGE_LENGTH else joined[: _MESSAGE_LENGTH - 1] + "…"


def checked(call: ApiCall, answer: ApiResponse, advice: str) -> ApiResponse:
    """Return a response that is a success, 404 or 409, and raise an error for any other.

    `advice` is the remedy that the error names if the server does not accept the credentials.

    Raises:
        NotPermittedError: the cluster denies the call.
        UnavailableError: the server is busy, fails or does not accept the credentials; a retry may succeed.
        ConfigurationError: the server rejects the call as invalid.
    """
    if answer.status // 100 == 2 or answer.missing or answer.conflict:  # noqa: PLR2004 (2xx)
        return answer
    raise _refusal(call, answer, advice)


def _refusal(call: ApiCall, answer: ApiResponse, advice: str) -> MonitorError:
    match answer.status:
        case HTTPStatus.FORBIDDEN:
            return _not_permitted(call, answer.message)
        case HTTPStatus.UNAUTHORIZED:
            return UnavailableError(
                f"the API server rejected the credentials to {call} (401: {answer.message}): {advice}",
                refused=True,
                cause=Cause.API_SERVER_UNAUTHORIZED,
            )
        case status if status == HTTPStatus.TOO_MANY_REQUESTS or status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            return UnavailableError(
                f"the API server could not {call} now ({status}: {answer.message}): try again later",
                answer.retry_after_seconds,
                refused=status == HTTPStatus.TOO_MANY_REQUESTS,
            )
        case status:
            return ConfigurationError(
                f"the API server rejected the call to {call} ({status}: {answer.message}): "
                "fix the fields that the message names"
            )


def _not_permitted(call: ApiCall, message: str) -> NotPermittedError:
    # Admission (quotas, pod security) denies calls with status 403 too, and a Role does not help there.
    by_role = "cannot" in message and "resource" in message
    role = "its Role" if call.namespace else "a ClusterRole"
    help_ = f"allow {call.verb} on {call.resource} in {role}" if by_role else "fix the cause"
    return NotPermittedError(
        f"not permitted to {call} ({message}): {help_}", cause=None if by_role else Cause.REQUEST_DENIED
    )
