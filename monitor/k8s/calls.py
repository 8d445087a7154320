"""What is asked of the API server, and what its answers mean.

Absence (404) and conflict (409) are answers, which the asker understands; everything else that is no
success is an error, told apart by what helps.
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
    """One request, in the words of a Role: `verb` on `resource` (`pods`, `pods/log`, `statefulsets`).

    `namespace` is empty for what lies in none.
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
        """How the body is to be read."""
        return _CONTENT_TYPES.get(self.verb, "application/json")

    def __str__(self) -> str:
        """The call as an error names it."""
        named = f" {self.name!r}" if self.name else ""
        where = f" in namespace {self.namespace!r}" if self.namespace else ""
        return f"{self.verb} {self.resource}{named}{where}"


@dataclass(frozen=True, slots=True)
class ApiResponse:
    """What the API server said; `status` is a success, 404 or 409 once `checked`."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def missing(self) -> bool:
        """There is no such object."""
        return self.status == HTTPStatus.NOT_FOUND

    @property
    def conflict(self) -> bool:
        """The object is not (any more) what the call took it for."""
        return self.status == HTTPStatus.CONFLICT

    @property
    def message(self) -> str:
        """What it says for people: the `message` of a Status, on one line."""
        try:
            text = json_object(self.body, _OBJECT_BYTES).get("message")
        except ValueError:
            text = None
        return short_message(str(text) if text else self.body.decode(errors="replace"))

    @property
    def retry_after_seconds(self) -> float | None:
        """How long the server asks to be left alone."""
        text = next((value for name, value in self.headers.items() if name.lower() == "retry-after"), "")
        return float(text) if text.isascii() and text.isdigit() else None

    def json(self) -> JsonObject:
        """The object it holds.

        Raises:
            TemporaryError: it holds none, so something other than an API server answered.
        """
        try:
            return json_object(self.body, _OBJECT_BYTES)
        except ValueError as error:
            raise TemporaryError(
                "the API server answered with no JSON object but "
                f"{short_message(self.body[:80].decode(errors='replace'))!r}: "
                "does something else answer at its address?"
            ) from error


class UnavailableError(OutageError):
    """The API server did not do it now; `after_seconds` is when it asks to be asked again."""

    cause = Cause.API_SERVER_UNAVAILABLE

    def __init__(
        self,
        message: str,
        after_seconds: float | None = None,
        *,
        refused: bool = False,
        cause: Cause | None = None,
    ) -> None:
        """Keep what the server asks for beside the message."""
        super().__init__(message, cause=cause)
        self.after_seconds, self.refused = after_seconds, refused


def group_of(kind: str) -> str:
    """The API group of a kind of object, as a Role names it; empty for the core's."""
    return _GROUPS.get(kind, "")


def short_message(text: str) -> str:
    """The text without line breaks, bounded."""
    joined = " ".join(text.split())
    return joined if len(joined) <= _MESSAGE_LENGTH else joined[: _MESSAGE_LENGTH - 1] + "…"


def checked(call: ApiCall, answer: ApiResponse, advice: str) -> ApiResponse:
    """The answer, where it is a success, an absence or a conflict; `advice` is for credentials that are not accepted.

    Raises:
        NotPermittedError: the cluster refuses the call.
        UnavailableError: the server is busy, broken or doubts who asks; the same may succeed later.
        ConfigurationError: the server takes the call for wrong.
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
                f"the API server does not accept the credentials to {call} (401: {answer.message}): {advice}",
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
                f"the API server does not take the call to {call} ({status}: {answer.message}): "
                "correct what it names"
            )


def _not_permitted(call: ApiCall, message: str) -> NotPermittedError:
    # Admission (quotas, pod security) refuses with the same status, and there no Role helps.
    by_role = "cannot" in message and "resource" in message
    role = "its Role" if call.namespace else "a ClusterRole"
    help_ = f"allow {call.verb} on {call.resource} in {role}" if by_role else "change what it names"
    return NotPermittedError(
        f"not permitted to {call} ({message}): {help_}", cause=None if by_role else Cause.REQUEST_DENIED
    )
