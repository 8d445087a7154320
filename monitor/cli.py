"""The command line: runs the requested command, and turns errors into exit codes.

Heavy modules are imported only when a command needs them, so that `version` and an error in the command line
respond fast.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import import_module

from monitor import __version__
from monitor.errors import ConfigurationError, MonitorError, OutputError
from monitor.output.streams import discard_output, set_up_streams


@dataclass(frozen=True, slots=True)
class _Command:
    """The purpose of a command, the class of its settings, and the function (`module:name`) that runs it.

    `log_level` is the lowest level that its log shows; `None` if the command writes no log.
    """

    purpose: str
    settings: str
    runs: str
    log_level: int | None = None


_TERMINATED = 128 + signal.SIGTERM

_COMMANDS = {
    "init": _Command(
        "start or resume a test, before the node starts (init container)",
        "InitSettings",
        "commands.pod:run_init",
        logging.INFO,
    ),
    "wait-for-completion": _Command(
        "watch the node until it has bootstrapped, then poll for a newer build (sidecar)",
        "WaitSettings",
        "commands.pod:run_wait",
        logging.INFO,
    ),
    "check": _Command(
        "check whether a tester in a pod can work", "CheckSettings", "preflight.check:run_check"
    ),
    "local": _Command(
        "bootstrap a build on this machine: local [flags] BUILD -- NODE-ARGUMENTS",
        "LocalSettings",
        "commands.local:run_local",
        logging.WARNING,
    ),
    "demo": _Command(
        "watch the whole lifecycle on a simulated node",
        "DemoSettings",
        "commands.demo:run_demo",
        logging.ERROR,
    ),
    "status": _Command("show what a tester is doing", "StatusSettings", "commands.show:run_status"),
    "history": _Command("show the runs of a tester", "HistorySettings", "commands.show:run_history"),
    "rerun": _Command(
        "bootstrap the last build, or that of RUN-OR-IMAGE, again",
        "RerunSettings",
        "commands.requests:run_rerun",
    ),
    "mark-baseline": _Command(
        "exclude the runs before a known change from baselines: start with RUN, or with the next run",
        "MarkBaselineSettings",
        "commands.requests:run_mark_baseline",
    ),
    "pause": _Command(
        "take no new builds; an open run continues", "RequestSettings", "commands.requests:run_pause"
    ),
    "resume": _Command("take new builds again", "RequestSettings", "commands.requests:run_resume"),
}

# Commands without settings.
_ALONE = {
    "completion": "print the completion script of a shell: bash, zsh or fish",
    "version": "print the version",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code.

    Exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong, 3 local --until or
    --compare is inconclusive, 4 standard output cannot be written, 130 interrupted.
    """
    set_up_streams()
    words = list(sys.argv[1:] if arguments is None else arguments)
    if os.getpid() == 1:
        # The kernel does not deliver signals without a handler to a container's first process. Until the
        # command has set its own handler, the process would ignore SIGTERM and run until it is killed.
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    try:
        try:
            code = _run(words)
        finally:
            sys.stdout.flush()  # here, so that a closed pipe is handled below
    except MonitorError as error:
        if isinstance(error, OutputError):
            discard_output()
        if not isinstance(error.__cause__, BrokenPipeError):  # a reader that closed the pipe needs no message
            _complain(words, " ".join(str(error).split()))
        code = error.exit_code
    except KeyboardInterrupt:
        code = 130
    except Exception as error:  # noqa: BLE001 - the last resort
        what = " ".join(f"{type(error).__name__}: {error}".split())
        _complain(words, f"unexpected {what}; --debug shows where")
        code = 1
    sys.stderr.flush()
    if threading.active_count() > 1:
        # A thread that hangs in a call would delay the exit; an abrupt exit is safe, as every write is a
        # transaction.
        os._exit(code)
    return code


def _complain(words: list[str], message: str) -> None:
    """Print the error that is being handled, as a line or with `--debug` as a traceback."""
    if _tracebacks_wanted(words):
        import traceback

        traceback.print_exc()
    else:
        print(f"bootstrap-monitor: {message}", file=sys.stderr)


def _tracebacks_wanted(words: list[str]) -> bool:
    """Return whether `--debug` is set, also if the settings cannot be parsed; ignore the node's arguments."""
    flags = words[: words.index("--")] if "--" in words else words
    for word in reversed(flags):
        if word in {"--debug", "--no-debug"}:
            return word == "--debug"
    return os.environ.get("BOOTSTRAP_MONITOR_DEBUG", "").lower() in {"1", "on", "t", "true", "y", "yes"}


def _run(words: list[str]) -> int:
    command, rest = (words[0], words[1:]) if words else ("", [])
    match command:
        case "help" | "-h" | "--help" if rest:
            return _run([rest[0], "--help"])
        case "" | "help" | "-h" | "--help":
            print(_help())
            return 0 if command else 2
        case "version" if rest in (["-h"], ["--help"]):
            print(f"usage: bootstrap-monitor version\n\n{_ALONE['version']}")
            return 0
        case "version" | "--version" if rest:
            raise ConfigurationError(f"version takes no arguments, but was given {rest[0]!r}")
        case "version" | "--version":
            print(f"bootstrap-monitor {__version__}")
            return 0
        case "completion":
            from monitor.commands.completion import completion

            known = {name: (each.purpose, each.settings) for name, each in _COMMANDS.items()}
            print(completion(known | {name: (purpose, "") for name, purpose in _ALONE.items()}, rest))
            return 0
        case _ if command in _COMMANDS:
            return _run_command(command, rest)
        case _:
            raise ConfigurationError(f"{command!r} is not a command{_hint(command)}")


def _hint(command: str) -> str:
    """Return the most similar command as a hint, or else all commands."""
    from difflib import get_close_matches

    names = [*_COMMANDS, *_ALONE]
    close = get_close_matches(command, names, 1)
    return f": did you mean {close[0]}?" if close else f": one of {', '.join(names)}"


def _run_command(name: str, rest: list[str]) -> int:
    from monitor import settings as known
    from monitor.flags import parse

    command = _COMMANDS[name]
    separator = rest.index("--") if "--" in rest else len(rest)
    flags, node_arguments = rest[:separator], rest[separator + 1 :]
    if node_arguments and name != "local":
        raise ConfigurationError(f"{name} takes no arguments after --")
    settings = parse(getattr(known, command.settings), name, flags, os.environ)
    if command.log_level is not None:
        from monitor.output.logs import set_up_logs

        set_up_logs(settings.log_format, debug=settings.debug, level=command.log_level)
    module, _, function = command.runs.partition(":")
    run: Callable[..., int] = getattr(import_module(f"monitor.{module}"), function)
    return run(settings, node_arguments) if name == "local" else run(settings)


def _help() -> str:
    purposes = {name: each.purpose for name, each in _COMMANDS.items()} | _ALONE
    width = max(map(len, purposes))
    lines = [f"  {name:<{width}}  {purpose}" for name, purpose in purposes.items()]
    return "\n".join(
        [
            "usage: bootstrap-monitor COMMAND [flags]",
            "",
            "Keeps proving that an AvalancheGo node can still bootstrap.",
            "",
            *lines,
            "",
            "bootstrap-monitor help COMMAND lists a command's flags; each has a variable BOOTSTRAP_MONITOR_…",
            "exit codes: 0 done, 1 failed, 2 the configuration or the command line is wrong, 3 local --until or",
            "--compare is inconclusive, 4 standard output cannot be written, 130 interrupted",
        ]
    )
