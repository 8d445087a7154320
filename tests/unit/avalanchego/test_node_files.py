"""Tests of files that a node can write.

No link is followed, no read blocks, and every call that opens a file is listed with a reason.
"""

from __future__ import annotations

import ast
import os
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from support.builders import build, run

from monitor.avalanchego.details_file import read_details, write_details
from monitor.avalanchego.node_files import NotRegularFileError, open_regular
from monitor.avalanchego.node_log import NodeLogs
from monitor.commands.local_folder import exclusively, is_left
from monitor.domain.observations import NodeLog
from monitor.errors import MonitorError, TemporaryError
from monitor.local.platform import LocalPlatform
from monitor.local.processes import Orphan

MONITOR = Path(__file__).parents[3] / "monitor"
SECRET = "the token of the API server"


def a_link(path: Path) -> None:
    path.symlink_to(path.parent.parent / "secret")


def a_relative_link(path: Path) -> None:
    path.symlink_to("../secret")


def a_link_to_nothing(path: Path) -> None:
    path.symlink_to("nowhere")


def a_link_to_itself(path: Path) -> None:
    path.symlink_to(path.name)


def a_link_to_a_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def a_link_to_an_open_file(path: Path) -> None:
    path.symlink_to("/proc/self/fd/0")


def a_fifo(path: Path) -> None:
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as listening:
        folder = Path.cwd()
        os.chdir(path.parent)  # a socket's path must be short
        listening.bind(path.name)
        os.chdir(folder)


