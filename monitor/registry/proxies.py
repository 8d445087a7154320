"""Which proxy leads to a host: `HTTPS_PROXY`, `HTTP_PROXY` and `NO_PROXY`, in the sense of Go's programs.

Those are the ones that the node and its cluster are set up with.  This machine is never asked through a proxy.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit

from monitor.errors import ConfigurationError
from monitor.registry.places import is_this_machine, origin


@dataclass(frozen=True, slots=True)
class Proxy:
    """An HTTP proxy; `user` is `name:password` where it wants one."""

    url: str
    user: str = field(default="", repr=False)


def proxy_for(url: str, environment: Mapping[str, str]) -> Proxy | None:
    """The proxy that leads to an address; `None` where it is asked directly.

    Raises:
        ConfigurationError: the variable that names it is malformed.
    """
    scheme, host, port = origin(url)
    name = f"{scheme}_proxy"
    text = environment.get(name.upper()) or environment.get(name)
    excluded = environment.get("NO_PROXY") or environment.get("no_proxy") or ""
    if not text or is_this_machine(host) or any(_excludes(each, host, port) for each in excluded.split(",")):
        return None
    return _parsed(name.upper(), text)


def _parsed(name: str, text: str) -> Proxy:
    wrong = ConfigurationError(f"{name} must be http://[USER:PASSWORD@]HOST[:PORT]")
    try:
        parts = urlsplit(text if "://" in text else f"http://{text}")
        host, port = parts.hostname, parts.port
    except ValueError as error:
        raise wrong from error
    if parts.scheme != "http" or not host:
        raise wrong
    host = f"[{host}]" if ":" in host else host
    user = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return Proxy(f"http://{host}:{port or 80}", user)


def _excludes(entry: str, host: str, port: int) -> bool:
    """`*`, an address, a network, or a domain with all below it (only those below with a dot in front)."""
    entry = entry.strip().lower()
    if not entry or entry == "*":
        return entry == "*"
    if "/" in entry:
        return _in_network(host, entry)
    pattern, colon, wanted = entry.rpartition(":")
    if colon and wanted.isdigit() and (":" not in pattern or pattern.endswith("]")):
        if int(wanted) != port:
            return False
        entry = pattern
    entry = entry.strip("[]").removeprefix("*")
    if entry.startswith("."):
        return host.endswith(entry)
    return host == entry or host.endswith(f".{entry}")


def _in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network, strict=False)
    except ValueError:
        return False
