"""Tests that image references are parsed by the OCI grammar and formatted as they were written."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from monitor.domain.image_reference import ImageReference
from monitor.errors import ConfigurationError

DIGEST = f"sha256:{'0123456789abcdef' * 4}"
OTHER = f"sha256:{'f' * 64}"


@pytest.mark.parametrize(
    ("text", "repository", "tag", "digest"),
    [
        pytest.param("node", "node", None, None, id="a name"),
        pytest.param("node:latest", "node", "latest", None, id="a tag"),
        pytest.param(f"node@{DIGEST}", "node", None, DIGEST, id="a digest"),
        pytest.param(f"node:latest@{DIGEST}", "node", "latest", DIGEST, id="tag and digest"),
        pytest.param(
            "avaplatform/avalanchego:v1.14.2", "avaplatform/avalanchego", "v1.14.2", None, id="path"
        ),
        pytest.param("host:5000/a/b", "host:5000/a/b", None, None, id="a port is not a tag"),
        pytest.param("host:5000/a/b:tag", "host:5000/a/b", "tag", None, id="port and tag"),
        pytest.param(
            f"host:5000/a/b:tag@{DIGEST}", "host:5000/a/b", "tag", DIGEST, id="port, tag and digest"
        ),
        pytest.param(f"host:5000/a/b@{DIGEST}", "host:5000/a/b", None, DIGEST, id="port and digest"),
        pytest.param("host:5000", "host", "5000", None, id="a number without a path is a tag"),
        pytest.param("10.0.0.1:5000/node:1", "10.0.0.1:5000/node", "1", None, id="an IPv4 address"),
        pytest.param("[fd00::1]:5000/node:1", "[fd00::1]:5000/node", "1", None, id="an IPv6 address"),
        pytest.param("Registry.Example/node", "Registry.Example/node", None, None, id="a host in capitals"),
        pytest.param("a.b-c_d__e--f/g:1", "a.b-c_d__e--f/g", "1", None, id="separators within names"),
        pytest.param("node:_Tag.1-x", "node", "_Tag.1-x", None, id="signs within a tag"),
        pytest.param(f"node:{'t' * 128}", "node", "t" * 128, None, id="the longest tag"),
        pytest.param(
            f"node@sha512:{'a' * 128}", "node", None, f"sha512:{'a' * 128}", id="another kind of digest"
        ),
    ],
)
def test_a_reference_is_taken_apart(text: str, repository: str, tag: str | None, digest: str | None) -> None:
    found = ImageReference.parse(text)

    assert found == ImageReference(repository, tag, digest)
    assert str(found) == text


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="empty"),
        pytest.param(" node", id="a space before"),
        pytest.param("node\n", id="a line's end"),
        pytest.param("Node", id="a name in capitals"),
        pytest.param("host/Node", id="a path in capitals"),
        pytest.param("node:", id="an empty tag"),
        pytest.param("node:-x", id="a tag that begins with a dash"),
        pytest.param("node:a b", id="a space in a tag"),
        pytest.param(f"node:{'t' * 129}", id="a tag that is too long"),
        pytest.param("node:a:b", id="two tags"),
        pytest.param("node@", id="an empty digest"),
        pytest.param(DIGEST.partition(":")[2] + "@", id="a digest's number alone"),
        pytest.param("node@sha256:abc", id="a digest that is too short"),
        pytest.param(f"node@sha256:{'g' * 64}", id="a digest that is not a hexadecimal number"),
        pytest.param(f"node@{DIGEST}:tag", id="a tag behind the digest"),
        pytest.param(f"node@{DIGEST}@{DIGEST}", id="two digests"),
        pytest.param("/node", id="no host before the slash"),
        pytest.param("host//node", id="an empty part"),
        pytest.param("node/", id="a slash at the end"),
        pytest.param("host:port/node", id="a port that is not a number"),
        pytest.param("-node", id="a dash at the start"),
        pytest.param("a..b", id="two dots"),
        pytest.param("a___b", id="three underscores"),
        pytest.param("http://host/node", id="a URL"),
        pytest.param("docker-pullable://node", id="a runtime's prefix"),
    ],
)
def test_an_invalid_reference_is_refused_in_one_line(text: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        ImageReference.parse(text)

    assert str(caught.value) == (
        f"image {text!r} is not an image reference: use [host[:port]/]name[:tag][@sha256:digest]"
    )


@pytest.mark.parametrize(
    ("text", "pinned"),
    [
        pytest.param("node", False, id="nothing"),
        pytest.param("node:latest", False, id="tag"),
        pytest.param("host:5000/node:v1", False, id="port and tag"),
        pytest.param(f"node@{DIGEST}", True, id="digest"),
        pytest.param(f"node:latest@{DIGEST}", True, id="digest, whatever tag it also has"),
    ],
)
def test_a_digest_pins(text: str, *, pinned: bool) -> None:
    assert ImageReference.parse(text).pinned is pinned


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("host:5000/node:latest", f"host:5000/node@{OTHER}", id="from a tag"),
        pytest.param(f"node:latest@{DIGEST}", f"node@{OTHER}", id="from another digest"),
        pytest.param("node", f"node@{OTHER}", id="from a name"),
    ],
)
def test_a_repository_is_pinned_without_its_tag(text: str, expected: str) -> None:
    assert ImageReference.parse(text).with_digest(OTHER) == expected


@given(
    host=st.sampled_from(["", "host/", "host:5000/", "a.example:1/", "[::1]:5000/"]),
    path=st.lists(
        st.from_regex(r"[a-z0-9]{1,5}(?:[._-][a-z0-9]{1,5})?", fullmatch=True), min_size=1, max_size=3
    ),
    tag=st.none() | st.from_regex(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,20}", fullmatch=True),
    digest=st.none() | st.from_regex(r"sha256:[0-9a-f]{64}", fullmatch=True),
)
def test_what_is_put_together_is_taken_apart_again(
    host: str, path: list[str], tag: str | None, digest: str | None
) -> None:
    reference = ImageReference(host + "/".join(path), tag, digest)

    assert ImageReference.parse(str(reference)) == reference