TRAPS = [
    a_link,
    a_relative_link,
    a_link_to_nothing,
    a_link_to_itself,
    a_link_to_a_device,
    a_link_to_an_open_file,
    a_fifo,
    a_socket,
]
traps = pytest.mark.parametrize("trap", [pytest.param(trap, id=trap.__name__) for trap in TRAPS])


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder that the node writes, next to a secret that the node cannot read."""
    (tmp_path / "secret").write_text(f'{{"pid": 1, "start": "{SECRET}", "image": "{SECRET}"}}')
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@traps
def test_what_is_not_a_regular_file_is_refused(folder: Path, trap: Callable[[Path], None]) -> None:
    trap(folder / "file")
    with pytest.raises(NotRegularFileError):
        open_regular(folder / "file", beneath=folder)


def test_a_link_in_place_of_a_folder_is_refused(folder: Path) -> None:
    (folder / "logs").symlink_to("..")
    with pytest.raises(NotRegularFileError):
        open_regular(folder / "logs" / "secret", beneath=folder)


def test_a_file_in_place_of_a_folder_is_refused(folder: Path) -> None:
    (folder / "logs").touch()
    with pytest.raises(NotRegularFileError):
        open_regular(folder / "logs" / "main.log", beneath=folder)


def test_a_folder_is_not_a_file(folder: Path) -> None:
    (folder / "logs").mkdir()
    with pytest.raises(IsADirectoryError):
        open_regular(folder / "logs", beneath=folder)


def test_a_file_is_read_through_the_links_of_the_volume_itself(folder: Path) -> None:
    (folder / "logs").mkdir()
    (folder / "logs" / "main.log").write_text("text")
    (folder.parent / "volume").symlink_to("data")
    volume = folder.parent / "volume"
    with open_regular(volume / "logs" / "main.log", beneath=volume) as file:
        assert file.read() == b"text"


def test_no_descriptor_is_left_open(folder: Path) -> None:
    for trap in TRAPS:
        trap(folder / trap.__name__)
    (folder / "logs").mkdir()
    before = len(list(Path("/proc/self/fd").iterdir()))
    for name in (*(trap.__name__ for trap in TRAPS), "logs", "logs/none", "none/none"):
        with pytest.raises(OSError, match=r"."):
            open_regular(folder / name, beneath=folder)

    assert len(list(Path("/proc/self/fd").iterdir())) == before


# ---- Each call that reads a file that the node can write ---------------------------------------------------


def the_log_of_the_node(folder: Path, trap: Callable[[Path], None]) -> str:
    node = folder / "avalanchego"
    (node / "logs").mkdir(parents=True)
    (node / "secret").write_text(SECRET)
    for name in ("main", "P", "X", "C"):
        trap(node / "logs" / f"{name}.log")
    logs = NodeLogs(node / "logs")
    assert logs.read() == NodeLog()
    return logs.log_tail()


def the_folder_of_the_logs(folder: Path, trap: Callable[[Path], None]) -> str:
    (folder / "main.log").write_text(SECRET)
    (folder / "avalanchego").mkdir()
    trap(folder / "avalanchego" / "logs")
    return NodeLogs(folder / "avalanchego" / "logs").log_tail()


def what_the_node_printed(folder: Path, trap: Callable[[Path], None]) -> str:
    trap(folder / "node.log")
    return local(folder).log_tail()


def the_build_that_is_set(folder: Path, trap: Callable[[Path], None]) -> str:
    trap(folder / "local.json")
    image = local(folder).workload().image
    local(folder).pin(build())
    assert local(folder).workload().build is not None
    return image.removeprefix("avalanchego:latest")


def the_process_that_runs(folder: Path, trap: Callable[[Path], None]) -> str:
    trap(folder / "local-node.json")
    orphan = Orphan(folder / "local-node.json")
    orphan.end()
    with pytest.raises(TemporaryError):
        orphan.remember(os.getpid())
    orphan.forget()
    orphan.remember(os.getpid())
    return ""


def the_details_file(folder: Path, trap: Callable[[Path], None]) -> str:
    details = folder / "bootstrap_test_details.txt"
    trap(details)
    found = read_details(details)
    write_details(details, run())
    assert read_details(details) is not None
    return str(found or "")


def the_lock_of_local(folder: Path, trap: Callable[[Path], None]) -> str:
    trap(folder / "local.lock")
    with pytest.raises(MonitorError) as refused, exclusively(folder):
        pass
    return f"{is_left(folder) or ''}{refused.value if SECRET in str(refused.value) else ''}"


def local(folder: Path) -> LocalPlatform:
    """Return the local platform of a data folder."""
    return LocalPlatform(folder, "latest", ("--network-id=fuji",), {}, None, None, lambda: "uid")


@traps
@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "read",
    [
        the_log_of_the_node,
        the_folder_of_the_logs,
        what_the_node_printed,
        the_build_that_is_set,
        the_process_that_runs,
        the_details_file,
        the_lock_of_local,
    ],
    ids=lambda read: read.__name__,
)
def test_nothing_of_it_is_read_and_nothing_waits_for_it(
    folder: Path, read: Callable[[Path, Callable[[Path], None]], str], trap: Callable[[Path], None]
) -> None:
    assert read(folder, trap) == ""


# ---- Each call that opens a file ---------------------------------------------------------------------------

OPENS = frozenset({"open", "fdopen", "read_text", "read_bytes", "write_text", "write_bytes"})
PERSON = "a person's own file, named in the call"
OWN = "a new file of the monitor: mode x follows no link"
KERNEL = "a file of the kernel"
FOLDER = "a folder, never a file"
ALLOWED = {
    "engine/clock.py": {"_BOOT_ID.read_text()": KERNEL},
    "k8s/credentials.py": {"self._path.read_text(encoding='utf-8')": "mounted by the kubelet"},
    "commands/history_files.py": {
        "path.read_bytes()": PERSON,
        "path.write_bytes(content)": PERSON,
        "write_bytes(content)": "to standard output",
        "temporary.open('xb')": OWN,
    },
    "commands/signals.py": {"Path(os.devnull).open('wb')": KERNEL},
    "engine/folder_walk.py": {
        "os.open(root, _FOLDER | (0 if follow else os.O_NOFOLLOW))": FOLDER,
        "os.open(name, _FOLDER | os.O_NOFOLLOW, dir_fd=self.descriptor)": FOLDER,
        "os.open('..', _FOLDER, dir_fd=self.descriptor)": FOLDER,
    },
    "avalanchego/details_file.py": {
        "temporary.open('w')": "in the volume's root, which a node in a pod does not have",
        "os.open(path.parent, os.O_RDONLY)": "the volume itself",
    },
    "ledger/reserve.py": {"os.open(path, os.O_RDWR | os.O_CREAT, 384)": "opened for writing: never waits"},
    "local/build_store.py": {"executable.open('rb')": PERSON, "temporary.open('xb')": OWN},
    "local/platform.py": {"temporary.open('x')": OWN},
    "local/processes.py": {
        "Path(f'/proc/{pid}/stat').read_text()": KERNEL,
    },
    "registry/credentials.py": {"self._path.open('rb')": PERSON},
    "engine/volume.py": {
        "os.open(self._data_dir, os.O_RDONLY)": "the volume itself",
        "_MOUNTS.read_bytes()": KERNEL,
    },
    "output/web/page.py": {"(files('monitor.output.web') / name).read_text()": "of the package itself"},
    "output/streams.py": {
        "os.fdopen(lowest, 'r' if name == 'stdin' else 'w')": KERNEL,
        "os.open(os.devnull, os.O_RDONLY)": KERNEL,
        "os.open(os.devnull, os.O_WRONLY)": KERNEL,
    },
}


def opened_in(path: Path) -> Iterator[str]:
    """Yield each call of a module that opens a file, as source text."""
    for each in ast.walk(ast.parse(path.read_text())):
        if isinstance(each, ast.Call):
            function = each.func
            name = function.attr if isinstance(function, ast.Attribute) else getattr(function, "id", "")
            if name in OPENS:
                yield ast.unparse(each)


def test_every_file_that_is_opened_otherwise_has_a_reason() -> None:
    """Every call that opens a file uses `open_regular` or is listed above.

    The table above gives the reason why the node cannot write the file.
    """
    modules = sorted({*MONITOR.rglob("*.py")} - {MONITOR / "avalanchego" / "node_files.py"})
    found = {str(path.relative_to(MONITOR)): set(opened_in(path)) for path in modules}

    assert {name: calls for name, calls in found.items() if calls} == {
        name: set(reasons) for name, reasons in ALLOWED.items()
    }
