"""Where the API server is, what is trusted there, and as whom it is asked.

In a pod that is an address, a CA and a token, which the cluster puts there as two variables and two files: no
client is needed to read them.  Everything else that a kubeconfig may hold (certificates, proxies, programs that
give tokens) is left to the `kubernetes` client, which nothing else imports: it takes 9 MiB of memory, and a
tenth of a second at each start.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from urllib3 import PoolManager

from monitor.errors import ConfigurationError
from monitor.k8s.calls import short_message

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
TOKEN_KEPT_SECONDS = 60.0
# The threads that ask at once: ticks, and looks for a newer build; a connection more would be closed after each use.
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class ApiServerAccess:
    """The API server's URL, the connections to it, and the value of the header `Authorization` (empty: none).

    `authorization` raises `OSError` where the credentials cannot be had now.  `advice` is what to do where the API
    server does not accept them.
    """

    url: str
    pool: PoolManager
    authorization: Callable[[], str]
    advice: str


class ServiceAccountToken:
    """A pod's token; its file is read anew every minute, as it is rotated."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read it.

        Raises:
            OSError: there is none.
        """
        self._path, self._clock = path, clock
        self._text = ""
        self._read()

    def __call__(self) -> str:
        """The value of the header.

        Raises:
            OSError: it is not there any more.
        """
        if self._clock() - self._read_at >= TOKEN_KEPT_SECONDS:
            self._read()
        return f"Bearer {self._text}"

    def _read(self) -> None:
        """An empty file is one that is just being written: until it is, the token before stays."""
        text = self._path.read_text(encoding="utf-8").strip()
        if text:
            self._text, self._read_at = text, self._clock()
        elif not self._text:
            raise OSError(f"{self._path} is empty")


def access_for(environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT) -> ApiServerAccess:
    """In a pod the ServiceAccount's, elsewhere that of `KUBECONFIG` or `~/.kube/config`.

    Raises:
        ConfigurationError: neither can be used.
    """
    if environment.get("KUBERNETES_SERVICE_HOST"):
        return in_pod(environment, service_account)
    default = Path(environment.get("HOME", "~")) / ".kube" / "config"
    return from_kubeconfig(environment.get("KUBECONFIG") or str(default))


def in_pod(
    environment: Mapping[str, str],
    directory: Path = SERVICE_ACCOUNT,
    clock: Callable[[], float] = time.monotonic,
) -> ApiServerAccess:
    """The ServiceAccount's access.  No proxy is asked: the address is one inside the cluster.

    Raises:
        ConfigurationError: there is no usable token.
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT") or "443"
    authority = directory / "ca.crt"
    try:
        token = ServiceAccountToken(directory / "token", clock)
        authority.stat()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no ServiceAccount's token in {directory} ({short_message(str(error))}): mount one into this container"
        ) from error
    return ApiServerAccess(
        url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        pool=PoolManager(ca_certs=str(authority), cert_reqs="CERT_REQUIRED", maxsize=_CONNECTIONS),
        authorization=token,
        # A token names the UID of its ServiceAccount, and the kubelet keeps it for most of an hour.
        advice="the pod's token is not valid any more, probably because its ServiceAccount was recreated: "
        "delete the pod, so that the next one gets a valid token",
    )


# The client leaves most of its own functions untyped: hence `no-untyped-call` here and nowhere else.


def from_kubeconfig(paths: str) -> ApiServerAccess:
    """The access that the current context in one or more kubeconfig files gives.

    Raises:
        ConfigurationError: there is none, it is malformed, or the extra `kubeconfig` is not installed, as in the image.
    """
    try:
        from kubernetes.client.configuration import Configuration  # noqa: PLC0415 (9 MiB)
        from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415
        from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"kubeconfig {paths!r} cannot be read without the package kubernetes, which the image leaves out: "
            "run in a pod with a ServiceAccount, from a clone, or pip install '.[kubeconfig]'"
        ) from error

    configuration = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=paths, client_configuration=configuration, persist_config=False
        )
    except Exception as error:  # the client raises whatever a malformed file leads it to
        raise ConfigurationError(
            f"kubeconfig {paths!r} cannot be used ({short_message(str(error))}): "
            "set KUBECONFIG to a working one, or run in a pod with a ServiceAccount"
        ) from error

    def authorization() -> str:
        try:
            return str(configuration.auth_settings().get("BearerToken", {}).get("value") or "")
        except ConfigException as error:
            raise OSError(f"the kubeconfig's credentials: {error}") from error

    pool = RESTClientObject(configuration).pool_manager
    return ApiServerAccess(configuration.host, pool, authorization, "check the credentials in the kubeconfig")
