"""Where a repository is requested from, and which addresses its registry may name.

An image name without a host is on Docker Hub, whose API has another host than its image names, and whose official
images are in `library/`.  Like container runtimes, the monitor uses plain HTTP for a registry on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin, urlsplit

from monitor.domain.sanitize import one_line
from monitor.registry.errors import RegistryError

DOCKER_HUB = "docker.io"
_DOCKER_HUB_API = "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset({DOCKER_HUB, "index.docker.io", _DOCKER_HUB_API})
_DEFAULT_PORTS = {"https": 443, "http": 80}
_ADDRESS_CHARACTERS = 2048
_SHOWN_CHARACTERS = 200
# IPv6 addresses whose last 32 bits are the IPv4 address they lead to: mapped, compatible, NAT64.
_EMBEDDING = tuple(map(IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))
_OWN_IPV6 = frozenset(map(IPv6Address, ("::", "::1")))
# The metadata services of AWS over IPv6 and of Alibaba Cloud; those of other clouds have link-local addresses.
_CLOUD_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200")))


class Reach(Enum):
    """The machines that a request may connect to, by the address that the host's name resolves to."""

    ANY = "any"
    THIS_MACHINE = "this machine"
    ELSEWHERE = "elsewhere"

    def refusal(self, address: str) -> str:
        """Return why an IP address must not be connected to; empty where it may."""
        if self is Reach.THIS_MACHINE and not is_this_machine(address):
            return f"{address} is not an address of this machine, and only there is plain HTTP used unasked"
        if self is Reach.ELSEWHERE and _is_inside(address):
            return f"{address} is an address of this machine, where no registry may send the monitor"
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """A repository in its registry.

    `host` is the registry's name in credentials, with its port if the image name has one; `plain` means plain HTTP.
    """

    host: str
    api: str
    name: str
    plain: bool

    @classmethod
    def of(cls, repository: str, *, plain_http: bool = False, local_plain_http: bool = True) -> Place:
        """Return the place of a repository as written in an image reference."""
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
        """The URL of the registry's API."""
        return f"{'http' if self.plain else 'https'}://{self.api}"

    @property
    def is_local(self) -> bool:
        """Whether the registry is on this machine."""
        return is_this_machine(_host_name(self.api))

    @property
    def takes_credentials(self) -> bool:
        """Whether nobody on the network can read them."""
        return not self.plain or self.is_local

    def target(self, address: str, base: str = "") -> str:
        """Return the URL that the registry names, relative to `base`.

        Raises:
            RegistryError: it is malformed, or leads where no registry may send the monitor.
        """
        sent = f"registry {self.host} sends one to"
        shown = repr(one_line(address, _SHOWN_CHARACTERS))
        try:
            whole = urljoin(base, address)
            parts = urlsplit(whole)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise RegistryError(f"{sent} {shown}, which is no address") from error
        if not host or len(whole) > _ADDRESS_CHARACTERS or not whole.isprintable() or " " in whole:
            raise RegistryError(f"{sent} {shown}, which is no address")
        if "@" in parts.netloc:
            raise RegistryError(f"{sent} an address with a user in it: refused")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.plain):
            raise RegistryError(f"{sent} {shown}, which is no HTTPS: refused")
        if _is_inside(host) and not self.is_local and host != _host_name(self.api):
            raise RegistryError(f"{sent} {shown}, on this machine: refused")
        return whole

    def reach(self, url: str) -> Reach:
        """Return where a request for this URL may connect to.

        Plain HTTP to `localhost` carries credentials, so it must be this machine.  Any host but the registry's own
        was named by the registry, so it must not lead inside.
        """
        scheme, host, _ = origin(url)
        if scheme == "http" and is_this_machine(host):
            return Reach.THIS_MACHINE
        return Reach.ANY if self.is_local or host == _host_name(self.api) else Reach.ELSEWHERE

    def is_own(self, url: str) -> bool:
        """Whether a URL is on the registry itself: the same host, port and protocol."""
        return origin(url) == origin(self.url)


def canonical(host: str) -> str:
    """Return a registry's host in small letters, without the default port; Docker Hub has one name of several."""
    host = host.lower().removesuffix(":443")
    return DOCKER_HUB if host in _DOCKER_HUB_NAMES else host


def origin(url: str) -> tuple[str, str, int]:
    """Return the protocol, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_this_machine(host: str) -> bool:
    """Whether a host is the machine that the monitor runs on, by its name."""
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_inside(host: str) -> bool:
    """Whether an address leads where only this machine can go: to itself, or to its cloud's metadata."""
    address = _ip_address(host)
    if address is None:
        return is_this_machine(host)
    inside = address.is_loopback or address.is_link_local or address.is_unspecified
    return inside or address in _CLOUD_METADATA


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address that a host is; of an IPv6 address that leads to an IPv4 address, the latter."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    if isinstance(address, IPv4Address) or address in _OWN_IPV6:
        return address
    if any(address in network for network in _EMBEDDING):
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.sixtofour or address


def _host_name(host: str) -> str:
    return urlsplit(f"//{host}").hostname or ""
