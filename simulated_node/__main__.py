"""The program: its command line, its loop, its signals and its exit code."""

import errno
import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from threading import Thread

from simulated_node.api import Server
from simulated_node.flags import FlagError, read_arguments
from simulated_node.node import Node, NodeDeathError
from simulated_node.options import Simulation, own_options, simulation_of, versions_json
from simulated_node.settings import settings_of


def main(
    arguments: Sequence[str], environment: Mapping[str, str], carried: Mapping[str, str] | None = None
) -> int:
    """Run the node, or write a build; return the exit code. `carried` are the options of this build."""
    try:
        flags = read_arguments(arguments)
        simulation = simulation_of(flags, environment, carried)
        if "help" in flags or "version-json" in flags:
            sys.stdout.write((help_text() if "help" in flags else versions_json(simulation)) + "\n")
            return 0
        settings = settings_of(flags, environment)
    except ValueError as error:
        return _failed("configure flags" if isinstance(error, FlagError) else "load node config", error)
    if "write-build" in flags:
        return _write_build(flags)
    if simulation.exit_at_start:
        return _failed("start node", "simulated")
    try:
        node = Node(settings, simulation, display=sys.stdout, started_at=process_started_at())
    except (OSError, ValueError) as error:
        return _failed("start node", error)
    return _run(node)


def _write_build(flags: Mapping[str, str]) -> int:
    from simulated_node.build import write_build  # noqa: PLC0415 - a node does not need it

    try:
        write_build(Path(flags["write-build"]), **own_options(flags, "simulate-"))
    except OSError as error:
        return _failed(f"write the build {flags['write-build']}", error.strerror)
    return 0


def _run(node: Node) -> int:
    """Run a node until a signal or the simulated behavior stops it; return the exit code."""
    process_file, server, serves = node.settings.data / "process.json", None, False
    stopping: list[int] = []
    tick_seconds = min(0.25, max(0.01, node.simulation.bootstrap_seconds / 200))
    # PID 1 in a container receives only signals for which it has handlers.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda number, _: stopping.append(number))
    try:
        while not stopping:
            if server is None and node.uptime_seconds >= node.simulation.listen_after_seconds:
                server = Server(node)
            node.step(max_seconds=1.0)
            if server and node.answering and not serves:
                serves = True
                Thread(target=server.serve_forever, daemon=True).start()
                uri = "http://{}:{}".format(*server.server_address)
                process_file.write_text(json.dumps({"pid": os.getpid(), "uri": uri}), "utf-8")
                node.journal.write("", "INFO", "node/node.go:674", "API server listening", uri=uri)
            time.sleep(tick_seconds)
    except NodeDeathError as death:
        return death.exit_code
    except OSError as error:
        full = error.errno in {errno.ENOSPC, errno.EDQUOT}
        message = "closing database to avoid possible corruption" if full else "couldn't start node"
        node.journal.write("", "FATAL", "node/node.go:1", message, error=str(error))
        return 1
    node.journal.write("", "INFO", "node/node.go:1", "finished node shutdown")
    process_file.unlink(missing_ok=True)
    return 0


def process_started_at() -> float:
    """Return the start of this process (Unix seconds); the kernel reports the boot in whole seconds."""
    ticks = Path("/proc/self/stat").read_text("utf-8").rpartition(")")[2].split()[19]
    kernel = dict(line.split(" ", 1) for line in Path("/proc/stat").read_text("utf-8").splitlines())
    return float(kernel["btime"]) + int(ticks) / os.sysconf("SC_CLK_TCK")


def help_text() -> str:
    """Return the output of `--help`: the options of the simulation, one per line."""
    lines = [
        "AvalancheGo's flags and AVAGO_* variables; --write-build=FILE, which writes a build with the given",
        "options; and these flags (or SIMULATE_* variables):",
    ]
    for option in fields(Simulation):
        flag = f"--simulate-{option.name.replace('_', '-')}={option.default}"
        lines.append(f"  {flag:<50} {option.metadata['help']}")
    return "\n".join(lines)


def _failed(action: str, error: object) -> int:
    sys.stdout.write(f"couldn't {action}: {error}\n")
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], os.environ))
