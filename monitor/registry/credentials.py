"""Credentials from a Docker configuration file, as a Secret of type `kubernetes.io/dockerconfigjson` holds it.

Read anew each time they are needed, since a mounted Secret changes.  Credential helpers are programs of a
person's machine, which a container does not have: they are not supported.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

from monitor.errors import ConfigurationError
from monitor.json_text import json_value
from monitor.registry.places import Place, canonical

_FILE_BYTES = 1 << 20
_TOKEN_USER = "<token>"  # noqa: S105 (a name: the password is then an identity token)
_API_PATHS = frozenset({"v1", "v2"})


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password, or an identity token that stands for both."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The `Authorization` header of user and password; empty where there is only a token."""
        if self.identity_token:
            return ""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class CredentialsFile:
    """The file of `--registry-config`; without one, everybody is anonymous."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def check(self) -> None:
        """Look whether it can be used.

        Raises:
            ConfigurationError: it cannot.
        """
        self._read()

    def credentials_for(self, place: Place) -> Credentials | None:
        """Those of a repository; of several that fit, the longest path, and a host by its name before a pattern.

        Raises:
            ConfigurationError: the file cannot be used, or has them only in a helper.
        """
        found = self._read()
        entries = found.get("auths") or {}
        fitting = [
            (path, not {*"*?"} & {*key}, key) for key in entries if (path := _fit(key, place)) is not None
        ]
        if fitting:
            path, _, key = max(fitting)
            credentials = self._credentials(key, entries[key])
            if credentials is not None:
                return credentials
        helpers = found.get("credHelpers")
        in_helper = isinstance(helpers, dict) and any(_fit(key, place) is not None for key in helpers)
        if in_helper or (fitting and found.get("credsStore")):
            raise ConfigurationError(
                f"{self._path} leaves the credentials of {place.host} to a credential helper, which is not "
                "supported: put them into its auths"
            )
        return None

    def _read(self) -> Mapping[str, Any]:
        if self._path is None:
            return {}
        try:
            with self._path.open("rb") as file:
                found = json_value(file.read(_FILE_BYTES + 1), _FILE_BYTES)
        except OSError as error:
            raise ConfigurationError(f"{self._path} cannot be read ({error.strerror})") from error
        except ValueError:
            found = None
        if not isinstance(found, dict) or not isinstance(found.get("auths"), dict | None):
            raise ConfigurationError(f"{self._path} is no Docker configuration: it must be JSON with auths")
        return found

    def _credentials(self, key: str, entry: object) -> Credentials | None:
        wrong = ConfigurationError(f"{self._path}: what auths has for {key!r} is no user with a password")
        if not isinstance(entry, dict | None):
            raise wrong
        # As Go programs read it: null is the same as absent.
        auth, user, password, identity_token = (
            (entry or {}).get(name) or "" for name in ("auth", "username", "password", "identitytoken")
        )
        if not all(isinstance(each, str) for each in (auth, user, password, identity_token)):
            raise wrong
        if auth:
            try:
                user, colon, password = base64.b64decode(auth).decode().partition(":")
            except (binascii.Error, ValueError) as error:
                raise wrong from error
            if not colon:
                raise wrong
        token = identity_token or (password if user == _TOKEN_USER else "")
        if token:
            return Credentials(identity_token=token)
        return Credentials(user, password.rstrip("\0")) if user else None


def _fit(key: str, place: Place) -> str | None:
    """The path of an entry that is for a place, empty where it is for the whole registry; `None`: it is not.

    Entries are `host[:port]`, with an address's beginning and end as older programs wrote them, or a repository's
    beginning, as newer ones do. Each part of a host may be a pattern, as the kubelet has it
    (https://kubernetes.io/docs/concepts/containers/images/#config-json).
    """
    host, _, path = key.partition("://")[2].partition("/") if "://" in key else key.partition("/")
    path = path.strip("/")
    if not _matches(canonical(host), place.host):
        return None
    if path in _API_PATHS:
        return ""
    return path if not path or f"{place.name}/".startswith(f"{path}/") else None


def _matches(pattern: str, host: str) -> bool:
    """Whether a host has the same port and as many parts, each of which matches: no `*` stands for a dot."""
    (names, _, wanted), (parts, _, port) = pattern.partition(":"), host.partition(":")
    if wanted != port or names.count(".") != parts.count("."):
        return False
    return all(map(fnmatchcase, parts.split("."), names.split(".")))
