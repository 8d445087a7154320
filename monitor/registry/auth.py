"""Authenticated requests to a registry: anonymous, with user and password, or with a token.

A registry names its token service in a challenge (specification of the distribution API, "Token
Authentication").  The monitor sends credentials only to the registry's own host, to a known token service of
that registry, and to the host in `--registry-auth-host`.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from http import HTTPStatus
from http.client import HTTPMessage
from urllib.parse import urlencode, urlsplit
from urllib.request import parse_http_list

from monitor.bounded_http import Bounds, HttpResponse
from monitor.domain.json_text import json_object
from monitor.registry.backoff import retry_after_seconds
from monitor.registry.credentials import Credentials, CredentialsFile
from monitor.registry.errors import RegistryError, UnauthorizedError
from monitor.registry.http import Transport
from monitor.registry.manifests import ACCEPT, MANIFEST_BYTES
from monitor.registry.repository import Place, is_private, origin

_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_TOKEN_SERVICES = {"docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
_TOKEN_BYTES = 256 << 10
_MIN_SECONDS, _MAX_SECONDS, _MARGIN_SECONDS = 60.0, 3600.0, 10.0


class Session:
    """Requests for one repository, which keep the credentials or the token that the registry required."""

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
        self._clock, self._wall_clock = clock, wall_clock
        self._trusted_hosts = {auth_host, _TOKEN_SERVICES.get(place.host)}
        self._authorization = self._distrusted_realm = ""
        self._until = float("inf")

    def ask(self, method: str, path: str, ends_at: float) -> HttpResponse:
        """Return the registry's response to a request; authenticate once if the registry requires it."""
        if self._clock() >= self._until:
            self._authorization = ""
        url = f"{self._place.url}/v2/{self._place.name}/{path}"
        response = self._followed(method, url, ends_at)
        if response.status == HTTPStatus.FORBIDDEN and self._authorization:
            # The credentials may have changed.  Some registries then respond with 403 instead of 401.
            self._authorization = ""
            response = self._followed(method, url, ends_at)
        if response.status == HTTPStatus.UNAUTHORIZED:
            self._authenticate(_challenges(response.headers), ends_at)
            response = self._followed(method, url, ends_at)
        if response.status in _REFUSALS:
            self._authorization = ""
            raise self._refused()
        return response

    def failure(self, problem: str, response: HttpResponse) -> RegistryError:
        """Return an error with the pause that the response requests."""
        after_seconds = retry_after_seconds(response.headers["Retry-After"], self._wall_clock())
        return RegistryError(problem, after_seconds)

    def _followed(self, method: str, url: str, ends_at: float) -> HttpResponse:
        """Send a request and follow redirects; requests to other hosts carry no credentials."""
        for _ in range(_MAX_REDIRECTS + 1):
            headers, is_own = {"Accept": ACCEPT}, self._place.is_own(url)
            if self._authorization and is_own:
                headers["Authorization"] = self._authorization
            limit_bytes = 0 if method == "HEAD" else MANIFEST_BYTES
            bounds = Bounds(ends_at, limit_bytes, partial(self._place.refusal, url))
            response = self._transport.ask(method, url, headers, bounds)
            if response.status in _REFUSALS and not is_own:
                raise UnauthorizedError(
                    f"registry {self._place.host} redirects to {origin(url)[1]}, which requires credentials; "
                    "credentials are not sent to another host: use the image name of that host"
                )
            if response.status not in _REDIRECTS:
                return response
            url = self._place.target(response.headers.get("Location", ""), url)
        raise RegistryError(f"registry {self._place.host} redirects too often")

    def _authenticate(self, challenges: dict[str, dict[str, str]], ends_at: float) -> None:
        """Obtain the `Authorization` header that the registry's challenge requires."""
        self._authorization = self._distrusted_realm = ""
        credentials, registry = self._credentials.credentials_for(self._place), self._place.host
        if "bearer" in challenges:
            token, seconds = self._token(challenges["bearer"], credentials, ends_at)
            self._authorization, self._until = f"Bearer {token}", self._clock() + seconds
        elif "basic" not in challenges:
            problem = "requires authentication, but offers neither Basic nor Bearer"
            raise RegistryError(f"registry {registry} {problem}: check that it is a registry")
        elif credentials is None or not self._trusts(self._place.url):
            raise self._refused()
        elif credentials.identity_token:
            problem = "requires a user and password, but --registry-config has an identity token"
            raise UnauthorizedError(f"registry {registry} {problem}: set a user and password there")
        else:
            self._authorization, self._until = credentials.basic, float("inf")

    def _refused(self) -> RegistryError:
        """Return the error for a registry that denied access, with a message for the credentials in use."""
        name, host = self._place.name, urlsplit(self._distrusted_realm).netloc
        if host and is_private(self._distrusted_realm):
            problem = f"names the token service {host}, which is on another host; credentials were not sent"
            advice = f"if {host} is correct, set --registry-auth-host {host}"
        elif host:
            problem = f"names the token service http://{host}, but credentials are not sent over plain HTTP"
            advice = "the token service must use HTTPS"
        elif self._credentials.credentials_for(self._place) is None:
            problem = f"denies anonymous access to {name}"
            advice = "set credentials in --registry-config, or check the image's name"
        elif not self._trusts(self._place.url):
            problem = f"denies access to {name}, and credentials are not sent over plain HTTP"
            advice = "use HTTPS"
        else:
            problem = f"denies access to {name} for the user in --registry-config"
            advice = "check that user's permissions"
        return UnauthorizedError(f"registry {self._place.host} {problem}: {advice}")

    def _token(
        self, challenge: dict[str, str], credentials: Credentials | None, ends_at: float
    ) -> tuple[str, float]:
        """Request a token; return it with its lifetime in seconds."""
        realm = self._place.target(challenge.get("realm", ""))
        host, bounds = origin(realm)[1], Bounds(ends_at, _TOKEN_BYTES, partial(self._place.refusal, realm))
        if credentials is not None and not self._trusts(realm):
            self._distrusted_realm, credentials = realm, None
        scopes = (challenge.get("scope") or f"repository:{self._place.name}:pull").split()
        query = {"scope": scopes, "service": challenge.get("service") or []}
        if credentials is not None and credentials.identity_token:
            query |= {"grant_type": "refresh_token", "refresh_token": credentials.identity_token}
            form = urlencode({**query, "client_id": "bootstrap-monitor"}, doseq=True).encode()
            headers = {"Content-Type": "application/x-www-form-urlencoded"}
            response = self._transport.ask("POST", realm, headers, bounds, form)
        else:
            url = f"{realm}{'&' if '?' in realm else '?'}{urlencode(query, doseq=True)}"
            headers = {"Authorization": credentials.basic} if credentials else {}
            response = self._transport.ask("GET", url, headers, bounds)
        if response.status in _REFUSALS:
            raise self._refused()
        if response.status != HTTPStatus.OK:
            raise self.failure(f"the token service {host} returned {response.status}", response)
        return _parsed(response.body, host)

    def _trusts(self, url: str) -> bool:
        """Return whether credentials may be sent to this URL, of the registry or of a token service."""
        host = urlsplit(url).netloc.lower().removesuffix(":443")
        is_known = self._place.is_own(url) or host in self._trusted_hosts
        return is_known and is_private(url) and is_private(self._place.url)


