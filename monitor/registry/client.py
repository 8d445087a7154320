"""The registry client: resolves a tag to a digest and reads manifests."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from monitor.bounded_http import HttpResponse
from monitor.domain.sanitize import one_line
from monitor.registry.auth import Session
from monitor.registry.credentials import CredentialsFile
from monitor.registry.errors import AbsentError, RegistryError
from monitor.registry.http import Transport, tls_context
from monitor.registry.manifests import architecture, children_of, config_of, digest_of, is_digest, runs_on
from monitor.registry.repository import Place

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
        CredentialsFile(self.config).read()
        if self.ca is not None:
            tls_context(self.ca)


class Registry:
    """A client for one tag of one repository.

    The client keeps its connection and its token between lookups.  A lookup that fails raises `RegistryError`,
    or `ConfigurationError` if a setting cannot be used.  Not safe for concurrent use.
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
        self._repository, self._tag, self._architecture = repository, tag, architecture
        self._timeouts = timeouts or Timeouts()
        # A registry on this machine uses TLS only if a certificate authority is configured.
        self._place = Place.of(repository, plain_http=options.plain_http, local_plain_http=options.ca is None)
        self._transport = transport or Transport(ca=options.ca, timeout_seconds=self._timeouts.answer_seconds)
        credentials = CredentialsFile(options.config)
        self._session = Session(
            self._place, self._transport, credentials, options.auth_host, clock, wall_clock
        )

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def image(self, digest: str) -> str:
        """Return the image reference that pins this repository to a digest."""
        return f"{self._repository}@{digest}"

    def digest(self) -> str:
        """Resolve the tag to its digest, with one HEAD request if the registry supports it."""
        ends_at = self._ends_at()
        response = self._session.ask("HEAD", f"manifests/{self._tag}", ends_at)
        if response.status not in {HTTPStatus.OK, *_NO_HEAD}:
            raise self._failure(response, self._tag)
        stated = self._stated_digest(response) if response.status == HTTPStatus.OK else ""
        return stated or self._read(self._tag, ends_at)[0]

    def digests(self, digest: str) -> frozenset[str]:
        """Return a digest together with all other digests that identify this build on this machine."""
        _, body = self._read(digest, self._ends_at())
        try:
            return children_of(body, self._architecture) | {digest}
        except RegistryError as error:
            raise RegistryError(f"{self._name(digest)}: {error}") from error

    def check(self, digest: str) -> None:
        """Raise `AbsentError` if the tag is readable, but the digest is not of an image for this machine."""
        ends_at = self._ends_at()
        try:
            _, body = self._read(digest, ends_at)
        except AbsentError:
            self._require_tag()
            raise
        try:
            config = config_of(body)
            if config is None:
                fits = bool(children_of(body, self._architecture))
            else:
                fits = runs_on(self._blob(config, ends_at), self._architecture)
        except RegistryError as error:
            raise RegistryError(f"{self._name(digest)}: {error}") from error
        if not fits:
            raise AbsentError(f"{self._name(digest)} has no image for linux/{self._architecture}")

    def _ends_at(self) -> float:
        return time.monotonic() + self._timeouts.lookup_seconds

    def _require_tag(self) -> None:
        """Raise `RegistryError` if the tag is missing too, because a private repository can look empty."""
        try:
            self.digest()
        except AbsentError as error:
            raise RegistryError(
                f"registry {self._place.host} returns neither the digest nor the tag {self._tag} of "
                f"{self._place.name}; the repository may be private: check the credentials"
            ) from error

    def _blob(self, digest: str, ends_at: float) -> bytes:
        response = self._session.ask("GET", f"blobs/{digest}", ends_at)
        if response.status != HTTPStatus.OK or digest_of(response.body, digest) != digest:
            raise RegistryError(f"its configuration cannot be read ({response.status})")
        return response.body

    def _read(self, reference: str, ends_at: float) -> tuple[str, bytes]:
        """Fetch a manifest; return its verified digest and its content."""
        response = self._session.ask("GET", f"manifests/{reference}", ends_at)
        if response.status != HTTPStatus.OK:
            raise self._failure(response, reference)
        stated = reference if is_digest(reference) else self._stated_digest(response)
        digest = digest_of(response.body, stated or "sha256:")
        if stated and digest != stated:
            raise RegistryError(f"{self._name(reference)}: its content does not match the digest {stated}")
        return digest, response.body

    def _stated_digest(self, response: HttpResponse) -> str:
        """Return the digest in the headers of a response for the tag; empty without that header."""
        digest: str = response.headers.get("Docker-Content-Digest", "").strip()
        if not digest or is_digest(digest):
            return digest
        shown = repr(one_line(digest, _SHOWN_CHARACTERS))
        raise RegistryError(f"{self._name(self._tag)}: the registry returned {shown}, which is not a digest")

    def _failure(self, response: HttpResponse, reference: str) -> RegistryError:
        if response.status == HTTPStatus.NOT_FOUND:
            kind = "digest" if is_digest(reference) else "tag"
            return AbsentError(f"{self._name(reference)} not found: check the name and the {kind}")
        problem = f"returned {response.status} for {self._place.name}"
        if response.status == HTTPStatus.TOO_MANY_REQUESTS:
            problem = "limits the request rate (429)"
        return self._session.failure(f"registry {self._place.host} {problem}", response)

    def _name(self, reference: str) -> str:
        return f"{self._repository}{'@' if is_digest(reference) else ':'}{reference}"
