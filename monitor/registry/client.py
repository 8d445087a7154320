"""The registry client: resolves a tag to a digest and reads manifests."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from monitor.bounded_http import Bounds, HttpResponse
from monitor.domain.sanitize import one_line
from monitor.registry.auth import Authenticator
from monitor.registry.backoff import retry_after_seconds
from monitor.registry.credentials import CredentialsFile
from monitor.registry.errors import AbsentError, RegistryError, UnauthorizedError
from monitor.registry.http import Transport, trust
from monitor.registry.manifests import (
    ACCEPT,
    MANIFEST_BYTES,
    architecture,
    children_of,
    config_of,
    digest_of,
    is_digest,
    runs_on,
)
from monitor.registry.repository import Place, origin

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MAX_REDIRECTS = 3
_REFUSALS = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
# Some registries respond to HEAD with 404 although GET works.
_NO_HEAD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.NOT_FOUND})
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Timeouts:
    """The timeouts for a registry (seconds): of one response, and of a lookup with its authentication."""

    answer_seconds: float = 10.0
    lookup_seconds: float = 30.0


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """The settings of a registry.

    `config` is the file with credentials; `ca` is a file with additional certificate authorities.
    `auth_host` is a token service that may receive the credentials: its host in lower case, with the port
    unless it is 443.
    """

    config: Path | None = None
    ca: Path | None = None
    plain_http: bool = False
    auth_host: str = ""

    def check(self) -> None:
        """Raise `ConfigurationError` if the file of credentials or of authorities cannot be used."""
        CredentialsFile(self.config).check()
        if self.ca is not None:
            trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self.ca)


class Registry:
    """A client for one tag of one repository.

    The client keeps connections and its token between lookups.  Not safe for concurrent use.
    """

    def __init__(
        self,
        repository: str,
        tag: str,
        options: RegistryOptions,
        *,
        transport: Transport | None = None,
        timeouts: Timeouts | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        architecture: str = architecture(),
    ) -> None:
        """Create a client for a tag of `repository`, an image reference without tag and digest."""
        self._repository, self._tag = repository, tag
        self._timeouts = timeouts or Timeouts()
        self._clock, self._wall_clock, self._architecture = clock, wall_clock, architecture
        # A registry on this machine uses TLS only if a certificate authority is configured.
        self._place = Place.of(repository, plain_http=options.plain_http, local_plain_http=options.ca is None)
        self._transport = transport or Transport(ca=options.ca, timeout_seconds=self._timeouts.answer_seconds)
        credentials = CredentialsFile(options.config)
        self._access = Authenticator(
            self._place, self._transport, credentials, options.auth_host, clock, wall_clock
        )

    def close(self) -> None:
        """Close all connections."""
        self._transport.close()

    def image(self, digest: str) -> str:
        """Return the image reference that pins this repository to a digest."""
        return f"{self._repository}@{digest}"

    def digest(self) -> str:
        """Resolve the tag to its digest, with one HEAD request if the registry supports it.

        Raises:
            RegistryError: the lookup failed; the error has the pause that the registry requested, if any.
            ConfigurationError: a setting for the registry cannot be used.
        """
        ends_at = self._ends_at()
        answer = self._asked("HEAD", f"manifests/{self._tag}", ends_at)
        said = answer.header("Docker-Content-Digest") if answer.status == HTTPStatus.OK else None
        if said is not None:
            return self._digest(said)
        if answer.status not in {HTTPStatus.OK, *_NO_HEAD}:
            raise self._failure(answer, self._tag)
        return self._read(self._tag, ends_at)[0]

    def digests(self, digest: str) -> frozenset[str]:
        """Return a digest together with all other digests that identify this build on this machine.

        Reads the manifest and verifies its digest.

        Raises:
            RegistryError: the lookup failed, or the manifest is invalid.
            ConfigurationError: a setting for the registry cannot be used.
        """
        read, body = self._read(digest, self._ends_at())
        try:
            return frozenset({digest, read}) | children_of(body, self._architecture)
        except RegistryError as error:
            raise RegistryError(f"{self._name(digest)}: {error}") from error

    def check(self, digest: str) -> None:
        """Check that the registry has an image for this machine's platform under a digest.

        Raises:
            AbsentError: the registry has no such image, although its tag is readable.
            RegistryError: the lookup failed, so that the result is unknown.
            ConfigurationError: a setting for the registry cannot be used.
        """
        ends_at = self._ends_at()
        try:
            _, body = self._read(digest, ends_at)
        except AbsentError:
            self._prove_readable()
            raise
        try:
            config = config_of(body)
            if config is None:
                here = bool(children_of(body, self._architecture))
            else:
                here = runs_on(self._blob(config, ends_at), self._architecture)
        except RegistryError as error:
            raise RegistryError(f"{self._name(digest)}: {error}") from error
        if not here:
            raise AbsentError(f"{self._name(digest)} has no image for linux/{self._architecture}")

    def _prove_readable(self) -> None:
        """Raise `RegistryError` if the tag is missing too, because a private repository can look empty."""
        try:
            self.digest()
        except AbsentError as error:
            raise RegistryError(
                f"registry {self._place.host} returns neither the digest nor the tag {self._tag} of "
                f"{self._place.name}; the repository may be private: check the credentials"
            ) from error

    def _blob(self, digest: str, ends_at: float) -> bytes:
        answer = self._asked("GET", f"blobs/{digest}", ends_at)
        if answer.status != HTTPStatus.OK or digest_of(answer.body, digest) != digest:
            raise RegistryError(f"its configuration cannot be read ({answer.status})")
        return answer.body

    def _ends_at(self) -> float:
        return time.monotonic() + self._timeouts.lookup_seconds

    def _read(self, reference: str, ends_at: float) -> tuple[str, bytes]:
        """Fetch a manifest; return its verified digest and its content."""
        answer = self._asked("GET", f"manifests/{reference}", ends_at)
        if answer.status != HTTPStatus.OK:
            raise self._failure(answer, reference)
        said = answer.header("Docker-Content-Digest")
        named = reference if is_digest(reference) else said and self._digest(said)
        digest = digest_of(answer.body, named or "sha256:")
        if named and digest != named:
            raise RegistryError(f"{self._name(reference)}: its content does not match the digest {named}")
        return digest, answer.body

    def _asked(self, method: str, path: str, ends_at: float) -> HttpResponse:
        """Return the registry's response to a request; authenticate once if the registry requires it."""
        url = f"{self._place.url}/v2/{self._place.name}/{path}"
        answer = self._followed(method, url, ends_at)
        if answer.status == HTTPStatus.FORBIDDEN and self._access.header:
            # The credentials may have changed.  Some registries then respond with 403 instead of 401.
            self._access.forget()
            answer = self._followed(method, url, ends_at)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._access.answer(answer, ends_at)
            answer = self._followed(method, url, ends_at)
        if answer.status in _REFUSALS:
            self._access.forget()
            raise self._access.refused()
        return answer

    def _followed(self, method: str, url: str, ends_at: float) -> HttpResponse:
        """Send a request and follow redirects; requests to other hosts carry no credentials."""
        headers = {"Accept": ACCEPT}
        if authorization := self._access.header:
            headers["Authorization"] = authorization
        limit_bytes = 0 if method == "HEAD" else MANIFEST_BYTES
        for _ in range(_MAX_REDIRECTS + 1):
            bounds = Bounds(ends_at, limit_bytes, self._place.reach(url).refusal)
            answer = self._transport.ask(method, url, headers, bounds)
            if answer.status not in _REDIRECTS:
                break
            target = self._place.target(answer.header("Location") or "", url)
            if origin(target) != origin(url):
                headers.pop("Authorization", None)
            url = target
        else:
            raise RegistryError(f"registry {self._place.host} redirects too often")
        if answer.status in _REFUSALS and not self._place.is_own(url):
            raise UnauthorizedError(
                f"registry {self._place.host} redirects to {origin(url)[1]}, which requires credentials; "
                "credentials are not sent to another host: use the image name of that host"
            )
        return answer

    def _digest(self, said: str) -> str:
        if is_digest(said):
            return said
        shown = repr(one_line(said, _SHOWN_CHARACTERS))
        raise RegistryError(f"{self._name(self._tag)}: the registry returned {shown}, which is not a digest")

    def _failure(self, answer: HttpResponse, reference: str) -> RegistryError:
        if answer.status == HTTPStatus.NOT_FOUND:
            kind = "digest" if is_digest(reference) else "tag"
            return AbsentError(f"{self._name(reference)} not found: check the name and the {kind}")
        says = f"returned {answer.status} for {self._place.name}"
        if answer.status == HTTPStatus.TOO_MANY_REQUESTS:
            says = "limits the request rate (429)"
        after_seconds = retry_after_seconds(answer.header("Retry-After"), self._wall_clock())
        return RegistryError(f"registry {self._place.host} {says}", after_seconds)

    def _name(self, reference: str) -> str:
        return f"{self._repository}{'@' if is_digest(reference) else ':'}{reference}"
