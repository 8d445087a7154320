"""The command line: which command was called, and how its errors end.

Nothing heavy is imported before it is needed, so that `version` and a typo answer at once.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
from collections.abc import Sequence

from monitor import __version__
from monitor.errors import ConfigurationError, MonitorError

_COMMANDS = {
    "init": "start or resume a test, before the node starts (init container)",
    "wait-for-completion": "watch the node until it has bootstrapped, then look for a newer build (sidecar)",
    "local": "bootstrap a build on this machine: local BUILD [flags] -- NODE-ARGUMENTS",
    "demo": "watch the whole lifecycle on a simulated node",
    "status": "show what a tester is doing",
    "history": "show the runs of a tester",
    "version": "print the version",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; its exit code (0 done, 1 failed, 2 the configuration or the call is wrong)."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            code = _run(words)
        finally:
            sys.stdout.flush()  # here, where a reader that has gone is no surprise
    except MonitorError as error:
        if _tracebacks_wanted(words):
            raise
        print(f"bootstrap-monitor: {' '.join(str(error).split())}", file=sys.stderr)
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = 1
    except Exception as error:
        if _tracebacks_wanted(words):
            raise
        what = " ".join(f"{type(error).__name__}: {error}".split())
        print(f"bootstrap-monitor: unexpected {what}; --debug shows where", file=sys.stderr)
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    if threading.active_count() > 1:
        # A job that hangs in a call would hold the exit up for as long; every write is a transaction.
        os._exit(code)
    return code


def _tracebacks_wanted(words: list[str]) -> bool:
    """Before, and even if, the settings can be read; what is behind `--` is the node's."""
    flags = words[: words.index("--")] if "--" in words else words
    for word in reversed(flags):
        if word in {"--debug", "--no-debug"}:
            return word == "--debug"
    return os.environ.get("BOOTSTRAP_MONITOR_DEBUG", "").lower() in {"1", "on", "t", "true", "y", "yes"}


def _run(words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("", [])
    match command:
        case "" | "help" | "-h" | "--help":
            print(_help())
            return 0 if command else 2
        case "version" | "--version":
            print(f"bootstrap-monitor {__version__}")
            return 0
        case _ if command in _COMMANDS:
            return _run_command(command, rest)
        case _:
            raise ConfigurationError(f"{command!r} is no command: one of {', '.join(_COMMANDS)}")


def _run_command(command: str, rest: list[str]) -> int:
    from monitor import settings as known
    from monitor.logs import set_up_logs

    separator = rest.index("--") if "--" in rest else len(rest)
    flags, node_arguments = rest[:separator], rest[separator + 1 :]
    if node_arguments and command != "local":
        raise ConfigurationError(f"{command} takes no arguments after --")
    match command:
        case "init":
            init = known.parse(known.InitSettings, command, flags, os.environ)
            set_up_logs(init.log_format, debug=init.debug)
            from monitor.commands.pod import run_init

            return run_init(init)
        case "wait-for-completion":
            wait = known.parse(known.WaitSettings, command, flags, os.environ)
            set_up_logs(wait.log_format, debug=wait.debug)
            from monitor.commands.pod import run_wait

            return run_wait(wait)
        case "local":
            local = known.parse(known.LocalSettings, command, flags, os.environ)
            set_up_logs(local.log_format, debug=local.debug)
            from monitor.commands.local import run_local

            return run_local(local, node_arguments)
        case "demo":
            demo = known.parse(known.DemoSettings, command, flags, os.environ)
            set_up_logs(demo.log_format, debug=demo.debug, level=logging.WARNING)
            from monitor.commands.demo import run_demo

            return run_demo(demo)
        case "status":
            status = known.parse(known.StatusSettings, command, flags, os.environ)
            from monitor.commands.show import run_status

            return run_status(status)
        case _:
            history = known.parse(known.HistorySettings, command, flags, os.environ)
            from monitor.commands.show import run_history

            return run_history(history)


def _help() -> str:
    width = max(map(len, _COMMANDS))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in _COMMANDS.items()]
    return "\n".join(
        [
            "usage: bootstrap-monitor COMMAND [flags]",
            "",
            "Keeps proving that a blockchain node can still bootstrap.",
            "",
            *lines,
            "",
            "bootstrap-monitor COMMAND --help lists a command's flags; each has a variable BOOTSTRAP_MONITOR_…",
        ]
    )
