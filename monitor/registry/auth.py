"""Authentication to a registry: anonymous, with user and password, or with a token from its token service.

A registry sends a challenge that states the required scheme (specification of the distribution API, "Token
Authentication").  The challenge names the token service, so a malicious registry could redirect credentials
to any host.  The monitor therefore sends credentials only to:

- the registry's own host;
- the registry's token service on another host, if `_TOKEN_SERVICES` lists it;
- the host in `--registry-auth-host`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from monitor.bounded_http import Bounds, HttpResponse
from monitor.domain.json_text import json_object
from monitor.registry.backoff import retry_after_seconds
from monitor.registry.credentials import Credentials, CredentialsFile
from monitor.registry.errors import RegistryError, UnauthorizedError
from monitor.registry.http import Transport
from monitor.registry.repository import Place, is_this_machine

_TOKEN_SERVICES = {"docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
_CLIENT = "bootstrap-monitor"
_ANSWER_BYTES = 256 << 10
_HEADER_CHARACTERS = 8192
_SCHEME = re.compile(r"([\w-]+)(?:[ \t]+(?![ \t=])(.*))?", re.DOTALL)
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_SHORTEST_SECONDS, _MAX_SECONDS = 60.0, 3600.0
_MARGIN_SECONDS = 10.0
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403


class Authenticator:
    """The authentication state for one repository; `header` is the `Authorization` header to send."""

    def __init__(
        self,
        place: Place,
        transport: Transport,
        credentials: CredentialsFile,
        auth_host: str,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self._place, self._transport, self._credentials = place, transport, credentials
        self._auth_host, self._clock, self._wall_clock = auth_host, clock, wall_clock
        self._header = self._withheld_from = ""
        self._until = 0.0

    @property
    def header(self) -> str:
        """The current `Authorization` header, or an empty string if there is none or it has expired."""
        return self._header if self._clock() < self._until else ""

    def answer(self, challenged: HttpResponse, ends_at: float) -> None:
        """Obtain the header that the registry's challenge requires.

        Raises:
            RegistryError: the challenge cannot be answered.
            ConfigurationError: the file of `--registry-config` cannot be used.
        """
        self._header = self._withheld_from = ""
        challenges = _challenges(challenged.headers.get_all("WWW-Authenticate", ()))
        credentials = self._credentials.credentials_for(self._place)
        if "bearer" in challenges:
            self._header, seconds = self._token(challenges["bearer"], credentials, ends_at)
        elif "basic" not in challenges:
            raise RegistryError(
                f"registry {self._place.host} requires authentication, but offers neither Basic nor Bearer: "
                "check that it is a registry"
            )
        elif credentials is None or not self._place.takes_credentials:
            raise self.refused()
        elif not credentials.basic:
            raise UnauthorizedError(
                f"registry {self._place.host} requires a user and password, but --registry-config has an identity "
                "token: set a user and password there"
            )
        else:
            self._header, seconds = credentials.basic, float("inf")
        self._until = self._clock() + seconds

    def forget(self) -> None:
        """Discard the header, so that the next request is anonymous."""
        self._header = ""

    def refused(self) -> RegistryError:
        """Return the error for a registry that denied access, with a message for the credentials in use."""
        where, name = f"registry {self._place.host}", self._place.name
        if self._withheld_from:
            host = urlsplit(self._withheld_from).netloc
            why = (
                f"{where} names the token service {host}, which is on another host; credentials were not sent: "
                f"if {host} is correct, set --registry-auth-host {host}"
                if _is_private(self._withheld_from)
                else f"{where} names the token service http://{host}, but credentials are not sent over plain HTTP: "
                "the token service must use HTTPS"
            )
        elif self._credentials.credentials_for(self._place) is None:
            why = (
                f"{where} denies anonymous access to {name}: set credentials in --registry-config, or check the "
                "image's name"
            )
        elif not self._place.takes_credentials:
            why = f"{where} denies access to {name}, and credentials are not sent over plain HTTP: use HTTPS"
        else:
            why = f"{where} denies access to {name} for the user in --registry-config: check that user's permissions"
        return UnauthorizedError(why)

    def _token(
        self, challenge: Mapping[str, str], credentials: Credentials | None, ends_at: float
    ) -> tuple[str, float]:
        """Request a token; return the header with the token, and its lifetime in seconds."""
        realm = self._place.target(challenge.get("realm", ""))
        if credentials is not None and not self._trusts(realm):
            self._withheld_from, credentials = realm, None
        scopes = (challenge.get("scope") or f"repository:{self._place.name}:pull").split()
        query = [("scope", scope) for scope in scopes]
        if challenge.get("service"):
            query.append(("service", challenge["service"]))
        bounds = Bounds(ends_at, _ANSWER_BYTES, self._place.reach(realm).refusal)
        if credentials is not None and credentials.identity_token:
            query += [("grant_type", "refresh_token"), ("client_id", _CLIENT)]
            query.append(("refresh_token", credentials.identity_token))
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            answer = self._transport.ask("POST", realm, headers, bounds, urlencode(query).encode())
        else:
            url = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(query)}"
            headers = {"Authorization": credentials.basic} if credentials else {}
            answer = self._transport.ask("GET", url, headers, bounds)
        return self._read(answer, urlsplit(realm).hostname or "")

    def _read(self, answer: HttpResponse, host: str) -> tuple[str, float]:
        """Parse a token service's response; return the header with the token, and its lifetime in seconds."""
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise self.refused()
        if answer.status != _OK:
            after_seconds = retry_after_seconds(answer.header("Retry-After"), self._wall_clock())
            raise RegistryError(f"the token service {host} returned {answer.status}", after_seconds)
        return _parsed(answer.body, host)

    def _trusts(self, realm: str) -> bool:
        """Return whether credentials may be sent to the token service at this URL."""
        if not self._place.takes_credentials or not _is_private(realm):
            return False
        known = {self._auth_host, _TOKEN_SERVICES.get(self._place.host)}
        return self._place.is_own(realm) or urlsplit(realm).netloc.lower().removesuffix(":443") in known


def _challenges(headers: Iterable[str]) -> dict[str, dict[str, str]]:
    """Return the parameters of each challenge in `WWW-Authenticate` headers, by the scheme's lower-case name.

    Commas separate both challenges and their parameters (RFC 9110, section 11.6.1), so an item that begins
    with a word without `=` starts a new challenge.
    """
    challenges: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for item in parse_http_list(",".join(headers)[:_HEADER_CHARACTERS]):
        scheme = _SCHEME.fullmatch(item)
        if scheme:
            parameters = challenges[scheme[1].lower()] = {}
        name, equals, value = ((scheme[2] or "") if scheme else item).partition("=")
        if equals:
            parameters.setdefault(name.strip().lower(), value.strip().removeprefix('"').removesuffix('"'))
    return challenges


def _is_private(url: str) -> bool:
    """Return whether nobody on the network can read data sent to this URL: HTTPS, or this machine."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_this_machine(parts.hostname or "")


def _parsed(body: bytes, host: str) -> tuple[str, float]:
    try:
        fields = json_object(body)
    except ValueError:
        fields = {}
    token, seconds = fields.get("token") or fields.get("access_token"), fields.get("expires_in")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryError(f"the token service {host} returned no valid token")
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        seconds = _SHORTEST_SECONDS
    seconds = float(min(max(seconds, _SHORTEST_SECONDS), _MAX_SECONDS))
    return f"Bearer {token}", seconds - _MARGIN_SECONDS
