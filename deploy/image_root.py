"""Collects the file system of an image that has Python and nothing else: no shell, no package manager.

usage: image_root.py ENVIRONMENT ROOT      as root, in a Debian with Python; ENVIRONMENT is a virtual environment

ROOT gets the interpreter, its compiled standard library, the shared libraries that these and ENVIRONMENT
load, and the authorities that TLS trusts. It also gets the records of the Debian packages of all these files,
in which scanners look for known vulnerabilities. ENVIRONMENT itself is not copied.
"""

from __future__ import annotations

import compileall
import os
import py_compile
import re
import shutil
import ssl
import subprocess
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from pathlib import Path

# Parts of the standard library for terminals, and for testing, building or installing Python.
LEFT_OUT = re.compile(
    r"__pycache__|config-\d.*|curses|dbm|ensurepip|idlelib|lib2to3|pydoc_data|(dist|site)-packages|tests?|tkinter"
    r"|turtledemo|turtle\.py|_?(crypt|ctypes_test|curses|curses_panel|dbm|gdbm|nis|readline|test\w+|tkinter|xx\w+)"
    r"\.cpython-.*\.so"
)
OPENED_BY_NAME = "libgcc_s.so.1"  # by the C library, when a thread ends
WRITTEN = {
    "etc/passwd": "root:x:0:0:root:/:\nnonroot:x:65532:65532:nonroot:/:\n",
    "etc/group": "root:x:0:\nnonroot:x:65532:\n",
    "etc/nsswitch.conf": "hosts: files dns\n",  # without this file, names in /etc/hosts come last
}


def main(environment: Path, root: Path) -> None:
    """Fill `root` with the file system of the image."""
    link_top_folders(root)
    modules = list(standard_library())
    binaries = [Path(sys.executable).resolve(), *(each for each in modules if each.suffix == ".so")]
    libraries = shared_libraries([*binaries, *environment.rglob("*.so")])
    links = [environment / "bin" / "python3", Path("/etc/os-release"), Path("/etc/ld.so.conf")]
    included = Path("/etc/ld.so.conf.d").glob("*.conf")
    carried: set[Path] = set()
    for path in (*modules, *libraries, *links, *included, *trusted_authorities()):
        carry(path, root, carried)
    shutil.rmtree(root / environment.relative_to("/"))  # copied together with the links to the interpreter
    for name, text in WRITTEN.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / "tmp").mkdir()
    (root / "tmp").chmod(0o1777)
    subprocess.run(["/sbin/ldconfig", "-r", root], check=True)
    compile_modules(root)
    record_packages(carried, root)


def link_top_folders(root: Path) -> None:
    """Create links like that of /lib to /usr/lib, so that files copied by either name are in one place."""
    for link in (each for each in Path("/").iterdir() if each.is_symlink()):
        target = link.resolve().relative_to("/")
        (root / target).mkdir(parents=True, exist_ok=True)
        (root / link.name).symlink_to(target)


def standard_library() -> Iterator[Path]:
    """Yield the modules to keep, as source files or shared objects."""
    for folder, folders, files in os.walk(sysconfig.get_path("stdlib")):
        folders[:] = [each for each in folders if not LEFT_OUT.fullmatch(each)]
        yield from (Path(folder, each) for each in files if not LEFT_OUT.fullmatch(each))


def shared_libraries(binaries: Iterable[Path]) -> set[Path]:
    """Return the files that the dynamic linker loads for the binaries, and the linker itself.

    Raises:
        SystemExit: a library is missing.
    """
    listing = subprocess.run(["ldd", *binaries], capture_output=True, text=True, check=True).stdout
    if "not found" in listing:
        raise SystemExit(f"shared libraries are missing; install them:\n{listing}")
    cache = subprocess.run(["/sbin/ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    by_name = [line for line in cache.splitlines() if line.split(" ", 1)[0].strip() == OPENED_BY_NAME]
    named = re.findall(r"^\s+(?:\S+ => )?(/\S+) \(0x", listing, re.MULTILINE)
    return {Path(each) for each in (*named, *(line.rsplit(" => ")[1] for line in by_name))}


def trusted_authorities() -> list[Path]:
    """Return the bundle that Python's `ssl` trusts, and OpenSSL's settings if they are beside it.

    Raises:
        SystemExit: there is no bundle, so that no registry could be queried.
    """
    bundle = ssl.get_default_verify_paths().cafile
    if bundle is None:
        raise SystemExit("no trusted certificate authorities found: install ca-certificates")
    settings = Path(bundle).with_name("openssl.cnf")
    return [Path(bundle), *([settings] if settings.exists() else [])]


def carry(path: Path, root: Path, carried: set[Path]) -> None:
    """Copy a file; for a link, also copy its target."""
    if path in carried:
        return
    carried.add(path)
    copy = root / path.relative_to("/")
    copy.parent.mkdir(parents=True, exist_ok=True)
    if path.is_symlink():
        carry(Path(os.path.normpath(path.parent / path.readlink())), root, carried)
    if not copy.is_symlink() and not copy.exists():
        shutil.copy2(path, copy, follow_symlinks=False)


def compile_modules(root: Path) -> None:
    """Compile the standard library without later checks of its sources.

    The image is read-only, and the modification times of its files are arbitrary.
    """
    folder = root / Path(sysconfig.get_path("stdlib")).relative_to("/")
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    if not compileall.compile_dir(
        folder, quiet=1, stripdir=str(root), prependdir="/", invalidation_mode=mode
    ):
        raise SystemExit("the standard library cannot be compiled")


def record_packages(carried: Iterable[Path], root: Path) -> None:
    """Write dpkg's records of the packages that the files belong to, with their copyright files."""
    paths = {str(path) for path in carried} | {str(path.resolve()) for path in carried}
    paths |= {path.removeprefix("/usr") for path in paths}  # older packages use these names
    found = subprocess.run(["dpkg", "--search", *paths], capture_output=True, text=True, check=False).stdout
    packages = sorted({line.partition(": ")[0].partition(",")[0] for line in found.splitlines()})
    status = subprocess.run(
        ["dpkg", "--status", *packages], capture_output=True, text=True, check=True
    ).stdout
    records = root / "var" / "lib" / "dpkg" / "status"
    records.parent.mkdir(parents=True)
    records.write_text(status, encoding="utf-8")
    for package in packages:
        text = Path("/usr/share/doc", package.partition(":")[0], "copyright")
        carry(text.resolve(), root, set())
        carry(text, root, set())


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
