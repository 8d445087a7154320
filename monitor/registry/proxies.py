"""Proxy selection by `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, with the semantics of Go programs.

The node and Kubernetes are Go programs and read these variables.  Requests to this machine use no proxy.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from urllib.parse import unquote, urlsplit

from monitor.errors import ConfigurationError
from monitor.registry.repository import is_this_machine, origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `user` is `name:password`, or empty if the proxy needs no authentication."""

    url: str
    user: str = field(default="", repr=False)

    @property
    def headers(self) -> Mapping[str, str]:
        """The headers that authenticate to the proxy."""
        encoded = b64encode(self.user.encode()).decode()
        return {"Proxy-Authorization": f"Basic {encoded}"} if self.user else {}


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """Return the proxy for a URL, or `None` if requests to that URL are direct.

    Raises:
        ConfigurationError: the variable that names the proxy is malformed.
    """
    scheme, host, port = origin(url)
    name = f"{scheme}_PROXY".upper()
    text = environment.get(name) or environment.get(name.lower())
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not text or is_this_machine(host) or any(_excludes(each, host, port) for each in excluded.split(",")):
        return None
    with suppress(ValueError):
        parts = urlsplit(text if "://" in text else f"http://{text}")
        if parts.scheme == "http" and parts.hostname:
            address = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
            user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
            return Proxy(f"http://{address}:{parts.port or 80}", user)
    raise ConfigurationError(f"{name} must be http://[USER:PASSWORD@]HOST[:PORT]")


def _excludes(entry: str, host: str, port: int) -> bool:
    """Return whether an entry of `NO_PROXY` excludes a host from proxying.

    An entry is `*`, an IP address, a network in CIDR notation, or a domain that includes its subdomains.  A
    domain with a leading dot excludes only its subdomains.  A domain with a port excludes only that port.
    """
    entry = entry.strip().lower()
    with suppress(ValueError):
        return ip_address(host) in ip_network(entry, strict=False)
    if entry == "*" or "/" in entry:
        return entry == "*"
    with suppress(ValueError):
        parts = urlsplit(f"//{entry.removeprefix('*')}")
        name = parts.hostname or ""
        below = name if name.startswith(".") else f".{name}"
        return parts.port in {None, port} and name != "" and (host == name or host.endswith(below))
    return False
