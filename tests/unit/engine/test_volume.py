"""Tests of the volume: its contents, what clearing deletes and must not touch, and the disk usage."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
import threading
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.builders import NOW, build, run, wait_state, workload
from support.ordinary_user import ordinary_user
from support.own_mount import lines_on_a_mount

from monitor.decide.decisions import BeginClearing, BeginRun, EndRun
from monitor.decide.wait_rules import decide_wait
from monitor.domain.observations import DataState, NodeData, VolumeReading
from monitor.domain.run import Reason
from monitor.domain.sanitize import one_line
from monitor.domain.tracking import RunTracking
from monitor.engine.folder_walk import Position
from monitor.engine.volume import Volume, disk_usage_bytes
from monitor.errors import MonitorError, TemporaryError
from monitor.ledger import open_ledger

MOVED = ".bootstrap-monitor-clearing-1-0"


def fill(folder: Path) -> Path:
    """Write minimal node data."""
    for name in ("db/fuji/v1.4.5/000001.sst", "chainData/C/leaf", "logs/main.log"):
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return folder


def contents(folder: Path) -> dict[str, str]:
    """Return everything in a folder by name: the text of files and the targets of links."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = str(path.relative_to(folder))
        if path.is_symlink():
            found[name] = f"-> {path.readlink()}"
        else:
            found[name] = "/" if path.is_dir() else path.read_bytes().decode("latin-1")
    return found


def nothing(_: Path) -> None:
    """Leave the volume empty."""


def empty_folder(data_dir: Path) -> None:
    (data_dir / "avalanchego").mkdir()


def filled_folder(data_dir: Path) -> None:
    fill(data_dir / "avalanchego")


def one_empty_folder_within(data_dir: Path) -> None:
    (data_dir / "avalanchego" / "db").mkdir(parents=True)


def only_a_hidden_file(data_dir: Path) -> None:
    (data_dir / "avalanchego").mkdir()
    (data_dir / "avalanchego" / ".lock").touch()


def a_file_in_its_place(data_dir: Path) -> None:
    (data_dir / "avalanchego").write_text("what is this?")


def a_link_to_data(data_dir: Path) -> None:
    fill(data_dir / "elsewhere")
    (data_dir / "avalanchego").symlink_to("elsewhere")


def a_link_to_nothing(data_dir: Path) -> None:
    (data_dir / "avalanchego").symlink_to("nowhere")


def a_link_to_itself(data_dir: Path) -> None:
    (data_dir / "avalanchego").symlink_to("avalanchego")


def started_clearing(data_dir: Path) -> None:
    fill(data_dir / MOVED)


def started_clearing_and_an_empty_folder(data_dir: Path) -> None:
    fill(data_dir / MOVED)
    (data_dir / "avalanchego").mkdir()


def started_clearing_and_new_data(data_dir: Path) -> None:
    fill(data_dir / MOVED)
    fill(data_dir / "avalanchego")


def data_of_another_layout(data_dir: Path) -> None:
    """Write node data in the volume's root, where the node of the Go monitor writes but this one does not."""
    fill(data_dir)


LINK = "{} is a link, and the monitor does not follow links: replace it with the node's folder"


