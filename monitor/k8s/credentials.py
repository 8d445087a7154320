"""The API server's address, its CA, and the credentials for it.

A pod gets them from the cluster as two variables and two files, which need no client library. A kubeconfig
may also hold certificates, proxies and programs that print tokens, so the `kubernetes` client reads it. No
other module imports that client: it takes 9 MiB of memory and a tenth of a second at each start.
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
# Enough for the threads that send calls concurrently: ticks, and polls for a newer build.
# urllib3 closes any further connection after each use.
_CONNECTIONS = 4


@dataclass(frozen=True, slots=True)
class ApiServerAccess:
    """The API server's URL, the connection pool, and the value of the header `Authorization` (empty: none).

    `authorization` raises `OSError` if the credentials are currently unavailable. `advice` is what the
    operator can do if the API server does not accept them.
    """

    url: str
    pool: PoolManager
    authorization: Callable[[], str]
    advice: str


class ServiceAccountToken:
    """A pod's token; its file is read again every minute, because the kubelet rotates the token."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        """Read the token.

        Raises:
            OSError: the file is missing, unreadable or empty.
        """
        self._path, self._clock = path, clock
        self._text = ""
        self._read()

    def __call__(self) -> str:
        """Return the value of the header `Authorization`.

        Raises:
            OSError: the file has been deleted or is unreadable.
        """
        if self._clock() - self._read_at >= TOKEN_KEPT_SECONDS:
            self._read()
        return f"Bearer {self._text}"

    def _read(self) -> None:
        """Read the file; if it is empty because it is being written, keep the previous token."""
        text = self._path.read_text(encoding="utf-8").strip()
        if text:
            self._text, self._read_at = text, self._clock()
        elif not self._text:
            raise OSError(f"{self._path} is empty")


def access_for(environment: Mapping[str, str], service_account: Path = SERVICE_ACCOUNT) -> ApiServerAccess:
    """Return the ServiceAccount's access in a pod; elsewhere, that of `KUBECONFIG` or `~/.kube/config`.

    Raises:
        ConfigurationError: the credentials are missing or unusable.
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
    """Return the ServiceAccount's access, without a proxy: the address is inside the cluster.

    Raises:
        ConfigurationError: the token or the CA is missing or unusable.
    """
    host, port = environment["KUBERNETES_SERVICE_HOST"], environment.get("KUBERNETES_SERVICE_PORT") or "443"
    authority = directory / "ca.crt"
    try:
        token = ServiceAccountToken(directory / "token", clock)
        authority.stat()
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"no ServiceAccount token in {directory} ({short_message(str(error))}): mount one into this container"
        ) from error
    return ApiServerAccess(
        url=f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}",
        pool=PoolManager(ca_certs=str(authority), cert_reqs="CERT_REQUIRED", maxsize=_CONNECTIONS),
        authorization=token,
        # A token contains its ServiceAccount's UID, and the kubelet keeps the token for most of an hour.
        advice="the pod's token is no longer valid, probably because its ServiceAccount was recreated: "
        "delete the pod, so that the new one gets a valid token",
    )


# Most functions of the client are untyped. Only this module ignores `no-untyped-call`.


def from_kubeconfig(paths: str) -> ApiServerAccess:
    """Return the access of the current context in one or more kubeconfig files.

    Raises:
        ConfigurationError: the files are missing or malformed, or the extra `kubeconfig` is not installed.
            The monitor's image does not include that extra.
    """
    try:
        from kubernetes.client.configuration import Configuration  # noqa: PLC0415 (9 MiB)
        from kubernetes.client.rest import RESTClientObject  # noqa: PLC0415
        from kubernetes.config import ConfigException, load_kube_config  # noqa: PLC0415
    except ImportError as error:
        raise ConfigurationError(
            f"kubeconfig {paths!r} cannot be read without the package kubernetes, which the image does not include: "
            "run in a pod with a ServiceAccount, from a clone, or pip install '.[kubeconfig]'"
        ) from error

    configuration = Configuration()
    try:
        load_kube_config(  # type: ignore[no-untyped-call]
            config_file=paths, client_configuration=configuration, persist_config=False
        )
    except Exception as error:  # a malformed file makes the client raise arbitrary exceptions
        raise ConfigurationError(
            f"kubeconfig {paths!r} cannot be used ({short_message(str(error))}): "
            "set KUBECONFIG to a valid file, or run in a pod with a ServiceAccount"
        ) from error

    def authorization() -> str:
        try:
            return str(configuration.auth_settings().get("BearerToken", {}).get("value") or "")
        except ConfigException as error:
            raise OSError(f"the kubeconfig's credentials: {error}") from error

    pool = RESTClientObject(configuration).pool_manager
    return ApiServerAccess(configuration.host, pool, authorization, "check the credentials in the kubeconfig")
