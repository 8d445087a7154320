"""Credentials from a Docker configuration file, as in a Secret of type `kubernetes.io/dockerconfigjson`.

The file is read for every lookup, because a mounted Secret can change.  Credential helpers are not supported:
they are programs on a workstation, which a container does not have.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from monitor.domain.json_text import json_object
from monitor.errors import ConfigurationError
from monitor.registry.repository import Place, canonical

_FILE_BYTES = 1 << 20
_TOKEN_USER = "<token>"  # noqa: S105 (not a secret: this user name marks the password as an identity token)
_API_PATHS = frozenset({"v1", "v2"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password, or an identity token that replaces both."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The `Authorization` header for user and password; empty if there is an identity token instead."""
        if self.identity_token:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class CredentialsFile:
    """The file of `--registry-config`; without a file, all requests are anonymous."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def check(self) -> None:
        """Raise `ConfigurationError` if the file cannot be used."""
        self._read()

    def credentials_for(self, place: Place) -> Credentials | None:
        """Return the credentials for a repository, or `None` if the file has none.

        If several entries match, the entry with the longest path wins; with equal paths, a host name wins
        over a pattern.

        Raises:
            ConfigurationError: the file cannot be used, or delegates the credentials to a credential helper.
        """
        config = self._read()
        entries = config.get("auths") or {}
        fitting = [
            (path, not {*"*?"} & {*key}, key) for key in entries if (path := _fit(key, place)) is not None
        ]
        if fitting:
            *_, key = max(fitting)
            try:
                credentials = _credentials(entries[key])
            except ValueError as error:
                raise ConfigurationError(
                    f"{self._path}: the entry {key!r} in auths is not a user with a password"
                ) from error
            if credentials is not None:
                return credentials
        helpers = config.get("credHelpers")
        in_helper = isinstance(helpers, dict) and any(_fit(key, place) is not None for key in helpers)
        if in_helper or (fitting and config.get("credsStore")):
            raise ConfigurationError(
                f"{self._path} delegates the credentials of {place.host} to a credential helper, which is not "
                "supported: add them to auths"
            )
        return None

    def _read(self) -> Mapping[str, Any]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                config = json_object(file.read(_FILE_BYTES + 1), _FILE_BYTES)
            if isinstance(config.get("auths"), dict | None):
                return config
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error.strerror})") from error
        except ValueError:
            pass
        raise ConfigurationError(f"{self._path} is not a Docker configuration: it must be JSON with auths")


def _credentials(entry: dict[str, Any] | None) -> Credentials | None:
    """Return the credentials of an entry, or `None` if it has none; `null` is absent, as in Go programs.

    Raises:
        ValueError: the entry is malformed.
    """
    if not isinstance(entry, dict | None):
        raise ValueError("it is not an object")  # noqa: TRY004 (all malformed entries raise ValueError)
    auth, user, password, token = (
        (entry or {}).get(name) or "" for name in ("auth", "username", "password", "identitytoken")
    )
    if not all(isinstance(each, str) for each in (auth, user, password, token)):
        raise ValueError("it holds something other than text")
    if auth:
        user, colon, password = base64.b64decode(auth).decode().partition(":")
        if not colon:
            raise ValueError("its auth has no colon")
    token = token or (password if user == _TOKEN_USER else "")
    if token:
        return Credentials(identity_token=token)
    return Credentials(user, password.rstrip("\0")) if user else None


def _fit(key: str, place: Place) -> str | None:
    """Return the path of an entry that matches a repository, or `None` if the entry does not match.

    The path is empty if the entry covers the whole registry.  An entry is `host[:port]`, a URL as older
    programs wrote it, or the beginning of a repository name.  Each label of a host may be a pattern, as in
    the kubelet (https://kubernetes.io/docs/concepts/containers/images/#config-json).
    """
    host, _, path = (key.partition("://")[2] or key).partition("/")
    path = path.strip("/")
    if not _matches(canonical(host), place.host):
        return None
    if path in _API_PATHS:
        return ""
    return path if not path or f"{place.name}/".startswith(f"{path}/") else None


def _matches(pattern: str, host: str) -> bool:
    """Return whether a host matches a pattern, label by label, with equal ports; `*` matches no dot."""
    (names, _, wanted), (parts, _, port) = pattern.partition(":"), host.partition(":")
    if wanted != port or names.count(".") != parts.count("."):
        return False
    return all(map(fnmatchcase, parts.split("."), names.split(".")))