@pytest.mark.parametrize(
    ("prepare", "state", "obstacle"),
    [
        pytest.param(nothing, DataState.ABSENT, None, id="a new volume"),
        pytest.param(empty_folder, DataState.ABSENT, None, id="an empty folder"),
        pytest.param(filled_folder, DataState.PRESENT, None, id="a node's data"),
        pytest.param(
            one_empty_folder_within, DataState.PRESENT, None, id="unknown data: an empty folder in it"
        ),
        pytest.param(only_a_hidden_file, DataState.PRESENT, None, id="unknown data: a hidden file"),
        pytest.param(data_of_another_layout, DataState.ABSENT, None, id="what lies beside the node's folder"),
        pytest.param(started_clearing, DataState.PRESENT, None, id="a clearing that was started"),
        pytest.param(
            started_clearing_and_an_empty_folder,
            DataState.PRESENT,
            None,
            id="a clearing that was nearly ended",
        ),
        pytest.param(
            a_file_in_its_place, DataState.PRESENT, "{} is not a folder: remove it", id="a file in its place"
        ),
        pytest.param(a_link_to_data, DataState.PRESENT, LINK, id="a link to data"),
        pytest.param(a_link_to_nothing, DataState.PRESENT, LINK, id="a link to nothing"),
        pytest.param(a_link_to_itself, DataState.PRESENT, LINK, id="a link to itself"),
    ],
)
def test_what_is_found(
    tmp_path: Path, prepare: Callable[[Path], None], state: DataState, obstacle: str | None
) -> None:
    prepare(tmp_path)
    folder = str(tmp_path / "avalanchego")
    expected = NodeData(folder, state, obstacle.format(folder) if obstacle else None)

    assert Volume(tmp_path).node_data() == expected


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(nothing, id="a new volume"),
        pytest.param(empty_folder, id="an empty folder"),
        pytest.param(filled_folder, id="a node's data"),
        pytest.param(only_a_hidden_file, id="a hidden file"),
        pytest.param(started_clearing, id="a clearing that was killed after the rename"),
        pytest.param(started_clearing_and_an_empty_folder, id="a clearing that was killed while it removed"),
        pytest.param(started_clearing_and_new_data, id="an old clearing and data beside it"),
    ],
)
def test_clearing_leaves_an_empty_folder_and_nothing_else(
    tmp_path: Path, prepare: Callable[[Path], None]
) -> None:
    prepare(tmp_path)
    volume = Volume(tmp_path)
    volume.clear()

    assert contents(tmp_path) == {"avalanchego": "/"}
    assert volume.node_data().state is DataState.ABSENT


def test_clearing_twice_is_as_good_as_once(tmp_path: Path) -> None:
    filled_folder(tmp_path)
    Volume(tmp_path).clear()
    Volume(tmp_path).clear()

    assert contents(tmp_path) == {"avalanchego": "/"}


@pytest.mark.parametrize(
    "mode", [pytest.param(0o700, id="closed"), pytest.param(0o2775, id="with a group of its own")]
)
def test_the_new_folder_has_the_mode_of_the_old_one(tmp_path: Path, mode: int) -> None:
    filled_folder(tmp_path)
    (tmp_path / "avalanchego").chmod(mode)
    Volume(tmp_path).clear()

    assert (tmp_path / "avalanchego").stat().st_mode & 0o7777 == mode


def test_a_first_folder_is_closed_to_others(tmp_path: Path) -> None:
    Volume(tmp_path).clear()

    assert (tmp_path / "avalanchego").stat().st_mode & 0o7777 == 0o750


def test_clearing_never_touches_the_ledger_or_anything_beside_the_nodes_folder(tmp_path: Path) -> None:
    pod = workload(build())
    ledger = open_ledger(tmp_path)
    ledger.record(NOW, "default", (BeginClearing(pod, "clearing"),))
    ledger.record(NOW, "default", (BeginRun(pod),))
    ledger.close()
    (tmp_path / "bootstrap-monitor.sqlite3-journal").write_bytes(b"")
    (tmp_path / "bootstrap-monitor.sqlite3.corrupt-1000").write_bytes(b"a corrupt ledger")
    (tmp_path / "bootstrap-monitor.reserve").write_bytes(b"\0" * 4096)
    fill(tmp_path / "builds")
    fill(tmp_path / "avalanchego-of-somebody-else")
    before = contents(tmp_path)
    fill(tmp_path / "avalanchego")
    Volume(tmp_path).clear()

    assert contents(tmp_path) == {**before, "avalanchego": "/"}
    reopened = open_ledger(tmp_path)
    last = reopened.last()
    reopened.close()
    assert last is not None
    assert (last.number, last.open) == (1, True)


