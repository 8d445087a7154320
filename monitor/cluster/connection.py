"""The one connection to the API server; nothing else imports the `kubernetes` client.

Of the client only its configuration (in-cluster, kubeconfig, tokens that are read anew) and its `ApiClient`
are used, with plain JSON on plain paths: its generated classes cost 25 MiB and half a second more.  The
client has no time-outs of its own, and its pool retries everything three times without a pause, so both are
settled here.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from monitor.cluster.answers import Answer, Call, UnavailableError, checked, one_line
from monitor.errors import ConfigurationError

if TYPE_CHECKING:
    from kubernetes.client.configuration import Configuration

Pause = Callable[[float], bool]
"""Waits for so many seconds; true once the program is to end, such as `threading.Event().wait`."""

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
_TRIES = 3
_BACK_OFF_SECONDS = 0.5
_LONGEST_RETRY_AFTER_SECONDS = 30.0


# The client leaves most of its own functions untyped: hence `no-untyped-call` here and nowhere else.


def forever(seconds: float) -> bool:
    """A `Pause` that nothing ends."""
    time.sleep(seconds)
    return False


def in_cluster(environment: Mapping[str, str], directory: Path = SERVICE_ACCOUNT) -> Configuration:
    """The ServiceAccount's configuration; its token is read anew every minute, as it is rotated.

    Raises:
        ConfigurationError: there is no usable token.
    """
    from kubernetes.client.configuration import Configuration  # noqa: PLC0415 (21 MiB)
    from kubernetes.config import ConfigException  # noqa: PLC0415
    from kubernetes.config.incluster_config import InClusterConfigLoader  # noqa: PLC0415

    configuration = Configuration()
    loader = InClusterConfigLoader(  # type: ignore[no-untyped-call]
        token_filename=str(directory / "token"),
        cert_filename=str(directory / "ca.crt"),
        environ=environment,
    )
    try:
        loader.load_and_set(configuration)  # type: ignore[no-untyped-call]
    except (ConfigException, OSError) as error:
        raise ConfigurationError(
            f"no ServiceAccount's token in {directory} ({one_line(str(error))}): "
            "mount one into this container"
        ) from error
    return configuration


def from_kubeconfig(paths: str) -> Configuration:
    """The configuration of the current context in one or more kubeconfig files.

    Raises:
        ConfigurationError: there is none, or it is malformed.
    """
    from kubernetes.client.configuration import Configuration  # noqa: PLC0415
    from kubernetes.config import load_kube_config  # noqa: PLC0415

    configuration = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=paths, client_configuration=configuration, persist_config=False
        )
    except Exception as error:  # the client raises whatever a malformed file leads it to
        raise ConfigurationError(
            f"kubeconfig {paths!r} cannot be used ({one_line(str(error))}): "
            "set KUBECONFIG to a working one, or run in a pod with a ServiceAccount"
        ) from error
    return configuration


def configuration_for(
    environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT
) -> Configuration:
    """In a pod the ServiceAccount's, elsewhere that of `KUBECONFIG` or `~/.kube/config`.

    Raises:
        ConfigurationError: neither can be used.
    """
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return in_cluster(environment, service_account)
    default = Path(environment.get("HOME", "~")) / ".kube" / "config"
    return from_kubeconfig(environment.get("KUBECONFIG") or str(default))


class Connection:
    """Sends calls, each within time-outs; repeats those that may be repeated."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        connect_seconds: float = 5.0,
        read_seconds: float = 20.0,
        pause: Pause = forever,
        jitter: Callable[[], float] = random.random,
    ) -> None:
        """Connect lazily, with `configuration`; `jitter` gives numbers in [0, 1)."""
        from kubernetes.client.api_client import ApiClient  # noqa: PLC0415

        configuration.retries = False
        self._client = ApiClient(configuration)
        self._client.user_agent = "bootstrap-monitor"
        self._timeouts = (connect_seconds, read_seconds)
        self._pause = pause
        self._jitter = jitter

    def send(self, call: Call, *, repeatable: bool) -> Answer:
        """Send it; a `repeatable` one up to three times while the server is not there for it.

        Raises:
            NotPermittedError, UnavailableError, ConfigurationError: as `checked`.
        """
        for attempt in range(_TRIES):
            try:
                return checked(call, self._send_once(call))
            except UnavailableError as error:
                wait_seconds = self._wait_seconds(attempt, error)
                last = attempt == _TRIES - 1 or not repeatable or wait_seconds > _LONGEST_RETRY_AFTER_SECONDS
                if last or self._pause(wait_seconds):
                    raise
        raise AssertionError  # the last attempt answers or raises

    def close(self) -> None:
        """Give up the sockets."""
        self._client.close()  # type: ignore[no-untyped-call]

    def _wait_seconds(self, attempt: int, error: UnavailableError) -> float:
        if error.after_seconds is not None:
            return error.after_seconds + self._jitter()
        # Half to one and a half of 0.5 s, 1 s …: those who failed together do not return together.
        return _BACK_OFF_SECONDS * 2.0**attempt * (0.5 + self._jitter())

    def _send_once(self, call: Call) -> Answer:
        from kubernetes.client.exceptions import ApiException  # noqa: PLC0415
        from kubernetes.config import ConfigException  # noqa: PLC0415
        from urllib3.exceptions import HTTPError  # noqa: PLC0415

        headers = {"Accept": "application/json, */*"}
        if call.body is not None:
            headers["Content-Type"] = call.content_type
        try:
            request = self._client.param_serialize(
                call.method,
                call.path,
                query_params=list(call.query),
                header_params=headers,
                body=call.body,
                auth_settings=["BearerToken"],
            )
            response = self._client.call_api(*request, _request_timeout=self._timeouts)
            body: bytes = response.read()  # type: ignore[no-untyped-call]
            return Answer(response.status, body, dict(response.headers))
        except (HTTPError, OSError, ApiException, ConfigException) as error:
            raise UnavailableError(
                f"no answer from the API server {self._client.configuration.host} to {call} "
                f"({self._reason(error)}): is it reachable from here?"
            ) from error

    def _reason(self, error: Exception) -> str:
        from urllib3.exceptions import (  # noqa: PLC0415
            ConnectTimeoutError,
            NewConnectionError,
            ReadTimeoutError,
        )

        match error:
            case NewConnectionError():  # a ConnectTimeoutError by descent, though nothing timed out
                return one_line(str(error.__cause__ or error))
            case ConnectTimeoutError():
                return f"no connection within {self._timeouts[0]:g} s"
            case ReadTimeoutError():
                return f"no answer within {self._timeouts[1]:g} s"
            case _:
                return one_line(str(error)) or type(error).__name__
