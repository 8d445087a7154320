"""Tests of local builds, which are identified by a file's content once nobody writes to it.

A change of the file does not affect the copy that a run uses.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from threading import Thread

import pytest
from support.simulated_builds import COMMITS, write_build, write_program

from monitor.domain.build import Build, Versions
from monitor.errors import ConfigurationError, MonitorError, TemporaryError
from monitor.local.build_store import (
    BUILDS_KEPT,
    STABLE_SECONDS,
    VERSIONS_TRIES,
    BuildStore,
    FileSource,
    program_path,
    program_text,
    refuse_mistakes,
)


def digest_of(content: bytes) -> str:
    """Return the digest of the content."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def build_of(digest: str) -> Build:
    """Return the build of the digest."""
    return Build(f"avalanchego@{digest}", frozenset({digest}))


class TestStore:
    """Copies of builds, named by the digest of their content."""

    def test_a_copy_stays_as_it_was(self, tmp_path: Path) -> None:
        store, executable = BuildStore(tmp_path / "builds"), tmp_path / "node"
        executable.write_bytes(b"one")
        digest = store.keep(executable)
        executable.write_bytes(b"another")

        copy = store.path(build_of(digest))
        assert (digest, copy.read_bytes()) == (digest_of(b"one"), b"one")
        assert os.access(copy, os.X_OK)
        assert [path.name for path in copy.parent.iterdir()] == [digest.removeprefix("sha256:")]

    def test_keeping_may_be_repeated(self, tmp_path: Path) -> None:
        store, executable = BuildStore(tmp_path / "builds"), tmp_path / "node"
        executable.write_bytes(b"one" * 2**20)

        assert store.keep(executable) == store.keep(executable) == digest_of(b"one" * 2**20)
        assert len(list((tmp_path / "builds").iterdir())) == 1

    def test_a_copy_that_is_gone_is_named(self, tmp_path: Path) -> None:
        build = build_of(digest_of(b"one"))
        copy = tmp_path / digest_of(b"one").removeprefix("sha256:")

        with pytest.raises(MonitorError) as caught:
            BuildStore(tmp_path).path(build)
        assert str(caught.value) == (
            f"{copy}: the copy of build {build.image} is missing; restore it, or use a new data folder"
        )

    def test_the_newest_copies_and_the_one_that_runs_are_kept(self, tmp_path: Path) -> None:
        store, executable = BuildStore(tmp_path / "builds"), tmp_path / "node"
        digests = []
        for number in range(BUILDS_KEPT + 3):
            executable.write_text(str(number))
            digests.append(store.keep(executable))
            os.utime(store.path(build_of(digests[-1])), (number, number))
        (tmp_path / "builds" / "notes").touch()
        store.use(build_of(digests[0]))

        left = {path.name for path in (tmp_path / "builds").iterdir()}
        expected = {digests[0], *digests[-BUILDS_KEPT:]}
        assert left == {digest.removeprefix("sha256:") for digest in expected} | {"notes"}


@dataclass
class Compiler:
    """A build's file, and the event that happens while the source waits for the file to be complete."""

    folder: Path
    during_wait: Callable[[], None] = lambda: None
    waited: list[float] = field(default_factory=list)

    @property
    def executable(self) -> Path:
        """The build's file."""
        return self.folder / "avalanchego"

    @property
    def calls(self) -> Path:
        """The file to which a build appends a line when it is executed."""
        return self.folder / "calls"

    def sleep(self, seconds: float) -> None:
        """Record the seconds and trigger the event."""
        self.waited.append(seconds)
        self.during_wait()

    def source(self) -> FileSource:
        """Return the source that reads the file."""
        return FileSource(self.executable, BuildStore(self.folder / "builds"), self.sleep)

    def writes(self, script: str) -> None:
        """Write another build, which is a shell script."""
        write_program(self.executable, f"#!/bin/sh\necho asked >> {self.calls}\n{script}\n")

    def asked(self) -> int:
        """Return how often a build was asked for its versions."""
        return self.calls.read_text().count("\n") if self.calls.exists() else 0


@pytest.fixture
def compiler(tmp_path: Path) -> Compiler:
    return Compiler(tmp_path)


