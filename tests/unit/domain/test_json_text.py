"""Tests of JSON from other programs.

Invalid, deeply nested and oversized JSON raises one kind of error, wherever the monitor reads it.
"""

from __future__ import annotations

import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from support.builders import altered, history_file
from support.parsed_logs import chain_log_of
from support.running_server import running

from monitor.avalanchego.details_file import read_details
from monitor.avalanchego.node_api import NodeClient
from monitor.avalanchego.node_config import configuration_of
from monitor.domain.build import Versions
from monitor.domain.container import Container, EnvironmentVariable
from monitor.domain.json_text import MAX_BYTES, json_object, json_objects_in, json_text, json_value
from monitor.domain.observations import NodeAnswering, NodeSilent
from monitor.errors import ConfigurationError, TemporaryError
from monitor.k8s.calls import ApiResponse
from monitor.k8s.objects import annotated_versions
from monitor.k8s.version_pod_manifest import parse_versions
from monitor.ledger.export import read_history
from monitor.local.build_store import BuildStore, FileSource
from monitor.local.platform import LocalPlatform
from monitor.local.processes import Orphan
from monitor.preflight.probes import monitor_answer
from monitor.registry.auth import _parsed  # the public function needs a registry
from monitor.registry.credentials import CredentialsFile
from monitor.registry.errors import RegistryError
from monitor.registry.manifests import children_of

HOSTILE = {
    "lists too deep": "[" * 100_000,
    "objects too deep": '{"application":' * 100_000,
    "whole, and too deep": "[" * 100_000 + "]" * 100_000,
    "within an object": '{"application": ' + "[" * 100_000 + "]" * 100_000 + "}",
    "no number": '{"application": NaN}',
    "infinite": '{"application": -Infinity}',
    "half a pair": r'{"application": "\ud800"}',
    "the other half": r'{"\uDFFF": "application"}',
    "a number of too many digits": '{"application": ' + "9" * 10_000 + "}",
    "cut off": '{"application": "avalanchego/1.14.2"',
    "nothing": "",
}
hostile = pytest.mark.parametrize("text", HOSTILE.values(), ids=HOSTILE)


@hostile
def test_invalid_json_is_a_value_error(text: str) -> None:
    for given_text in (text, text.encode()):
        with pytest.raises(ValueError, match=r"."):
            json_value(given_text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(b"\xff", id="no text"),
        pytest.param(b'"\xed\xa0\x80"', id="half a pair as bytes"),
        pytest.param('"\ud800"', id="half a pair as it is"),
        pytest.param(b" " * (MAX_BYTES + 1), id="too large"),
        pytest.param(" " * MAX_BYTES + "1", id="too large a text"),
    ],
)
def test_a_text_without_a_bounded_size_is_a_value_error(text: str | bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        json_value(text)


@pytest.mark.parametrize("text", ["[]", "null", "1", '"{}"', "true"])
def test_what_is_not_an_object_is_a_value_error(text: str) -> None:
    with pytest.raises(ValueError, match="expected a JSON object, got"):
        json_object(text)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(r'"\ud83d\ude00 \\ud800"', id="a whole pair, and what only looks like half of one"),
        pytest.param('"\N{GRINNING FACE}"', id="beyond the basic plane"),
        pytest.param(b'\xef\xbb\xbf"marked as UTF-8"', id="a byte order mark"),
        pytest.param("[" * 100 + "]" * 100, id="as deep as people write"),
    ],
)
def test_what_is_json_is_read(text: str | bytes) -> None:
    assert json_text(json_value(text))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda children: st.lists(children, max_size=3) | st.dictionaries(st.text(), children, max_size=3),
    max_leaves=10,
)


@given(JSON)
@settings(deadline=None)
def test_what_is_written_is_read_back(value: object) -> None:
    assert json_value(json_text(value)) == value


@given(st.text() | st.binary())
@example("[" * 100_000)
@settings(deadline=None)
def test_whatever_is_read_is_a_value_or_a_value_error(text: str | bytes) -> None:
    try:
        value = json_value(text)
    except ValueError:
        return
    json_text(value, indent=1).encode()


@pytest.mark.parametrize("number", [math.inf, -math.inf, math.nan], ids=repr)
def test_what_no_reader_would_take_is_not_written(number: float) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        json_text({"value": [number]})


def test_objects_are_found_among_other_things() -> None:
    text = '{ {"a": {"b": 1}} {"a": NaN} \n [2, {"c": 3}] ' + "{" * 1000
    assert list(json_objects_in(text)) == [{"a": {"b": 1}}, {"b": 1}, {"c": 3}]


# ---- Each place that reads JSON from other programs --------------------------------------------------------


def printed_by_a_build(folder: Path, text: str) -> object:
    (folder / "printed").write_text(text)
    build = folder / "avalanchego"
    build.write_text(f"#!/bin/sh\ncat {folder}/printed\n")
    build.chmod(0o755)
    with pytest.raises(TemporaryError, match="--version-json prints no versions"):
        FileSource(build, BuildStore(folder / "builds"), sleep=lambda _: None).newest()
    return None


def printed_by_a_version_pod(_: Path, text: str) -> object:
    with pytest.raises(ValueError, match="its log holds no versions: "):
        parse_versions(text)
    return None


def the_annotation(_: Path, text: str) -> object:
    if not text:
        return annotated_versions(text, "image")
    with pytest.raises(ValueError, match=r"."):
        annotated_versions(text, "image")
    return None


