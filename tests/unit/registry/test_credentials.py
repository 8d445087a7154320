"""Tests of the credentials in a Docker configuration file: their selection, and errors in the file."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from typing import Any

import pytest

from monitor.errors import ConfigurationError
from monitor.registry.credentials import Credentials, CredentialsFile
from monitor.registry.repository import Place

ECR = Place.of("1234.dkr.ecr.us-west-2.amazonaws.com/node")
HUB, HARBOR = Place.of("a/node"), Place.of("harbor.example:8443/team/node")


def auth(text: str) -> dict[str, str]:
    """Return an entry in the form of `docker login`."""
    return {"auth": base64.b64encode(text.encode()).decode()}


def credentials_in(folder: Path, place: Place, auths: object, **more: Any) -> Credentials | None:
    """Return the credentials for a place from a file with these entries."""
    path = folder / "config.json"
    path.write_text(json.dumps({"auths": auths, **more}))
    return CredentialsFile(path).credentials_for(place)


U = Credentials("u", "p")


@pytest.mark.parametrize(
    ("place", "auths", "expected"),
    [
        pytest.param(HUB, {}, None, id="none"),
        pytest.param(HUB, {"": auth("u:p")}, None, id="without a host"),
        pytest.param(HUB, {"https://index.docker.io/v1/": auth("u:p")}, U, id="Docker Hub as docker has it"),
        pytest.param(HUB, {"docker.io": auth("u:p")}, U, id="Docker Hub"),
        pytest.param(HUB, {"registry-1.docker.io": auth("u:p")}, U, id="Docker Hub's API"),
        pytest.param(HUB, {"hub.example": auth("u:p")}, None, id="another registry's"),
        pytest.param(HARBOR, {"harbor.example:8443": auth("u:p")}, U, id="host and port"),
        pytest.param(HARBOR, {"https://Harbor.example:8443/v2/": auth("u:p")}, U, id="an address"),
        pytest.param(HARBOR, {"harbor.example": auth("u:p")}, None, id="another port"),
        pytest.param(
            HARBOR,
            {
                "harbor.example:8443": auth("x:y"),
                "harbor.example:8443/team": auth("u:p"),
                "harbor.example:8443/te": auth("v:w"),
            },
            U,
            id="the longest path",
        ),
        pytest.param(HARBOR, {"harbor.example:8443/team/node": auth("u:p")}, U, id="the whole repository"),
        pytest.param(HARBOR, {"harbor.example:8443/other": auth("u:p")}, None, id="another's path"),
        pytest.param(HUB, {"docker.io": {"username": "u", "password": "p"}}, U, id="user and password"),
        pytest.param(HUB, {"docker.io": auth("u:p:q")}, Credentials("u", "p:q"), id="a colon in a password"),
        pytest.param(
            HUB, {"docker.io": auth(" u : p ")}, Credentials(" u ", " p "), id="spaces that belong to them"
        ),
        pytest.param(HUB, {"docker.io": auth("u:")}, Credentials("u", ""), id="no password"),
        pytest.param(
            HUB,
            {"docker.io": {**auth("u:p"), "identitytoken": "t"}},
            Credentials(identity_token="t"),
            id="token",
        ),
        pytest.param(
            HUB, {"docker.io": auth("<token>:t")}, Credentials(identity_token="t"), id="token for user"
        ),
        pytest.param(ECR, {"*.dkr.ecr.us-west-2.amazonaws.com": auth("u:p")}, U, id="a pattern"),
        pytest.param(ECR, {"https://*.dkr.ecr.us-*.amazonaws.com/v2/": auth("u:p")}, U, id="two of them"),
        pytest.param(ECR, {"12?4.dkr.ecr.us-west-2.amazonaws.com": auth("u:p")}, U, id="any one letter"),
        pytest.param(ECR, {"*.us-west-2.amazonaws.com": auth("u:p")}, None, id="no pattern has a dot in it"),
        pytest.param(ECR, {"*.*.*.*.*.*": auth("u:p")}, U, id="patterns alone"),
        pytest.param(ECR, {"*.*.*.*.*.*.*": auth("u:p")}, None, id="one part too many"),
        pytest.param(ECR, {"*": auth("u:p")}, None, id="a pattern for everything"),
        pytest.param(ECR, {"*.dkr.ecr.us-west-2.amazonaws.com:99": auth("u:p")}, None, id="another's port"),
        pytest.param(HARBOR, {"*.example:8443/team": auth("u:p")}, U, id="a pattern, port and path"),
        pytest.param(HARBOR, {"*.example": auth("u:p")}, None, id="a pattern without the port"),
        pytest.param(
            HARBOR,
            {"*.example:8443": auth("x:y"), "harbor.example:8443": auth("u:p")},
            U,
            id="a name before a pattern",
        ),
        pytest.param(HUB, {"docker.io": {}}, None, id="an empty entry"),
        pytest.param(HUB, {"docker.io": None}, None, id="a null entry"),
        pytest.param(
            HUB,
            {"docker.io": {**auth("u:p"), "username": None, "password": None, "identitytoken": None}},
            U,
            id="null user and password",
        ),
        pytest.param(HUB, {"docker.io": {"auth": None, "username": "u", "password": "p"}}, U, id="null auth"),
        pytest.param(HUB, None, None, id="no entries at all"),
    ],
)
def test_whose_they_are(tmp_path: Path, place: Place, auths: object, expected: Credentials | None) -> None:
    assert credentials_in(tmp_path, place, auths) == expected


def test_without_a_file_everybody_is_anonymous() -> None:
    assert CredentialsFile(None).credentials_for(HUB) is None


@pytest.mark.parametrize(
    ("auths", "more", "refused"),
    [
        pytest.param({}, {"credHelpers": {"docker.io": "ecr-login"}}, True, id="a helper for this registry"),
        pytest.param({}, {"credHelpers": {"gcr.io": "gcloud"}}, False, id="a helper for another"),
        pytest.param({"docker.io": {}}, {"credsStore": "desktop"}, True, id="a store that has them"),
        pytest.param({"gcr.io": {}}, {"credsStore": "desktop"}, False, id="a store that has others"),
        pytest.param({"docker.io": auth("u:p")}, {"credsStore": "desktop"}, False, id="a store beside them"),
    ],
)
def test_a_helper_is_not_supported(
    tmp_path: Path,
    auths: object,
    more: dict[str, Any],
    refused: bool,  # noqa: FBT001 - the expected value
) -> None:
    if not refused:
        credentials_in(tmp_path, HUB, auths, **more)
        return
    with pytest.raises(ConfigurationError, match=r"to a credential helper, .* add them to auths"):
        credentials_in(tmp_path, HUB, auths, **more)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        pytest.param(b"{", "is not a Docker configuration", id="no JSON"),
        pytest.param(b"[" * 100_000, "is not a Docker configuration", id="deep JSON"),
        pytest.param(b"\xff", "is not a Docker configuration", id="no text"),
        pytest.param(b"[]", "is not a Docker configuration", id="a list"),
        pytest.param(b'{"auths": []}', "is not a Docker configuration", id="auths that are a list"),
        pytest.param(b'{"a": "' + b"x" * 2**20 + b'"}', "is not a Docker configuration", id="a megabyte"),
        pytest.param(b'{"auths": {"docker.io": 7}}', "is not a user with a password", id="no entry"),
        pytest.param(b'{"auths": {"docker.io": []}}', "is not a user with a password", id="an empty list"),
        pytest.param(
            b'{"auths": {"docker.io": {"auth": 7}}}', "is not a user with a password", id="a number"
        ),
        pytest.param(
            b'{"auths": {"docker.io": {"auth": "%"}}}', "is not a user with a password", id="no base64"
        ),
        pytest.param(
            b'{"auths": {"docker.io": {"auth": "dQ=="}}}', "is not a user with a password", id="no colon"
        ),
        pytest.param(None, "cannot be read (No such file or directory)", id="no file"),
    ],
)
def test_a_file_that_cannot_be_used_is_named(tmp_path: Path, content: bytes | None, says: str) -> None:
    path = tmp_path / "config.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ConfigurationError) as caught:
        CredentialsFile(path).credentials_for(HUB)
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_nothing_secret_is_shown() -> None:
    assert "secret" not in repr(Credentials("u", "secret", "secret"))
