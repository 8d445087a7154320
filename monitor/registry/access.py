"""How one gets in: anonymously, by user and password, or by a token of the registry's token service.

A registry says by a challenge what it wants (specification of the distribution API, "Token Authentication").
The challenge names the token service, so a registry that lies, or somebody who speaks for it, could have the
credentials sent anywhere.  They go only to the registry's own host, to the services below, which are known to
be a registry's though their host is another, and to the host that `--registry-auth-host` names.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from urllib.parse import urlencode, urlsplit

from monitor.json_text import json_object
from monitor.registry.challenges import Challenge, challenges_of
from monitor.registry.credentials import Credentials, CredentialsFile
from monitor.registry.errors import RegistryError
from monitor.registry.pace import retry_after_seconds
from monitor.registry.places import Place, is_this_machine
from monitor.registry.transport import Answer, Transport

_TOKEN_SERVICES = {"docker.io": "auth.docker.io", "registry.gitlab.com": "gitlab.com"}
_CLIENT = "bootstrap-monitor"
_ANSWER_BYTES = 256 << 10
_TOKEN = re.compile(r"[\x21-\x7e]{1,65536}")
_SHORTEST_SECONDS, _LONGEST_SECONDS = 60.0, 3600.0
_MARGIN_SECONDS = 10.0
_OK, _UNAUTHORIZED, _FORBIDDEN = 200, 401, 403


class Access:
    """What is sent as `Authorization` for one repository."""

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
        self._header = ""
        self._until = 0.0
        self._withheld_from = ""

    @property
    def header(self) -> str:
        """What is valid now; empty where nothing is, or nothing is needed."""
        return self._header if self._clock() < self._until else ""

    def answer(self, challenged: Answer, ends_at: float) -> None:
        """Do as the registry wants.

        Raises:
            RegistryError: it cannot be done.
        """
        self._header = self._withheld_from = ""
        challenges = {
            each.scheme: each for each in challenges_of(challenged.headers.getlist("WWW-Authenticate"))
        }
        credentials = self._credentials.credentials_for(self._place)
        if "bearer" in challenges:
            self._header, seconds = self._token(challenges["bearer"], credentials, ends_at)
        elif "basic" in challenges:
            self._header, seconds = self._basic(credentials), float("inf")
        else:
            raise RegistryError(
                f"registry {self._place.host} wants to know who asks, and not by a way that is known here: "
                "is that a registry?"
            )
        self._until = self._clock() + seconds

    def forget(self) -> None:
        """What was valid is so no more."""
        self._header = ""

    def refused(self) -> RegistryError:
        """The registry does not let one in, whatever was sent."""
        if self._withheld_from:
            return self._withheld(self._withheld_from)
        where = f"registry {self._place.host} does not show {self._place.name}"
        if self._credentials.credentials_for(self._place) is None:
            return RegistryError(
                f"{where} to the anonymous: give credentials by --registry-config, or check the image's name"
            )
        if not self._place.takes_credentials:
            return RegistryError(f"{where}, and credentials are not sent over plain HTTP: use HTTPS")
        return RegistryError(f"{where} to the user in --registry-config: check that user's permissions")

    def _withheld(self, realm: str) -> RegistryError:
        host = urlsplit(realm).netloc
        if not _is_private(realm):
            return RegistryError(
                f"registry {self._place.host} names http://{host} for its token service, and credentials are not "
                "sent over plain HTTP: it must use HTTPS"
            )
        return RegistryError(
            f"registry {self._place.host} names {host} for its token service, which is another host: "
            f"credentials were not sent there; if it is right, give --registry-auth-host {host}"
        )

    def _basic(self, credentials: Credentials | None) -> str:
        if credentials is None or not self._place.takes_credentials:
            raise self.refused()
        if not credentials.basic:
            raise RegistryError(
                f"registry {self._place.host} wants a user and password, but --registry-config has an identity token"
            )
        return credentials.basic

    def _token(
        self, challenge: Challenge, credentials: Credentials | None, ends_at: float
    ) -> tuple[str, float]:
        """A token and for how long it is good."""
        realm = self._place.target(challenge.parameters.get("realm", ""))
        if credentials is not None and not self._trusts(realm):
            self._withheld_from, credentials = realm, None
        answer = self._ask(realm, challenge, credentials, ends_at)
        if answer.status in {_UNAUTHORIZED, _FORBIDDEN}:
            raise self.refused()
        if answer.status != _OK:
            raise RegistryError(
                f"the token service {urlsplit(realm).hostname} answers with {answer.status}",
                retry_after_seconds(answer.header("Retry-After"), self._wall_clock()),
            )
        return _parsed(answer.body, urlsplit(realm).hostname or "")

    def _trusts(self, realm: str) -> bool:
        """Whether credentials may go there."""
        if not self._place.takes_credentials or not _is_private(realm):
            return False
        known = {self._auth_host, _TOKEN_SERVICES.get(self._place.host)}
        return self._place.is_own(realm) or urlsplit(realm).netloc.lower().removesuffix(":443") in known

    def _ask(
        self, realm: str, challenge: Challenge, credentials: Credentials | None, ends_at: float
    ) -> Answer:
        reach = self._place.reach(realm)
        wanted = challenge.parameters.get("scope") or f"repository:{self._place.name}:pull"
        query = [("scope", each) for each in wanted.split()]
        if challenge.parameters.get("service"):
            query.append(("service", challenge.parameters["service"]))
        if credentials is not None and credentials.identity_token:
            query += [("grant_type", "refresh_token"), ("client_id", _CLIENT)]
            query.append(("refresh_token", credentials.identity_token))
            return self._transport.ask(
                "POST",
                realm,
                {"Content-Type": "application/x-www-form-urlencoded"},
                ends_at=ends_at,
                reach=reach,
                limit_bytes=_ANSWER_BYTES,
                body=urlencode(query),
            )
        address = f"{realm}{'&' if urlsplit(realm).query else '?'}{urlencode(query)}"
        headers = {"Authorization": credentials.basic} if credentials else {}
        return self._transport.ask(
            "GET", address, headers, ends_at=ends_at, reach=reach, limit_bytes=_ANSWER_BYTES
        )


def _is_private(url: str) -> bool:
    """Whether nobody on the way can read what is sent there."""
    parts = urlsplit(url)
    return parts.scheme == "https" or is_this_machine(parts.hostname or "")


def _parsed(body: bytes, host: str) -> tuple[str, float]:
    try:
        fields = json_object(body)
    except ValueError:
        fields = {}
    token = fields.get("token") or fields.get("access_token")
    if not isinstance(token, str) or not _TOKEN.fullmatch(token):
        raise RegistryError(f"the token service {host} gives no token that can be used")
    return f"Bearer {token}", _seconds_of(fields.get("expires_in")) - _MARGIN_SECONDS


def _seconds_of(expires_in: object) -> float:
    """For how long a token is good; what is no sensible number is the shortest time that there is."""
    if isinstance(expires_in, bool) or not isinstance(expires_in, int | float):
        return _SHORTEST_SECONDS
    return float(min(max(expires_in, _SHORTEST_SECONDS), _LONGEST_SECONDS))
