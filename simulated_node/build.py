"""Builds: the simulated node as one executable file, with a commit and a behavior of its own."""

import sys
from pathlib import Path
from zipfile import ZipFile, ZipInfo

from simulated_node.options import COMMIT, simulation_of

_MAIN = """import os, sys
from simulated_node.__main__ import main
sys.exit(main(sys.argv[1:], os.environ, {options!r}))
"""


def write_build(executable: Path, commit: str = COMMIT, **behavior: float | str) -> None:
    """Write a build to a path in one step, as a compiler does.

    A build is a zip file that this interpreter runs. Equal options produce equal bytes.

    Raises:
        SettingError: an option is unknown or its value is not allowed.
    """
    options = {name: str(value) for name, value in {"commit": commit, **behavior}.items()}
    simulation_of({}, {}, options)
    temporary = executable.with_name(executable.name + ".new")
    with temporary.open("wb") as file:
        file.write(f"#!{sys.executable}\n".encode())
        with ZipFile(file, "w") as archive:
            archive.writestr(ZipInfo("__main__.py"), _MAIN.format(options=options))
            for module in sorted(Path(__file__).parent.glob("*.[pt]*")):
                archive.writestr(ZipInfo(f"simulated_node/{module.name}"), module.read_bytes())
    temporary.chmod(0o755)
    temporary.replace(executable)