class TestSource:
    """The build in the file."""

    def test_a_build_is_its_digest_with_its_versions(self, compiler: Compiler) -> None:
        write_build(compiler.executable, COMMITS[0])
        digest = digest_of(compiler.executable.read_bytes())

        versions = Versions("avalanchego/1.14.2", "v1.4.5", 45, COMMITS[0], "1.26.8")
        assert compiler.source().newest() == Build(f"avalanchego@{digest}", frozenset({digest}), versions)
        assert (compiler.folder / "builds" / digest.removeprefix("sha256:")).is_file()
        assert compiler.waited == [STABLE_SECONDS]

    def test_concurrent_lookups_take_turns(self, compiler: Compiler) -> None:
        """Concurrent lookups by `init` and the build watch take turns.

        Otherwise one would write to the copy that the other executes.
        """
        compiler.writes('echo \'{"application": "a/1"}\'')
        source = compiler.source()
        found: list[Build] = []
        other = Thread(target=lambda: found.append(source.newest()))

        def look_up_concurrently() -> None:
            other.start()
            other.join(0.2)
            assert found == [], "it waits"

        compiler.during_wait = look_up_concurrently
        first = source.newest()
        other.join()

        assert found == [first]
        assert (compiler.asked(), compiler.waited) == (1, [STABLE_SECONDS])

    def test_an_unchanged_file_is_not_read_again(self, compiler: Compiler) -> None:
        compiler.writes('echo \'{"application": "a/1"}\'')
        source = compiler.source()

        assert source.newest() is source.newest()
        assert (compiler.asked(), compiler.waited) == (1, [STABLE_SECONDS])

    def test_what_changed_is_another_build(self, compiler: Compiler) -> None:
        compiler.writes('echo \'{"application": "a/1"}\'')
        source = compiler.source()
        first = source.newest()
        compiler.writes('echo \'{"application": "a/2"}\'')
        second = source.newest()

        assert ([first.version, second.version], first.same(second)) == (["a/1", "a/2"], False)

    def test_the_same_content_written_again_is_the_same_build(self, compiler: Compiler) -> None:
        compiler.writes('echo \'{"application": "a/1"}\'')
        source = compiler.source()
        first = source.newest()
        compiler.writes('echo \'{"application": "a/1"}\'')

        assert source.newest() == first

    def test_a_file_that_is_being_written_is_read_later(self, compiler: Compiler) -> None:
        compiler.writes('echo \'{"application": "a/1"}\'')
        compiler.during_wait = lambda: compiler.writes('echo \'{"application": "a/2"}\'')
        source = compiler.source()
        with pytest.raises(TemporaryError) as caught:
            source.newest()
        assert str(caught.value) == f"{compiler.executable} is being written: polled again later"
        assert not (compiler.folder / "builds").exists()

        compiler.during_wait = lambda: None
        assert source.newest().version == "a/2"

    @pytest.mark.parametrize(
        "script",
        [
            pytest.param("exit 3", id="it fails"),
            pytest.param("true", id="it says nothing"),
            pytest.param("echo v1.14.2", id="it says no JSON"),
            pytest.param('echo \'{"version": "1"}\'', id="it says other JSON"),
            pytest.param('echo \'{"application": "a", "rpcchainvm": []}\'', id="a number that is none"),
            pytest.param('echo \'{"application": "a", "rpcchainvm": Infinity}\'', id="a number without end"),
            pytest.param("printf '\\377'", id="no text"),
        ],
    )
    def test_a_program_without_versions_is_refused_after_three_tries(
        self, compiler: Compiler, script: str
    ) -> None:
        """The machine may be busy at first; later polls do not run the program again."""
        compiler.writes(script)
        source = compiler.source()
        for _ in range(VERSIONS_TRIES - 1):
            with pytest.raises(TemporaryError, match="--version-json prints no versions"):
                source.newest()
        for _ in range(2):
            with pytest.raises(ConfigurationError, match="is it an AvalancheGo"):
                source.newest()
        assert compiler.asked() == VERSIONS_TRIES

        compiler.writes('echo \'{"application": "a/1"}\'')
        assert source.newest().version == "a/1", "another file is another program"

    def test_a_file_that_is_not_a_program_is_refused(self, compiler: Compiler) -> None:
        write_program(compiler.executable, "no program")
        with pytest.raises(ConfigurationError) as caught:
            compiler.source().newest()
        assert str(caught.value) == (
            f"{compiler.executable} cannot be run (Exec format error): specify a program for this machine"
        )

    def test_a_file_that_is_not_there(self, compiler: Compiler) -> None:
        with pytest.raises(ConfigurationError) as caught:
            compiler.source().newest()
        assert str(caught.value) == (
            f"{compiler.executable}: not found (No such file or directory); specify the node's executable"
        )

    def test_a_folder_is_not_a_build(self, compiler: Compiler) -> None:
        compiler.executable.mkdir()
        with pytest.raises(ConfigurationError) as caught:
            compiler.source().newest()
        assert str(caught.value) == f"{compiler.executable} is not a file: specify the node's executable"

    def test_a_copy_that_cannot_be_made_may_be_later(self, compiler: Compiler) -> None:
        compiler.writes("true")
        (compiler.folder / "builds").touch()
        with pytest.raises(TemporaryError) as caught:
            compiler.source().newest()
        assert str(caught.value) == f"{compiler.executable}: cannot be copied (File exists)"


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(
            "exit 2",
            "{} --version-json prints no versions (it exited with code 2): is it an AvalancheGo? Specify the node's "
            "executable",
            id="another program",
        ),
        pytest.param(
            "echo unknown option; exit 2",
            "{} --version-json prints no versions (it exited with code 2): is it an AvalancheGo? Specify the node's "
            "executable",
            id="another program that has flags",
        ),
        pytest.param(
            'echo "couldn\'t configure flags: unknown flag: $2"; exit 1',
            "the node rejects its arguments after --: couldn't configure flags: unknown flag: --nonsense; {} --help "
            "lists its flags",
            id="a node that rejects its arguments",
        ),
    ],
)
def test_a_mistake_is_refused_unless_the_file_is_being_written(
    tmp_path: Path, content: str, error: str
) -> None:
    program = tmp_path / "program"
    write_program(program, f"#!/bin/sh\n{content}\n")
    refuse_mistakes(program, ["--nonsense"])  # it was written less than a second ago
    os.utime(program, (0, 0))

    with pytest.raises(ConfigurationError) as caught:
        refuse_mistakes(program, ["--nonsense"])
    assert str(caught.value) == error.format(program)


