"""The connection to the API server: plain JSON on plain paths, with a timeout for each call.

The retries of urllib3 are off, because they would repeat every call three times without a pause. This module
decides which calls are retried, and when.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from urllib.parse import urlencode

from urllib3 import Timeout
from urllib3.exceptions import ConnectTimeoutError, HTTPError, NewConnectionError, ReadTimeoutError

from monitor.domain.json_text import json_text
from monitor.errors import Cause
from monitor.k8s.calls import ApiCall, ApiResponse, UnavailableError, checked, short_message
from monitor.k8s.credentials import ApiServerAccess

Pause = Callable[[float], bool]
"""A function that waits for a number of seconds and returns true if the program is stopping.

`threading.Event().wait` is one.
"""

_TRIES = 3
_TRIES_UNAUTHORIZED = 2  # the server may not know a newly rotated token yet
_BACK_OFF_SECONDS = 0.5
_MAX_RETRY_AFTER_SECONDS = 30.0


def forever(seconds: float) -> bool:
    """Sleep; a `Pause` that is never interrupted."""
    time.sleep(seconds)
    return False


class Connection:
    """A connection that sends calls with timeouts, and retries those that are safe to repeat."""

    def __init__(
        self,
        access: ApiServerAccess,
        *,
        connect_seconds: float = 5.0,
        read_seconds: float = 20.0,
        pause: Pause = forever,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Prepare a connection that opens on first use; `jitter` returns numbers in [0, 1)."""
        self._access = access
        self._timeout = Timeout(connect=connect_seconds, read=read_seconds)
        self._pause = pause
        self._jitter = jitter

    def send(self, call: ApiCall, *, repeatable: bool) -> ApiResponse:
        """Send a call, and retry it if it is `repeatable` and the server is unavailable.

        A repeatable call is sent up to three times, or twice if the server does not accept the credentials.

        Raises:
            NotPermittedError, UnavailableError, ConfigurationError: see `checked`.
        """
        for attempt in range(_TRIES):
            try:
                return checked(call, self._send_once(call), self._access.advice)
            except UnavailableError as error:
                wait_seconds = self._wait_seconds(attempt, error)
                tries = _TRIES_UNAUTHORIZED if error.cause is Cause.API_SERVER_UNAUTHORIZED else _TRIES
                last = attempt >= tries - 1 or not repeatable or wait_seconds > _MAX_RETRY_AFTER_SECONDS
                if last or self._pause(wait_seconds):
                    raise
        raise AssertionError  # unreachable: the last attempt returns or raises

    def close(self) -> None:
        """Close the sockets."""
        self._access.pool.clear()

    def _wait_seconds(self, attempt: int, error: UnavailableError) -> float:
        if error.after_seconds is not None:
            return error.after_seconds + self._jitter()
        # 0.5 s, 1 s, … times 0.5 to 1.5, so that clients that failed together do not retry together.
        return _BACK_OFF_SECONDS * 2.0**attempt * (0.5 + self._jitter())

    def _send_once(self, call: ApiCall) -> ApiResponse:
        headers = {"Accept": "application/json, */*", "User-Agent": "bootstrap-monitor"}
        body = None
        if call.body is not None:
            headers["Content-Type"], body = call.content_type, json_text(call.body)
        query = f"?{urlencode(call.query)}" if call.query else ""
        try:
            if authorization := self._access.authorization():
                headers["Authorization"] = authorization
            response = self._access.pool.request(
                call.method,
                f"{self._access.url}{call.path}{query}",
                body=body,
                headers=headers,
                timeout=self._timeout,
                retries=False,
                redirect=False,
            )
            return ApiResponse(response.status, response.data, dict(response.headers))
        except (HTTPError, OSError) as error:
            raise UnavailableError(
                f"no answer from the API server {self._access.url} to {call} "
                f"({self._reason(error)}): check that it is reachable from here"
            ) from error

    def _reason(self, error: Exception) -> str:
        match error:
            case NewConnectionError():  # a subclass of ConnectTimeoutError, although nothing timed out
                return short_message(str(error.__cause__ or error))
            case ConnectTimeoutError():
                return f"no connection within {self._timeout.connect_timeout:g} s"
            case ReadTimeoutError():
                return f"no answer within {self._timeout.read_timeout:g} s"
            case _:
                return short_message(str(error)) or type(error).__name__
