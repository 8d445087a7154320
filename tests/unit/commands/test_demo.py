"""Tests of `demo` that need no demo; `make demo` runs it."""

from __future__ import annotations

import subprocess
import sys

WITHOUT_NODE = (
    "import sys; sys.modules['simulated_node'] = None; from monitor.cli import main; sys.exit(main(['demo']))"
)


def test_without_the_simulated_node_it_says_where_to_run_it() -> None:
    done = subprocess.run([sys.executable, "-c", WITHOUT_NODE], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (2, "")
    assert "demo: the image has no simulated node; run `make demo` in a clone" in done.stderr
    assert "Traceback" not in done.stderr