def test_a_program_for_another_machine_is_refused(tmp_path: Path) -> None:
    program = tmp_path / "program"
    write_program(program, "#!/nowhere/interpreter\n")
    os.utime(program, (0, 0))

    with pytest.raises(ConfigurationError) as caught:
        refuse_mistakes(program, [])
    assert str(caught.value) == (
        f"{program} cannot be run (No such file or directory): specify a program for this machine"
    )


def test_the_path_of_a_program_has_no_quotes() -> None:
    assert program_path(Path("my node")) == "./my node"


@pytest.mark.parametrize(
    ("typed", "shown"),
    [
        pytest.param("./node", "./node", id="in this folder"),
        pytest.param("build/node", "build/node", id="in another folder"),
        pytest.param("/build/my node", "'/build/my node'", id="with a space"),
    ],
)
def test_the_name_of_a_program_can_be_copied_to_a_shell(typed: str, shown: str) -> None:
    assert program_text(Path(typed)) == shown


def test_a_program_in_the_current_folder_is_not_looked_up_in_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A `Path` drops the `./` before the name."""
    write_build(tmp_path / "node")
    os.utime(tmp_path / "node", (0, 0))
    monkeypatch.chdir(tmp_path)

    refuse_mistakes(Path("./node"), [])


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        pytest.param(["--network-id=fuji", "--http-port", "0"], "", id="right"),
        pytest.param(
            ["--netwrk-id=fuji"],
            "the node rejects its arguments after --: couldn't configure flags: unknown flag: --netwrk-id; {} "
            "--help lists its flags",
            id="a typo",
        ),
    ],
)
def test_the_arguments_of_a_build_are_checked_without_a_run(
    tmp_path: Path, arguments: list[str], error: str
) -> None:
    write_build(tmp_path / "node")
    os.utime(tmp_path / "node", (0, 0))
    with pytest.raises(ConfigurationError) if error else nullcontext() as caught:
        refuse_mistakes(tmp_path / "node", arguments)

    assert (str(caught.value) if caught else "") == error.format(tmp_path / "node")
    assert [path.name for path in tmp_path.iterdir()] == ["node"]