def the_versions(_: Path, text: str) -> object:
    with pytest.raises(ValueError, match=r"."):
        Versions.parse(text)
    return None


def the_details_file(folder: Path, text: str) -> object:
    (folder / "details").write_text(text)
    return read_details(folder / "details")


def the_process_that_runs(folder: Path, text: str) -> object:
    (folder / "node.json").write_text(text)
    Orphan(folder / "node.json").end()
    return None


def the_build_that_is_set(folder: Path, text: str) -> object:
    (folder / "local.json").write_text(text)
    platform = LocalPlatform(folder, "latest", ("--network-id=fuji",), {}, None, None, lambda: "uid")
    return platform.workload().build


def the_chains_configuration(_: Path, text: str) -> object:
    variables = (
        EnvironmentVariable("AVAGO_NETWORK_ID", "fuji"),
        EnvironmentVariable("AVAGO_CHAIN_CONFIG_CONTENT", text or "{"),
    )
    with pytest.raises(ConfigurationError):
        configuration_of(Container("node", "image", environment=variables), None, None)
    return None


def the_manifest(_: Path, text: str) -> object:
    with pytest.raises(RegistryError, match="its manifest is not JSON"):
        children_of(text.encode(), "amd64")
    return None


def the_token(_: Path, text: str) -> object:
    with pytest.raises(RegistryError, match="returned no valid token"):
        _parsed(text.encode(), "auth.example")
    return None


def the_credentials(folder: Path, text: str) -> object:
    (folder / "config.json").write_text(text)
    with pytest.raises(ConfigurationError, match="is not a Docker configuration"):
        CredentialsFile(folder / "config.json").read()
    return None


def an_object_of_the_cluster(_: Path, text: str) -> object:
    with pytest.raises(TemporaryError, match="the API server returned something other than a JSON object"):
        ApiResponse(200, text.encode()).json()
    assert len(ApiResponse(403, text.encode()).message) <= 400
    return None


def a_line_of_the_nodes_log(_: Path, text: str) -> object:
    line = f"[11-23|23:18:37.401] INFO <C Chain> a.go:1 executing blocks {text}"
    found = chain_log_of(line, 0.0)
    return None if found is None else found.ratio


def a_history(_: Path, text: str) -> object:
    with pytest.raises(ConfigurationError, match="cannot be imported"):
        read_history(text.encode(), "history")
    assert "'" not in text
    change = f"UPDATE runs SET bookkeeping = '{text}'"  # noqa: S608 - holds no quote
    with pytest.raises(ConfigurationError, match=r"cannot be imported \(a row is damaged: "):
        read_history(altered(history_file(), change), "history")
    return None


@contextmanager
def answering(text: str) -> Iterator[int]:
    """Serve the text for every request; yield the port."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        do_POST = do_GET  # noqa: N815 - http.server defines the name

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server, running(server):
        yield server.server_port


def an_answer_of_the_node(_: Path, text: str) -> object:
    with answering(text) as port, closing(NodeClient(f"http://127.0.0.1:{port}")) as client:
        reading = client.read()
    assert isinstance(reading, NodeSilent | NodeAnswering)
    return reading.health if isinstance(reading, NodeAnswering) else None


def an_answer_of_a_monitor(_: Path, text: str) -> object:
    with answering(text) as port:
        assert isinstance(monitor_answer("127.0.0.1", port), str)
    return None


PLACES: list[Callable[[Path, str], object]] = [
    printed_by_a_build,
    printed_by_a_version_pod,
    the_annotation,
    the_versions,
    the_details_file,
    the_process_that_runs,
    the_build_that_is_set,
    the_chains_configuration,
    the_manifest,
    the_token,
    the_credentials,
    an_object_of_the_cluster,
    a_line_of_the_nodes_log,
    a_history,
    an_answer_of_the_node,
    an_answer_of_a_monitor,
]


@hostile
@pytest.mark.parametrize("place", PLACES, ids=lambda place: place.__name__)
def test_wherever_it_is_read_it_is_as_good_as_none(
    tmp_path: Path, place: Callable[[Path, str], object], text: str
) -> None:
    assert place(tmp_path, text) is None


def test_a_build_that_prints_without_end_gives_no_versions(tmp_path: Path) -> None:
    build = tmp_path / "avalanchego"
    build.write_text("#!/bin/sh\nexec cat /dev/zero\n")
    build.chmod(0o755)
    with pytest.raises(TemporaryError, match=r"prints no versions \(it prints more than 65536 bytes\)"):
        FileSource(build, BuildStore(tmp_path / "builds"), sleep=lambda _: None).newest()


def test_deep_text_does_not_crash_a_process_whose_recursion_limit_was_raised() -> None:
    """Deeply nested text does not crash a process with a raised recursion limit.

    Some libraries raise the limit, and the parser of Python 3.11 then overflows its stack.
    """
    program = (
        "import sys; sys.setrecursionlimit(10**6)\n"
        "from monitor.domain.json_text import json_objects_in, json_value\n"
        "text = '[' * 10**6 + ']' * 10**6\n"
        "print(list(json_objects_in('{\"a\": ' * 10**5)))\n"
        "try: json_value(text)\n"
        "except ValueError as error: print(error)\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout.splitlines()) == (0, ["[]", "it is nested too deeply"]), done.stderr
