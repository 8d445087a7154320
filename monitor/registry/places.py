"""Where a repository is asked for, and which other addresses its registry may send one to.

A name without a host is Docker Hub's, whose API has another host than its images' names, and whose official
images lie in `library/`.  As container runtimes do, this machine is asked over plain HTTP.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from enum import Enum
from urllib.parse import SplitResult, urljoin, urlsplit

from monitor.foreign_text import one_line
from monitor.registry.errors import RegistryError

DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", _DOCKER_HUB_API})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_ADDRESS_CHARACTERS = 2048
_SHOWN_CHARACTERS = 200
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
# Where AWS by IPv6, and Alibaba Cloud, tell a machine its credentials; the others use link-local addresses.
_CLOUD_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200")))


class Reach(Enum):
    """The machines that a request may connect to, by the address that the host's name resolves to."""

    ANY = "any"
    THIS_MACHINE = "this machine"
    ELSEWHERE = "elsewhere"

    def refusal(self, address: str) -> str:
        """Return why an IP address must not be connected to; empty where it may."""
        match self:
            case Reach.THIS_MACHINE if not is_this_machine(address):
                return (
                    f"{address} is not an address of this machine, and only there is plain HTTP used unasked"
                )
            case Reach.ELSEWHERE if _is_inside(address):
                return f"{address} is an address of this machine, where no registry may send the monitor"
            case _:
                return ""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository in its registry.

    `host` is the registry as credentials are kept for it, with its port where one is given; `plain` is that it
    is asked over plain HTTP.
    """

    host: str
    api: str
    name: str
    plain: bool

    @classmethod
    def of(cls, repository: str, *, plain_http: bool = False, local_plain_http: bool = True) -> Place:
        """The place of a repository as an image reference has it."""
        first, slash, rest = repository.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            first, rest = DOCKER_HUB, repository
        host = canonical(first)
        if host == DOCKER_HUB:
            return cls(host, _DOCKER_HUB_API, rest if "/" in rest else f"library/{rest}", plain=False)
        plain = plain_http or (local_plain_http and is_this_machine(_host_name(host)))
        return cls(host, host, rest, plain)

    @property
    def url(self) -> str:
        """The address of the registry's API."""
        return f"{'http' if self.plain else 'https'}://{self.api}"

    @property
    def is_local(self) -> bool:
        """Whether the registry is this machine's."""
        return is_this_machine(_host_name(self.api))

    @property
    def takes_credentials(self) -> bool:
        """Whether nobody on the way can read them."""
        return not self.plain or self.is_local

    def target(self, address: str, base: str = "") -> str:
        """An address that the registry names, relative to `base`, if one may go there.

        Raises:
            RegistryError: it is malformed, or leads where a registry has no business to send anybody.
        """
        shown = one_line(address, _SHOWN_CHARACTERS)
        try:
            whole = urljoin(base, address)
            parts = urlsplit(whole)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise RegistryError(
                f"registry {self.host} sends one to {shown!r}, which is no address"
            ) from error
        if not host or len(whole) > _ADDRESS_CHARACTERS or not whole.isprintable() or " " in whole:
            raise RegistryError(f"registry {self.host} sends one to {shown!r}, which is no address")
        if "@" in parts.netloc:
            raise RegistryError(f"registry {self.host} sends one to an address with a user in it: refused")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.plain):
            raise RegistryError(f"registry {self.host} sends one to {shown!r}, which is no HTTPS: refused")
        if _is_inside(host) and not self.is_local and host != _host_name(self.api):
            raise RegistryError(f"registry {self.host} sends one to {shown!r}, on this machine: refused")
        return whole

    def reach(self, url: str) -> Reach:
        """Return where a request for this URL may connect to.

        Plain HTTP to `localhost` carries credentials, so it must be this machine. Another host than the registry's own
        was named by the registry, so its name must not lead inside.
        """
        parts = urlsplit(url)
        host = parts.hostname or ""
        if parts.scheme == "http" and is_this_machine(host):
            return Reach.THIS_MACHINE
        return Reach.ANY if self.is_local or host == _host_name(self.api) else Reach.ELSEWHERE

    def is_own(self, url: str) -> bool:
        """Whether an address is of the registry itself: the same host, port and protocol."""
        return origin(url) == origin(self.url)


def canonical(host: str) -> str:
    """A registry's host in small letters, without the default port; Docker Hub has one name of several."""
    host = host.lower().removesuffix(":443")
    return DOCKER_HUB if host in _DOCKER_HUB_NAMES else host


def origin(url: str) -> tuple[str, str, int]:
    """Protocol, host and port of an address."""
    parts: SplitResult = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine that asks, by its name."""
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_inside(host: str) -> bool:
    """Whether an address leads where only this machine can go: itself, or what its cloud tells it alone."""
    address = _ip_address(host)
    if address is None:
        return is_this_machine(host)
    inside = address.is_loopback or address.is_link_local or address.is_unspecified
    return inside or address in _CLOUD_METADATA


def _ip_address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return None
    return address if isinstance(address, ipaddress.IPv4Address) else _embedded(address) or address


def _embedded(address: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address that an IPv6 address leads to: mapped, compatible, by NAT64 or by 6to4."""
    if address.ipv4_mapped or address.sixtofour:
        return address.ipv4_mapped or address.sixtofour
    low = int(address) & 0xFFFFFFFF
    compatible = low > 1 and int(address) == low  # `::` and `::1` are addresses of IPv6 itself
    return ipaddress.IPv4Address(low) if compatible or address in _NAT64 else None


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
