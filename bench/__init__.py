"""Benchmarks: programs to run by hand with make.

They use the fakes of the tests, such as an API server with testers on it.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
