"""Messages on the standard output and error of a node's process, which explain why the process ended.

A node that rejects its flags or its configuration ends before it creates a log file.
"""

from __future__ import annotations

_REJECTIONS = (
    "couldn't configure flags: ",  # avalanchego `main/main.go`, as the next one
    "couldn't load node config: ",
    "failed to load config",
    "unknown flag: ",
)
# The Go runtime prints the reason first, and the stacks of all goroutines after it.
_RUNTIME_ERRORS = ("panic: ", "fatal error: ")


def last_words(output: str) -> str:
    """Return the line of a process's output that says why it ended, or its last line; empty if it has none."""
    lines = [line.strip() for line in output.splitlines() if line.strip()]
    causes = (line for line in reversed(lines) if line.startswith((*_REJECTIONS, *_RUNTIME_ERRORS)))
    return next(causes, lines[-1] if lines else "")


def rejects_configuration(words: str) -> bool:
    """Return whether the last words of a process say that its flags or its configuration are wrong.

    The node writes its staking key while it reads the configuration, which fails on a full volume too.
    """
    return words.startswith(_REJECTIONS) and "no space left on device" not in words
