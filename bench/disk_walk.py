"""What it takes to measure the node's data, and what it holds up: `python -m bench.disk_walk`.

Walks 200,000 files as the `disk` job does, alternating with `du -s`. During the walks, and before them, a
node is polled as in a tick, but much more often. Finally the files are removed during a walk. The exit code
is 1 if a walk and `du` disagree about the bytes.
"""

from __future__ import annotations

import argparse
import multiprocessing
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

from bench.standing_node import standing
from bench.tables import Claim, concluded, table
from monitor.avalanchego.node_api import NodeClient
from monitor.domain.observations import NodeAnswering
from monitor.engine.volume import disk_usage_bytes

FILES, FILES_IN_FOLDER, ROUNDS = 200_000, 2_000, 7
LINKED_EVERY = 100  # one file of this many has a hard link and a symbolic link to it
POLL_SECONDS = 0.05


def fill(root: Path, files: int) -> None:
    """Create files like a node's database: many sizes in few folders; some with hard links, some sparse."""
    content = bytes(range(256)) * 64
    for number in range(files):
        folder = root / f"{number // FILES_IN_FOLDER:04d}"
        path = folder / f"{number:08d}.sst"
        if number % FILES_IN_FOLDER == 0:
            folder.mkdir(parents=True)
        with path.open("wb", buffering=0) as file:
            file.write(content[: number * 37 % len(content)])
            if number % LINKED_EVERY == 0:
                file.truncate(1 << 20)
        if number % LINKED_EVERY == 0:
            path.with_suffix(".again").hardlink_to(path)
            path.with_suffix(".link").symlink_to(path)


def du(root: Path) -> int:
    """Return the result of `du -s`, in bytes."""
    command = ["du", "-s", "-x", "--block-size=1", str(root)]
    return int(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout.split()[0])


def timed(call: Callable[[Path], int | None], root: Path) -> tuple[float, int | None]:
    """Return the seconds that a call takes, and its result."""
    started = time.perf_counter()
    found = call(root)
    return time.perf_counter() - started, found


def serve(pipe: Connection) -> None:
    """Serve the node in a separate process until the pipe receives a message."""
    with standing("c" * 40, "sha256:" + "1" * 64) as node:
        pipe.send(node.port)
        pipe.recv()


@contextmanager
def node() -> Iterator[NodeClient]:
    """Yield a client of a node that runs in another process."""
    here, there = multiprocessing.Pipe()
    process = multiprocessing.Process(target=serve, args=(there,))
    process.start()
    client = NodeClient(f"http://127.0.0.1:{here.recv()}")
    try:
        yield client
    finally:
        client.close()
        here.send("")
        process.join()


def polls(client: NodeClient, until: Callable[[], bool]) -> list[float]:
    """Return the seconds that each poll took after it was due."""
    found, due = [], time.perf_counter()
    while not until():
        if not isinstance(client.read(), NodeAnswering):
            raise SystemExit("the node does not answer")
        now = time.perf_counter()
        found.append(now - due)
        due = max(due + POLL_SECONDS, now)
        time.sleep(max(due - time.perf_counter(), 0))
    return found


@dataclass(frozen=True, slots=True)
class Found:
    """Seconds of walks, of `du` and of polls; `wrong` counts walks that differ from `du`."""

    alone: Sequence[float]
    beside_polls: Sequence[float]
    references: Sequence[float]
    polls_at_rest: Sequence[float]
    polls: Sequence[float]
    wrong: int


def measured(root: Path, rounds: int) -> Found:
    """Walk in a thread as the `disk` job does, alternating with `du`, while polling the node."""
    beside_polls: list[float] = []
    references: list[float] = []
    wrong = 0

    def walk() -> None:
        nonlocal wrong
        for _ in range(rounds):
            seconds, found = timed(disk_usage_bytes, root)
            reference_seconds, reference = timed(du, root)
            beside_polls.append(seconds)
            references.append(reference_seconds)
            wrong += found != reference

    with node() as client, ThreadPoolExecutor(1) as pool:
        started = time.monotonic()
        at_rest = polls(client, lambda: time.monotonic() - started > rounds)
        walking = pool.submit(walk)
        during = polls(client, walking.done)
        walking.result()
        alone = [timed(disk_usage_bytes, root)[0] for _ in range(rounds)]
    return Found(alone, beside_polls, references, at_rest, during, wrong)


def removed_under_way(root: Path) -> str:
    """Return a summary of walks during the removal of all files.

    Raises:
        SystemExit: a walk returns more bytes than before the removal, or no result.
    """
    before, sizes = disk_usage_bytes(root), []
    remover = threading.Thread(target=subprocess.run, args=(["rm", "-r", str(root)],))
    remover.start()
    while remover.is_alive():
        sizes.append(disk_usage_bytes(root))
    remover.join()
    if disk_usage_bytes(root) != 0 or any(each is None or before is None or each > before for each in sizes):
        raise SystemExit(f"wrong while files were removed: {sizes}")
    under_way = sum(1 for each in sizes if each)
    return f"{under_way} walks during the removal: each ended, and none reported more than before."


def report(files: int, rounds: int, found: Found) -> None:
    """Print the results."""
    reference = median(found.references)
    walks = {
        "du -s": found.references,
        "the walk": found.alone,
        "the walk, beside polls": found.beside_polls,
    }
    table(
        f"{files:,} files, medians of {rounds}:",
        ("", "seconds", "times du -s"),
        [(name, f"{median(each):.2f}", f"{median(each) / reference:.1f}") for name, each in walks.items()],
    )
    answers = {"at rest": found.polls_at_rest, "beside walks and du -s": found.polls}
    table(
        "Polls of the node, from when one is due to its last answer:",
        ("", "polls", "median ms", "longest ms"),
        [
            (name, f"{len(each)}", f"{1000 * median(each):.1f}", f"{1000 * max(each):.0f}")
            for name, each in answers.items()
        ],
    )


def main(arguments: Sequence[str]) -> int:
    """Run the benchmark, and return 1 if a claim that does not depend on timing fails."""
    parser = argparse.ArgumentParser(prog="bench.disk_walk", description=__doc__.partition("\n")[0])
    parser.add_argument("--files", type=int, default=FILES, help="how many (%(default)s)")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="walks, and du's (%(default)s)")
    parser.add_argument("--folder", type=Path, help="where they are made: on the file system in question")
    asked = parser.parse_args(arguments)
    root = Path(tempfile.mkdtemp(dir=asked.folder)) / "avalanchego"
    try:
        fill(root, asked.files)
        found = measured(root, asked.rounds)
        vanished = removed_under_way(root)
    finally:
        shutil.rmtree(root.parent)
    report(asked.files, asked.rounds, found)
    sys.stdout.write(f"\n{vanished}\n")
    ratio = median(found.beside_polls) / median(found.references)
    return concluded(
        [
            Claim("walks with another result than du -s", found.wrong, 0),
            Claim("time, over that of du -s", ratio, 3, by_the_clock=True),
            Claim("longest poll of the node", max(found.polls), 0.5, " s", by_the_clock=True),
        ]
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
