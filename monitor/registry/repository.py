"""The API address of a repository, and the addresses to which its registry may direct requests.

An image name without a host is on Docker Hub.  Docker Hub's API host differs from the host in its image
names, and its official images are in `library/`.  Like container runtimes, the monitor uses plain HTTP for a
registry on this machine.
"""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from urllib.parse import urljoin, urlsplit

from monitor.domain.sanitize import one_line
from monitor.registry.errors import RegistryError

_DOCKER_HUB, _DOCKER_HUB_API = "docker.io", "registry-1.docker.io"
_DOCKER_HUB_NAMES = frozenset({_DOCKER_HUB, "index.docker.io", _DOCKER_HUB_API})
_SHOWN_CHARACTERS = 200


@dataclass(frozen=True, slots=True)
class Place:
    """The location of a repository in its registry.

    `host` is the registry's name in credentials, with its port if the image name has one.  `name` is the
    repository's name in the registry's API, and `url` the URL of that API.
    """

    host: str
    name: str
    url: str

    @classmethod
    def of(cls, repository: str, *, plain_http: bool = False, local_plain_http: bool = True) -> Place:
        """Return the location of a repository, given its name as in an image reference."""
        first, slash, rest = repository.partition("/")
        if not slash or not ("." in first or ":" in first or first == "localhost"):
            first, rest = _DOCKER_HUB, repository
        host = canonical(first)
        if host == _DOCKER_HUB:
            return cls(host, rest if "/" in rest else f"library/{rest}", f"https://{_DOCKER_HUB_API}")
        is_plain = plain_http or (local_plain_http and is_private(f"http://{host}"))
        return cls(host, rest, f"{'http' if is_plain else 'https'}://{host}")

    def is_own(self, url: str) -> bool:
        """Return whether a URL has the registry's own protocol, host and port."""
        return origin(url) == origin(self.url)

    def target(self, address: str, base: str = "") -> str:
        """Return the absolute URL of an address that the registry sent, relative to `base`.

        Raises `RegistryError` if the URL is malformed, or is not HTTPS although the registry's own is.
        """
        try:
            url = urljoin(base, address)
            scheme, host, _ = origin(url)
            is_valid = host and url.isprintable() and " " not in url and "@" not in urlsplit(url).netloc
            if is_valid and scheme in {"https", origin(self.url)[0]}:
                return url
        except ValueError:
            pass
        shown = repr(one_line(address, _SHOWN_CHARACTERS))
        raise RegistryError(f"registry {self.host} sent a URL that is not valid or not HTTPS: {shown}")

    def refusal(self, url: str, address: str) -> str:
        """Return why a request for this URL must not connect to an IP address; an empty string if it may.

        Plain HTTP to `localhost` carries credentials, so it may connect only to this machine.  Any host other
        than the registry's own was chosen by the registry, so it must not resolve to an internal address.
        """
        (scheme, host, _), (_, own_host, _) = origin(url), origin(self.url)
        if scheme == "http" and is_this_machine(host) and not is_this_machine(address):
            return f"{address} is not an address of this machine, and plain HTTP is the default only for this machine"
        ip = _ip_address(address)
        is_internal = ip is not None and (ip.is_loopback or ip.is_link_local or ip.is_unspecified)
        if is_internal and host != own_host and not is_this_machine(own_host):
            return f"{address} is an internal address: a registry must not redirect the monitor there"
        return ""


def canonical(host: str) -> str:
    """Return a registry's host in lower case, without port 443; aliases of Docker Hub are replaced."""
    host = host.lower().removesuffix(":443")
    return _DOCKER_HUB if host in _DOCKER_HUB_NAMES else host


def origin(url: str) -> tuple[str, str, int]:
    """Return the protocol, host and port of a URL."""
    parts = urlsplit(url)
    return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def is_private(url: str) -> bool:
    """Return whether nobody on the network can read data sent to this URL: HTTPS, or this machine."""
    scheme, host, _ = origin(url)
    return scheme == "https" or is_this_machine(host)


def is_this_machine(host: str) -> bool:
    """Return whether a host is `localhost` or a loopback address; names are not resolved."""
    address = _ip_address(host)
    return host == "localhost" if address is None else address.is_loopback


def _ip_address(host: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address that a host is, an IPv4-mapped one as IPv4; `None` if the host is a name."""
    try:
        address = ip_address(host)
    except ValueError:
        return None
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address