def test_no_link_is_followed_out_of_the_nodes_folder(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside")
    before = contents(outside)
    node = fill(tmp_path / "volume" / "avalanchego")
    (node / "folder").symlink_to(outside)
    (node / "file").symlink_to(outside / "logs" / "main.log")
    (node / "relative").symlink_to("../../outside/db")
    (node / "dangling").symlink_to("nowhere")
    (node / "loop").symlink_to("loop")
    Volume(tmp_path / "volume").clear()

    assert contents(outside) == before
    assert contents(tmp_path / "volume") == {"avalanchego": "/"}


def test_a_file_with_another_name_outside_keeps_it(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("kept")
    node = fill(tmp_path / "volume" / "avalanchego")
    (node / "same").hardlink_to(kept)
    Volume(tmp_path / "volume").clear()

    assert kept.read_text() == "kept"


def test_a_volume_that_is_reached_through_a_link_is_cleared(tmp_path: Path) -> None:
    filled_folder(tmp_path)
    (tmp_path / "link").symlink_to(".")
    Volume(tmp_path / "link").clear()

    assert contents(tmp_path) == {"avalanchego": "/", "link": "-> ."}


@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        pytest.param(a_link_to_data, LINK, id="a link to data"),
        pytest.param(a_link_to_nothing, LINK, id="a link to nothing"),
        pytest.param(a_link_to_itself, LINK, id="a link to itself"),
        pytest.param(a_file_in_its_place, "{} is not a folder: remove it", id="a file in its place"),
    ],
)
def test_a_file_is_neither_moved_nor_cleared(
    tmp_path: Path, prepare: Callable[[Path], None], message: str
) -> None:
    prepare(tmp_path)
    before = contents(tmp_path)
    with pytest.raises(MonitorError) as refused:
        Volume(tmp_path).clear()

    assert str(refused.value) == message.format(tmp_path / "avalanchego")
    assert contents(tmp_path) == before


FOREIGN = """
import os, sys
from pathlib import Path
from monitor.errors import MonitorError
from monitor.engine.volume import Volume
os.chdir(sys.argv[1])
Path("avalanchego", "db", "kept").touch()
for data_dir in (Path(sys.argv[1]), Path(), Path("link")):
    volume = Volume(data_dir)
    print(volume.node_data().obstacle)
    try:
        volume.clear()
    except MonitorError as error:
        print(error)
print(Path("avalanchego", "db", "kept").exists())
"""


@pytest.mark.parametrize("name", ["a disk", "a\\disk", "a\tdisk", "#1", "\\040", "\N{SNOWMAN}"], ids=repr)
def test_a_mount_within_the_nodes_folder_is_refused_by_whatever_name_the_volume_is_reached(
    tmp_path: Path, name: str
) -> None:
    data_dir = tmp_path / name
    (data_dir / "avalanchego" / "db").mkdir(parents=True)
    (data_dir / "link").symlink_to(".")
    shown = lines_on_a_mount(data_dir / "avalanchego" / "db", FOREIGN, str(data_dir))

    ending = " is a separate mount: mount the volume at"
    mount = one_line(f"{data_dir}/avalanchego/db", 300) + ending
    assert shown == [
        *[f"{mount} {data_dir} instead"] * 2,
        *[f"{mount} . instead"] * 2,
        *[f"{mount} link instead"] * 2,
        "True",
    ]


UNSEEN = """
import sys
from pathlib import Path
import monitor.engine.volume
monitor.engine.volume._MOUNTS = Path("/nowhere")
data_dir = Path(sys.argv[1])
(data_dir / "avalanchego" / "db" / "kept").touch()
volume = monitor.engine.volume.Volume(data_dir)
print(volume.node_data().obstacle)
try:
    volume.clear()
except monitor.engine.volume.MonitorError as error:
    print(error)
print([path.name for path in data_dir.glob("*/db/*")] + [path.name for path in data_dir.glob(".*/db/*")])
"""


def test_a_mount_that_the_kernel_does_not_list_is_not_cleared_either(tmp_path: Path) -> None:
    (tmp_path / "avalanchego" / "db").mkdir(parents=True)
    obstacle, refused, kept = lines_on_a_mount(tmp_path / "avalanchego" / "db", UNSEEN, str(tmp_path))

    ending = f"db is a separate mount: mount the volume at {tmp_path} instead"
    assert obstacle == f"{tmp_path}/avalanchego/{ending}"
    assert refused.endswith(f"/{ending}")
    assert "kept" in kept


