"""What is measured rather than tested: programs to run by hand, through make.

They use the stand-ins of the tests: an API server, testers on it.
"""

import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[1] / "tests"))
