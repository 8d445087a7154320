"""Runs the monitor's command line in forked processes, which start no interpreter and import nothing.

`python -m monitor` takes half a second of CPU time to start. The server process of this module imports the
commands once and forks for each command. A command still has its own process, environment and streams.
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path

ROOT = Path(__file__).parents[2]
IMPORTED = (
    *("monitor.cli", "monitor.flags", "monitor.settings", "monitor.preflight.check", "kubernetes.config"),
    *(f"monitor.commands.{name}" for name in ("completion", "demo", "local", "pod", "requests", "show")),
)


def run_forked(
    arguments: Sequence[str], folder: Path, environment: Mapping[str, str]
) -> subprocess.CompletedProcess[str]:
    """Run a command in a folder with this environment alone; return its exit code and its output."""
    server = _server()
    assert server.stdin is not None
    assert server.stdout is not None
    request = {"arguments": list(arguments), "folder": str(folder), "environment": dict(environment)}
    server.stdin.write(json.dumps(request) + "\n")
    server.stdin.flush()
    code, output, errors = json.loads(server.stdout.readline())
    return subprocess.CompletedProcess(list(arguments), code, output, errors)


@functools.cache
def _server() -> subprocess.Popen[str]:
    """Start the server process, which ends together with this process."""
    server = subprocess.Popen(
        [sys.executable, __file__],
        cwd=ROOT,
        env={name: os.environ[name] for name in ("PATH", "LANG") if name in os.environ}
        | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    atexit.register(server.communicate)
    return server


def _serve() -> None:
    """Run the commands that standard input names, one after the other."""
    for name in IMPORTED:
        import_module(name)
    for line in sys.stdin:
        request = json.loads(line)
        with tempfile.TemporaryFile("w+") as output, tempfile.TemporaryFile("w+") as errors:
            child = os.fork()
            if not child:
                _become(request, output.fileno(), errors.fileno())
            _, status = os.waitpid(child, 0)
            output.seek(0)
            errors.seek(0)
            result = (os.waitstatus_to_exitcode(status), output.read(), errors.read())
        sys.stdout.write(json.dumps(result) + "\n")
        sys.stdout.flush()


def _become(request: Mapping[str, object], output: int, errors: int) -> None:
    """Run a command in this forked process, and end the process."""
    from monitor.cli import main  # noqa: PLC0415 - the tests' process does not need it

    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(output, 1)
    os.dup2(errors, 2)
    os.chdir(str(request["folder"]))
    environment, arguments = request["environment"], request["arguments"]
    assert isinstance(environment, dict)
    assert isinstance(arguments, list)
    os.environ.clear()
    os.environ.update(environment)
    os._exit(main(arguments))


if __name__ == "__main__":
    _serve()