def test_a_mount_with_an_undecodable_name_is_not_an_error(tmp_path: Path) -> None:
    mounted = tmp_path / os.fsdecode(b"\xff\xfe")
    mounted.mkdir()
    filled_folder(tmp_path)
    script = "import sys; from pathlib import Path; from monitor.engine.volume import Volume; "
    script += "print(Volume(Path(sys.argv[1])).node_data().obstacle)"

    assert lines_on_a_mount(mounted, script, str(tmp_path)) == ["None"]


def test_a_link_with_the_name_of_a_started_clearing_is_removed_not_followed(tmp_path: Path) -> None:
    outside = fill(tmp_path / "outside")
    before = contents(outside)
    (tmp_path / "volume").mkdir()
    (tmp_path / "volume" / MOVED).symlink_to(outside)
    Volume(tmp_path / "volume").clear()

    assert contents(outside) == before
    assert contents(tmp_path / "volume") == {"avalanchego": "/"}


def test_a_closed_folder_within_is_an_obstacle_before_anything_is_cleared() -> None:
    with ordinary_user() as data_dir:
        closed = fill(data_dir / "avalanchego") / "db" / "fuji"
        closed.chmod(0)
        found = Volume(data_dir).node_data()
        closed.chmod(0o700)
        user = os.geteuid()

    assert found == NodeData(
        f"{data_dir}/avalanchego",
        DataState.PRESENT,
        f"{closed}: this user ({user}) may not remove its contents; "
        "run the node and the monitor as the same user, or set fsGroup",
    )


def test_a_closed_volume_is_an_obstacle() -> None:
    with ordinary_user() as folder:
        data_dir = folder / "data"
        data_dir.mkdir()
        data_dir.chmod(0o500)
        found = Volume(data_dir).node_data()
        data_dir.chmod(0o700)
        user = os.geteuid()

    expected = f"{data_dir}: this user ({user}) may not write there; set fsGroup or runAsUser"
    assert found == NodeData(f"{data_dir}/avalanchego", DataState.ABSENT, expected)


def test_a_closed_folder_of_the_node_cannot_be_read_which_is_not_the_same_as_empty() -> None:
    with ordinary_user() as data_dir:
        node = fill(data_dir / "avalanchego")
        node.chmod(0)
        with pytest.raises(TemporaryError) as refused:
            Volume(data_dir).node_data()
        node.chmod(0o700)

    assert str(refused.value) == f"{node}: cannot be read (Permission denied)"


def test_data_that_cannot_be_removed_is_moved_and_removed_later() -> None:
    with ordinary_user() as data_dir:
        fill(data_dir / "avalanchego")
        closed = Path("db", "fuji", "v1.4.5")
        (data_dir / "avalanchego" / closed).chmod(0o500)
        volume = Volume(data_dir)
        with pytest.raises(
            MonitorError,
            match=r"cannot be removed \(Permission denied\); fix its permissions, and the monitor will retry",
        ):
            volume.clear()
        (moved,) = data_dir.glob(".bootstrap-monitor-clearing-*")
        (moved / closed).chmod(0o700)

        assert list((data_dir / "avalanchego").iterdir()) == []
        assert volume.node_data() == NodeData(f"{data_dir}/avalanchego", DataState.PRESENT, None)
        volume.clear()
        assert contents(data_dir) == {"avalanchego": "/"}


def test_the_volume_is_measured_by_its_file_system(tmp_path: Path) -> None:
    filled_folder(tmp_path)
    reading, system = Volume(tmp_path).measure(NOW), os.statvfs(tmp_path)

    assert reading.taken == NOW
    assert reading.size_bytes == system.f_blocks * system.f_frsize
    assert 0 < reading.available_bytes <= reading.size_bytes
    assert reading.usage_bytes == disk_usage_bytes(tmp_path / "avalanchego")


