"""Prints what takes the space in an image: the layers as transferred, and the folders as stored.

usage: image_size.py LAYOUT      an OCI layout, such as those that tests/testbed/provision makes
"""

from __future__ import annotations

import gzip
import json
import sys
import tarfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

MIB = 1 << 20
ROWS = 15


def main(layout: Path) -> None:
    """Print a table of the layers and a table of the parts.

    Raises:
        SystemExit: there is no image.
    """
    if not (layout / "index.json").is_file():
        raise SystemExit(f"no image in {layout}: run tests/testbed/provision to build it")
    layers = list(layer_files(layout))
    print("| layer | MiB compressed | MiB |\n| --- | --: | --: |")
    for number, path in enumerate(layers, start=1):
        print(f"| {number} | {compressed_bytes(path) / MIB:.1f} | {sum(sizes(path).values()) / MIB:.1f} |")
    shares: Counter[str] = Counter()
    for path in layers:
        shares += sizes(path)
    print(f"| all | {sum(map(compressed_bytes, layers)) / MIB:.1f} | {shares.total() / MIB:.1f} |")
    print("\n| part | MiB |\n| --- | --: |")
    for part, size in shares.most_common(ROWS):
        print(f"| {part} | {size / MIB:.1f} |")
    rest = sum(size for _, size in shares.most_common()[ROWS:])
    print(f"| {len(shares) - min(ROWS, len(shares))} more | {rest / MIB:.1f} |")


def layer_files(layout: Path) -> Iterator[Path]:
    """Yield the layers, lowest first."""
    manifest = read(layout / "index.json")["manifests"][0]
    described = read(blob(layout, manifest["digest"]))
    while "manifests" in described:
        described = read(blob(layout, described["manifests"][0]["digest"]))
    yield from (blob(layout, layer["digest"]) for layer in described["layers"])


def blob(layout: Path, digest: str) -> Path:
    """Return the path of a blob of the image."""
    return layout / "blobs" / digest.replace(":", "/")


def read(path: Path) -> dict[str, Any]:
    """Return the JSON object in a file."""
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def compressed_bytes(layer: Path) -> int:
    """Return the size that a registry transfers, whether or not the layer is stored compressed."""
    content = layer.read_bytes()
    return len(content) if content.startswith(b"\x1f\x8b") else len(gzip.compress(content, compresslevel=6))


def sizes(layer: Path) -> Counter[str]:
    """Return the size of the files in bytes, by part of the image."""
    found: Counter[str] = Counter()
    with tarfile.open(layer) as archive:
        for member in archive:
            if member.isfile():
                found[part_of(PurePosixPath("/", member.name))] += member.size
    return found


def part_of(path: PurePosixPath) -> str:
    """Return the Python package of a file by its name, or else the folder, three levels deep."""
    parts = path.parts
    if "site-packages" in parts[:-1]:
        return parts[parts.index("site-packages") + 1].partition(".dist-info")[0]
    return "/".join(parts[:4] if len(parts) > 4 else parts[:-1]).replace("//", "/")  # noqa: PLR2004 - three levels deep


if __name__ == "__main__":
    main(Path(sys.argv[1]))
