"""Asks a registry which manifest a tag names."""

from __future__ import annotations

import ssl
import time
from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from monitor.foreign_text import one_line
from monitor.registry.access import Access
from monitor.registry.credentials import CredentialsFile
from monitor.registry.errors import AbsentError, RegistryError
from monitor.registry.manifests import (
    ACCEPT,
    MANIFEST_BYTES,
    architecture,
    children_of,
    config_of,
    digest_of,
    is_digest,
    matches,
    runs_on,
)
from monitor.registry.pace import retry_after_seconds
from monitor.registry.places import Place, origin
from monitor.registry.transport import Answer, Transport, trust

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 3
# Some registries answer a HEAD with 404 though their GET works.
_NO_HEAD = frozenset({HTTPStatus.METHOD_NOT_ALLOWED, HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.NOT_FOUND})
_SHOWN_CHARACTERS = 100


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a registry may take."""

    answer_seconds: float = 10.0
    """One answer."""
    look_seconds: float = 30.0
    """One look, with all that it takes to get in."""


@dataclass(frozen=True, slots=True)
class RegistryOptions:
    """What is set by flags: files of credentials and authorities, how it is asked, whom to trust besides."""

    config: Path | None = None
    ca: Path | None = None
    plain_http: bool = False
    auth_host: str = ""
    """In small letters, with its port where that is not the one of HTTPS."""

    def check(self) -> None:
        """Look whether the files can be used.

        Raises:
            ConfigurationError: it cannot.
        """
        CredentialsFile(self.config).check()
        if self.ca is not None:
            trust(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), self.ca)


class Registry:
    """One tag of one repository; keeps its connection, and its token while that is good.

    Not to be used by two threads at once.
    """

    def __init__(
        self,
        repository: str,
        tag: str,
        options: RegistryOptions,
        *,
        transport: Transport | None = None,
        patience: Patience | None = None,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
        architecture: str = architecture(),
    ) -> None:
        """Prepare to ask for `repository`, as image references have it."""
        self._repository, self._tag = repository, tag
        self._patience = patience or Patience()
        self._clock, self._wall_clock, self._architecture = clock, wall_clock, architecture
        # Who gives an authority for a registry of this machine has it speak TLS.
        self._place = Place.of(repository, plain_http=options.plain_http, local_plain_http=options.ca is None)
        self._transport = transport or Transport(ca=options.ca, timeout_seconds=self._patience.answer_seconds)
        self._access = Access(
            self._place,
            self._transport,
            CredentialsFile(options.config),
            options.auth_host,
            clock,
            wall_clock,
        )

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def image(self, digest: str) -> str:
        """The image reference that pins this repository to a digest."""
        return f"{self._repository}@{digest}"

    def digest(self) -> str:
        """The digest under the tag, by one HEAD where the registry gives it so.

        Raises:
            RegistryError: it did not say; how long to wait for it if it did.
            ConfigurationError: what is set about it cannot be used.
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
        """A digest and those that name the same build on this machine; reads the manifest, and verifies it.

        Raises:
            RegistryError, ConfigurationError: as `digest`.
        """
        read, body = self._read(digest, self._ends_at())
        try:
            return frozenset({digest, read}) | children_of(body, self._architecture)
        except RegistryError as error:
            raise RegistryError(f"{self._name(digest)}: {error}") from error

    def check(self, digest: str) -> None:
        """Make sure that the registry has a digest, for this machine's platform.

        Raises:
            AbsentError: the registry does not have it, and shows what is under the tag.
            RegistryError, ConfigurationError: as `digest`; whether the registry has it is unknown.
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
        """A private repository may look as if nothing were in it."""
        try:
            self.digest()
        except AbsentError as error:
            raise RegistryError(
                f"registry {self._place.host} shows nothing of {self._place.name}, not even the tag {self._tag}"
            ) from error

    def _blob(self, digest: str, ends_at: float) -> bytes:
        answer = self._asked("GET", f"blobs/{digest}", ends_at)
        if answer.status != HTTPStatus.OK or not matches(answer.body, digest):
            raise RegistryError(f"its configuration cannot be read ({answer.status})")
        return answer.body

    def _ends_at(self) -> float:
        return time.monotonic() + self._patience.look_seconds

    def _read(self, reference: str, ends_at: float) -> tuple[str, bytes]:
        """A manifest and its digest, which is made of what really came."""
        answer = self._asked("GET", f"manifests/{reference}", ends_at)
        if answer.status != HTTPStatus.OK:
            raise self._failure(answer, reference)
        said = answer.header("Docker-Content-Digest")
        named = reference if is_digest(reference) else said and self._digest(said)
        if named and not matches(answer.body, named):
            raise RegistryError(f"{self._name(reference)}: its content has not the digest {named}")
        return named or digest_of(answer.body), answer.body

    def _asked(self, method: str, path: str, ends_at: float) -> Answer:
        """The answer, let in where that is wanted; at most once anew."""
        url = f"{self._place.url}/v2/{self._place.name}/{path}"
        answer = self._followed(method, url, ends_at)
        if answer.status == HTTPStatus.FORBIDDEN and self._access.header:
            # It may be of credentials that were changed since, though not every registry says so by 401.
            self._access.forget()
            answer = self._followed(method, url, ends_at)
        if answer.status == HTTPStatus.UNAUTHORIZED:
            self._access.answer(answer, ends_at)
            answer = self._followed(method, url, ends_at)
        if answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            self._access.forget()
            raise self._access.refused()
        return answer

    def _followed(self, method: str, url: str, ends_at: float) -> Answer:
        """The answer behind redirects; to another host one comes without credentials."""
        authorization = self._access.header
        limit_bytes = 0 if method == "HEAD" else MANIFEST_BYTES
        for _ in range(_MOST_REDIRECTS + 1):
            headers = {"Accept": ACCEPT} | ({"Authorization": authorization} if authorization else {})
            reach = self._place.reach(url)
            answer = self._transport.ask(
                method, url, headers, ends_at=ends_at, reach=reach, limit_bytes=limit_bytes
            )
            if answer.status not in _REDIRECTS:
                break
            target = self._place.target(answer.header("Location") or "", url)
            if origin(target) != origin(url):
                authorization = ""
            url = target
        else:
            raise RegistryError(f"registry {self._place.host} sends one from address to address")
        elsewhere = not self._place.is_own(url)
        if elsewhere and answer.status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
            raise RegistryError(
                f"registry {self._place.host} sends one to {origin(url)[1]}, which wants credentials: they "
                "are not sent to another host; use the image's name there"
            )
        return answer

    def _digest(self, said: str) -> str:
        if not is_digest(said):
            raise RegistryError(
                f"{self._name(self._tag)}: the registry says {one_line(said, _SHOWN_CHARACTERS)!r}, which is "
                "no digest"
            )
        return said

    def _failure(self, answer: Answer, reference: str) -> RegistryError:
        after = retry_after_seconds(answer.header("Retry-After"), self._wall_clock())
        match answer.status:
            case HTTPStatus.NOT_FOUND:
                kind = "digest" if is_digest(reference) else "tag"
                return AbsentError(f"{self._name(reference)} is not there: check name and {kind}")
            case HTTPStatus.TOO_MANY_REQUESTS:
                return RegistryError(f"registry {self._place.host} is asked too often (429)", after)
            case _:
                return RegistryError(
                    f"registry {self._place.host} answers {answer.status} for {self._place.name}", after
                )

    def _name(self, reference: str) -> str:
        divider = "@" if is_digest(reference) else ":"
        return f"{self._repository}{divider}{reference}"