def test_a_volume_that_is_gone_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(TemporaryError) as refused:
        Volume(tmp_path / "gone").measure(NOW)

    assert str(refused.value) == f"{tmp_path / 'gone'}: cannot be read (No such file or directory)"


def blocks(*paths: Path) -> int:
    """Return the disk usage of the paths in bytes, without their contents."""
    return sum(path.lstat().st_blocks * 512 for path in paths)


def test_usage_is_what_all_files_and_folders_take(tmp_path: Path) -> None:
    root = fill(tmp_path / "avalanchego")
    (root / "db" / "big").write_bytes(os.urandom(300_000))

    assert disk_usage_bytes(root) == blocks(root, *root.rglob("*")) >= 300_000


def test_a_folder_that_is_not_there_takes_nothing(tmp_path: Path) -> None:
    assert disk_usage_bytes(tmp_path / "avalanchego") == 0


def test_a_file_in_its_place_takes_what_it_takes(tmp_path: Path) -> None:
    path = tmp_path / "avalanchego"
    path.write_bytes(os.urandom(100_000))

    assert disk_usage_bytes(path) == blocks(path) >= 100_000


def test_a_file_with_two_names_counts_once(tmp_path: Path) -> None:
    root = fill(tmp_path / "avalanchego")
    once = root / "once"
    once.write_bytes(os.urandom(100_000))
    before = disk_usage_bytes(root)
    (root / "db" / "again").hardlink_to(once)

    assert disk_usage_bytes(root) == before


def test_a_file_with_holes_counts_what_it_takes_not_how_long_it_is(tmp_path: Path) -> None:
    root = tmp_path / "avalanchego"
    root.mkdir()
    with (root / "holes").open("wb") as file:
        file.truncate(2**30)

    assert disk_usage_bytes(root) == blocks(root, root / "holes") < 2**20


def test_what_a_link_points_to_is_not_counted(tmp_path: Path) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "big").write_bytes(os.urandom(1_000_000))
    root = tmp_path / "avalanchego"
    root.mkdir()
    (root / "link").symlink_to("../outside")
    (root / "file").symlink_to("../outside/big")

    assert disk_usage_bytes(root) == blocks(root, root / "link", root / "file") < 1_000_000


def test_a_folder_of_many_files_takes_no_memory(tmp_path: Path) -> None:
    """A folder of many files takes little memory.

    A list of 200,000 names would take 170 MiB.
    """
    for number in range(2_000):
        (tmp_path / str(number)).touch()
    tracemalloc.start()
    disk_usage_bytes(tmp_path)
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 100_000


def test_what_is_mounted_below_is_not_counted(tmp_path: Path) -> None:
    root = fill(tmp_path / "avalanchego")
    mounted = root / "mounted"
    mounted.mkdir()
    script = """if True:
        import sys
        from pathlib import Path
        from monitor.engine.volume import disk_usage_bytes
        (Path(sys.argv[1]) / "mounted" / "big").write_bytes(bytes(1_000_000))
        print(disk_usage_bytes(Path(sys.argv[1])))
    """
    (usage_bytes,) = lines_on_a_mount(mounted, script, str(root))

    assert int(usage_bytes) == blocks(root, *(each for each in root.rglob("*") if each != mounted))


def test_the_node_may_remove_and_replace_what_is_measured(tmp_path: Path) -> None:
    """The node may remove and replace files during the measurement.

    Folders of files appear and disappear, and sometimes a link to a large file replaces one.
    """
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "big").write_bytes(os.urandom(10_000_000))
    root = fill(tmp_path / "avalanchego")
    for number in range(300):  # leave time between listing a folder and opening it
        (root / str(number)).touch()
    stays = disk_usage_bytes(root)
    assert stays is not None
    ended = threading.Event()

    def churn() -> None:
        folder = root / "folder"
        while not ended.is_set():
            folder.mkdir()
            for number in range(10):
                (folder / str(number)).write_text("some")
            shutil.rmtree(folder)
            folder.symlink_to(outside)
            for number in range(10):
                (root / f"new-{number}").write_text("some")
            for number in range(10):
                (root / f"new-{number}").unlink()
            folder.unlink()

    node = threading.Thread(target=churn)
    node.start()
    try:
        found = [disk_usage_bytes(root) for _ in range(700)]
    finally:
        ended.set()
        node.join()

    assert [each for each in found if each is None or not stays <= each < stays + 1_000_000] == []
    assert len(set(found)) > 1, "nothing changed under the walks, which proves nothing"
    assert disk_usage_bytes(root) == stays


