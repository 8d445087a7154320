"""Credentials from a Docker configuration file, as in a Secret of type `kubernetes.io/dockerconfigjson`.

The file is read for every lookup, because a mounted Secret can change.  Credential helpers are not supported:
they are programs on a workstation, which a container does not have.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from monitor.domain.json_text import JsonObject, json_object
from monitor.errors import ConfigurationError
from monitor.registry.repository import Place, canonical

_FILE_BYTES = 1 << 20
_TOKEN_USER = "<token>"  # noqa: S105 (not a secret: this user name marks the password as an identity token)


@dataclass(frozen=True, slots=True)
class Credentials:
    """A user and password, or an identity token that replaces both."""

    user: str = ""
    password: str = field(default="", repr=False)
    identity_token: str = field(default="", repr=False)

    @property
    def basic(self) -> str:
        """The `Authorization` header for user and password."""
        return "Basic " + base64.b64encode(f"{self.user}:{self.password}".encode()).decode()


class CredentialsFile:
    """The file of `--registry-config`; without a file, all requests are anonymous."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def read(self) -> JsonObject:
        """Return the file's content, or raise `ConfigurationError` if it cannot be used."""
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

    def credentials_for(self, place: Place) -> Credentials | None:
        """Return the credentials for a repository, or `None` if the file has none.

        If several entries match, the entry with the longest path wins; with equal paths, a host name wins
        over a pattern.  Raises `ConfigurationError` for an invalid file, or one that names a credential helper.
        """
        config = self.read()
        entries, helpers = config.get("auths") or {}, config.get("credHelpers")
        paths = {key: path for key in entries if (path := _path_of(key, place)) is not None}
        key = max(paths, key=lambda key: (paths[key], not {*"*?"} & {*key}), default=None)
        try:
            credentials = None if key is None else _credentials(entries[key])
        except ValueError as error:
            problem = f"the entry {key!r} in auths is not a user with a password"
            raise ConfigurationError(f"{self._path}: {problem}") from error
        delegates = isinstance(helpers, dict) and any(_path_of(key, place) is not None for key in helpers)
        if credentials is None and (delegates or (paths and config.get("credsStore"))):
            raise ConfigurationError(
                f"{self._path} delegates the credentials of {place.host} to a credential helper, which is not "
                "supported: add them to auths"
            )
        return credentials


def _credentials(entry: object) -> Credentials | None:
    """Return the credentials of an entry, or `None` if it has none; `null` is absent, as in Go programs."""
    names, fields = ("auth", "username", "password", "identitytoken"), {} if entry is None else entry
    texts = [fields.get(name) or "" for name in names] if isinstance(fields, dict) else []
    if not texts or not all(isinstance(text, str) for text in texts):
        raise ValueError("it is not an object that holds text")
    auth, user, password, token = texts
    if auth:
        user, password = base64.b64decode(auth).decode().split(":", 1)
    token = token or (password if user == _TOKEN_USER else "")
    if token:
        return Credentials(identity_token=token)
    return Credentials(user, password.rstrip("\0")) if user else None


def _path_of(key: str, place: Place) -> str | None:
    """Return the path of an entry that matches a repository, or `None` if the entry does not match.

    The path is empty if the entry covers the whole registry.  An entry is `host[:port]`, a URL as older
    programs wrote it, or the beginning of a repository name.  Each label of a host may be a pattern, as in
    the kubelet (https://kubernetes.io/docs/concepts/containers/images/#config-json).
    """
    host, _, path = key.rpartition("://")[2].partition("/")
    path = path.strip("/")
    (names, _, port), (patterns, _, wanted_port) = place.host.partition(":"), canonical(host).partition(":")
    labels, wanted = names.split("."), patterns.split(".")
    if port != wanted_port or len(labels) != len(wanted) or not all(map(fnmatchcase, labels, wanted)):
        return None
    if path in {"", "v1", "v2"}:
        return ""
    return path if f"{place.name}/".startswith(f"{path}/") else None