def _challenges(headers: HTTPMessage) -> dict[str, dict[str, str]]:
    """Return the parameters of each challenge in `WWW-Authenticate` headers, by its lower-case scheme.

    Commas separate both challenges and their parameters (RFC 9110, section 11.6.1), so an item that begins
    with a word without `=` starts a new challenge.
    """
    challenges: dict[str, dict[str, str]] = {}
    parameters: dict[str, str] = {}
    for item in parse_http_list(",".join(headers.get_all("WWW-Authenticate", ()))):
        first, _, rest = item.partition(" ")
        if first and "=" not in first:
            parameters = challenges[first.lower()] = {}
            item = rest  # noqa: PLW2901 - the parameter after the scheme
        name, equals, text = item.partition("=")
        if equals:
            parameters[name.strip().lower()] = text.strip(' \t"')
    return challenges


def _parsed(body: bytes, host: str) -> tuple[str, float]:
    """Return the token in a token service's response, and its lifetime in seconds."""
    try:
        fields = json_object(body)
    except ValueError:
        fields = {}
    token, seconds = fields.get("token") or fields.get("access_token"), fields.get("expires_in")
    if not isinstance(token, str) or not token.isascii() or not token.isprintable():
        raise RegistryError(f"the token service {host} returned no valid token")
    seconds = max(seconds, _MIN_SECONDS) if isinstance(seconds, int | float) else _MIN_SECONDS
    return token, float(min(seconds, _MAX_SECONDS)) - _MARGIN_SECONDS