def test_a_link_that_leads_nowhere_cannot_be_measured(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    a_link_to_itself(tmp_path)
    reading = Volume(tmp_path).measure(NOW)

    assert (reading.usage_bytes, reading.size_bytes > 0) == (None, True)
    why = "cannot be read (Too many levels of symbolic links); the node's data is not measured"
    assert caplog.messages == [f"{tmp_path / 'avalanchego'}: {why}"]


@pytest.mark.parametrize("mode", [0o000, 0o400, 0o100], ids=["closed", "only listed", "not listed"])
def test_usage_is_unknown_where_a_folder_may_not_be_read(mode: int) -> None:
    with ordinary_user() as data_dir:
        closed = fill(data_dir / "avalanchego") / "db"
        closed.chmod(mode)
        reading = Volume(data_dir).measure(NOW)
        closed.chmod(0o700)
        reading_again = Volume(data_dir).measure(NOW)
        usage_bytes = disk_usage_bytes(data_dir / "avalanchego")

    assert reading.usage_bytes is None
    assert reading.size_bytes > 0
    assert reading_again.usage_bytes == usage_bytes is not None


# ---- Trees that a node does not create ---------------------------------------------------------------------


def nested(root: Path, levels: int, name: str) -> Path:
    """Create nested folders deeper than a path can name.

    A file lies at the bottom, and one next to every hundredth folder.
    """
    root.mkdir()
    descriptor = os.open(root, os.O_RDONLY)
    for level in range(levels):
        os.mkdir(name, dir_fd=descriptor)
        if level % 100 == 0:
            os.close(os.open("file", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor))
        above, descriptor = descriptor, os.open(name, os.O_RDONLY, dir_fd=descriptor)
        os.close(above)
    os.write(file := os.open("bottom", os.O_WRONLY | os.O_CREAT, dir_fd=descriptor), bytes(100_000))
    os.close(file)
    os.close(descriptor)
    return root


def wide(root: Path, folders: int) -> Path:
    """Create more adjacent folders than one step of the walk reads."""
    root.mkdir()
    for number in range(folders):
        (root / str(number)).mkdir()
        (root / str(number) / "within").mkdir()
    return root


def du(root: Path) -> int:
    """Return the disk usage by `du`, which also works with descriptors."""
    command = ["du", "-s", "-x", "--block-size=1", str(root)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0])


TREES: list[tuple[str, Callable[[Path], Path]]] = [
    ("a path longer than PATH_MAX", lambda root: nested(root, 30, "n" * 200)),
    (
        "more folders than a recursion goes, or descriptors are there",
        lambda root: nested(root, 1_500, "n" * 9),
    ),
    ("names that are not text", lambda root: nested(root, 50, os.fsdecode(b"\xff\n" * 100))),
    ("wide", lambda root: wide(root, 1_100)),
]
trees = pytest.mark.parametrize("make", [make for _, make in TREES], ids=[name for name, _ in TREES])


