"""The API address of a repository, and the addresses to which its registry may redirect requests.

An image name without a host is on Docker Hub.  Docker Hub's API host differs from the host in its image
names, and its official images are in `library/`.  Like container runtimes, the monitor uses plain HTTP for a
registry on this machine.
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
# IPv6 networks that embed an IPv4 address in the last 32 bits: IPv4-mapped, IPv4-compatible, NAT64.
_EMBEDDING = tuple(map(IPv6Network, ("::ffff:0:0/96", "::/96", "64:ff9b::/96")))
_OWN_IPV6 = frozenset(map(IPv6Address, ("::", "::1")))
# The metadata services of AWS (IPv6) and Alibaba Cloud; those of other clouds have link-local addresses.
_CLOUD_METADATA = frozenset(map(ip_address, ("fd00:ec2::254", "100.100.100.200")))


class Reach(Enum):
    """The machines that a request may connect to, decided by the IP address that the host resolves to."""

    ANY = "any"
    THIS_MACHINE = "this machine"
    ELSEWHERE = "elsewhere"

    def refusal(self, address: str) -> str:
        """Return the reason why a connection to an IP address is not allowed, or an empty string if it is."""
        if self is Reach.THIS_MACHINE and not is_this_machine(address):
            return f"{address} is not an address of this machine, and plain HTTP is the default only for this machine"
        if self is Reach.ELSEWHERE and _is_inside(address):
            return f"{address} is an internal address: a registry must not redirect the monitor there"
        return ""


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a repository in its registry.

    `host` is the registry's name in credentials, with its port if the image name has one.  `api` is the host
    of the registry's API.  `name` is the repository's name in that API.  `plain` means plain HTTP.
    """

    host: str
    api: str
    name: str
    plain: bool

    @classmethod
    def of(cls, repository: str, *, plain_http: bool = False, local_plain_http: bool = True) -> Place:
        """Return the location of a repository, given its name as in an image reference."""
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
        """Whether credentials may be sent to the registry: over HTTPS, or to this machine."""
        return not self.plain or self.is_local

    def target(self, address: str, base: str = "") -> str:
        """Return the absolute URL of an address that the registry sent, relative to `base`.

        Raises:
            RegistryError: the address is malformed, or the registry may not redirect the monitor there.
        """
        sent = f"registry {self.host} sent a URL"
        shown = repr(one_line(address, _SHOWN_CHARACTERS))
        try:
            whole = urljoin(base, address)
            parts = urlsplit(whole)
            host, _ = parts.hostname or "", parts.port
        except ValueError as error:
            raise RegistryError(f"{sent} that is not valid: {shown}") from error
        if not host or len(whole) > _ADDRESS_CHARACTERS or not whole.isprintable() or " " in whole:
            raise RegistryError(f"{sent} that is not valid: {shown}")
        if "@" in parts.netloc:
            raise RegistryError(f"{sent} with a user name in it: refused")
        if parts.scheme != "https" and not (parts.scheme == "http" and self.plain):
            raise RegistryError(f"{sent} that is not HTTPS ({shown}): refused")
        if _is_inside(host) and not self.is_local and host != _host_name(self.api):
            raise RegistryError(f"{sent} with an internal host ({shown}): refused")
        return whole

    def reach(self, url: str) -> Reach:
        """Return the machines that a request for this URL may connect to.

        Plain HTTP to `localhost` carries credentials, so it may connect only to this machine.  Any host other
        than the registry's own was chosen by the registry, so it must not resolve to an internal address.
        """
        scheme, host, _ = origin(url)
        if scheme == "http" and is_this_machine(host):
            return Reach.THIS_MACHINE
        return Reach.ANY if self.is_local or host == _host_name(self.api) else Reach.ELSEWHERE

    def is_own(self, url: str) -> bool:
        """Return whether a URL has the registry's own protocol, host and port."""
        return origin(url) == origin(self.url)


def canonical(host: str) -> str:
    """Return a registry's host in lower case, without port 443; aliases of Docker Hub are replaced."""
    host = host.lower().removesuffix(":443")
    return DOCKER_HUB if host in _DOCKER_HUB_NAMES else host


def origin(url: str) -> tuple[str, str, int]:
    """Return the protocol, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or _DEFAULT_PORTS.get(parts.scheme, 0)


def is_this_machine(host: str) -> bool:
    """Return whether a host is `localhost` or a loopback address; names are not resolved."""
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def _is_inside(host: str) -> bool:
    """Return whether a host is internal: this machine, a link-local address or a cloud's metadata service."""
    address = _ip_address(host)
    if address is None:
        return is_this_machine(host)
    inside = address.is_loopback or address.is_link_local or address.is_unspecified
    return inside or address in _CLOUD_METADATA


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Parse a host as an IP address; return an embedded IPv4 address in place of the IPv6 address."""
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