@trees
def test_whatever_tree_a_node_makes_is_measured_and_cleared(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    volume = Volume(tmp_path)
    root = make(volume.node_folder)
    usage_bytes = du(root)

    assert volume.node_data() == NodeData(str(root), DataState.PRESENT, None)
    assert volume.measure(NOW).usage_bytes == usage_bytes
    volume.clear()
    assert contents(tmp_path) == {"avalanchego": "/"}


@trees
def test_a_clearing_that_was_cut_short_ends_on_whatever_tree(
    tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    make(tmp_path / MOVED)
    assert Volume(tmp_path).node_data().obstacle is None
    Volume(tmp_path).clear()

    assert contents(tmp_path) == {"avalanchego": "/"}


def test_a_closed_folder_deep_below_is_an_obstacle_with_a_name_that_fits_on_a_line() -> None:
    with ordinary_user() as data_dir:
        root = nested(data_dir / "avalanchego", 30, "n" * 200)
        descriptor = os.open(root, os.O_RDONLY)
        for _ in range(29):
            above, descriptor = descriptor, os.open("n" * 200, os.O_RDONLY, dir_fd=descriptor)
            os.close(above)
        os.chmod("n" * 200, 0, dir_fd=descriptor)
        volume = Volume(data_dir)
        obstacle = volume.node_data().obstacle
        reading = volume.measure(NOW)
        os.chmod("n" * 200, 0o700, dir_fd=descriptor)
        os.close(descriptor)
        volume.clear()

    assert obstacle is not None
    assert f"nnn: this user ({os.geteuid() or 65534}) may not remove its contents" in obstacle
    assert len(obstacle) < 500
    assert (reading.usage_bytes, reading.available_bytes > 0) == (None, True)


@given(
    st.recursive(
        st.sampled_from(["file", "link", "fifo"]),
        lambda children: st.dictionaries(
            st.text(st.characters(exclude_characters="/\0", codec="utf-8"), min_size=1, max_size=60).filter(
                lambda name: name not in {".", ".."}
            ),
            children,
            max_size=4,
        ),
        max_leaves=12,
    )
)
@settings(deadline=None, max_examples=50)
def test_any_tree_is_measured_and_cleared(tree: object) -> None:
    def make(path: Path, what: object) -> None:
        match what:
            case dict():
                path.mkdir()
                for name, within in what.items():
                    make(path / name, within)
            case "file":
                path.write_bytes(bytes(5000))
            case "link":
                path.symlink_to("..")
            case _:
                os.mkfifo(path)

    with tempfile.TemporaryDirectory() as name:
        volume = Volume(Path(name))
        volume.node_folder.mkdir()
        make(volume.node_folder / "tree", tree)
        assert volume.node_data().obstacle is None
        assert volume.measure(NOW).usage_bytes == du(volume.node_folder)
        volume.clear()
        assert contents(Path(name)) == {"avalanchego": "/"}


@pytest.mark.parametrize(
    "make", [Path.touch, os.mkfifo, lambda path: path.symlink_to("nowhere")], ids=["file", "fifo", "link"]
)
def test_a_name_like_a_started_clearing_is_not_an_obstacle(
    tmp_path: Path, make: Callable[[Path], None]
) -> None:
    filled_folder(tmp_path)
    make(tmp_path / ".bootstrap-monitor-clearing-1")

    assert Volume(tmp_path).node_data().obstacle is None
    Volume(tmp_path).clear()
    assert contents(tmp_path) == {"avalanchego": "/"}


def test_a_folder_that_is_moved_under_the_walk_is_not_left_for_another(tmp_path: Path) -> None:
    """A folder that is moved during the walk raises an error.

    `..` leads to the new parent, which is not the one that the walk came from.
    """
    outside = fill(tmp_path / "outside")
    (tmp_path / "root" / "folder").mkdir(parents=True)
    with Position(tmp_path / "root") as position:
        assert position.enter("folder")
        (tmp_path / "root" / "folder").rename(outside / "folder")
        with pytest.raises(OSError, match="Was moved during the walk"):
            position.leave()


@pytest.mark.parametrize("usage_bytes", [None, 5], ids=["unknown", "known"])
def test_free_space_is_judged_whatever_is_known_of_the_usage(usage_bytes: int | None) -> None:
    full = VolumeReading(None if usage_bytes is None else NOW, usage_bytes, 1000, 1)
    last = run(tracking=RunTracking(low_disk_seconds=3600.0))
    decision = decide_wait(wait_state(last=last, volume=full))
    (end,) = decision.records

    assert isinstance(end, EndRun)
    assert (end.reason, end.disk_usage_bytes, end.volume_size_bytes) == (Reason.DISK_FULL, usage_bytes, 1000)
