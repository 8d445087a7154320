"""A node cannot use the monitor to read files that only the monitor may read."""

from __future__ import annotations

import pytest
from e2e.conftest import Deploy
from e2e.tester import INIT, MONITOR, DeployedTester
from testbed.bed import until

TOKEN = "/var/run/secrets/kubernetes.io/serviceaccount/token"
LOG_TAIL = "these are the words of the P-Chain"
# The monitor's container mounts this volume too. There, the link leads to the monitor's token.
REPLACE_LOGS = f"""
cd /data/avalanchego/logs && echo '{LOG_TAIL}' >> P.log
for log in main X C; do ln -sf {TOKEN} $log.log || exit 1; done
"""
LEDGER = """
from pathlib import Path
files = [path for path in Path('/data').iterdir() if path.is_file() and path.name != 'bootstrap-monitor.reserve']
print([path.name for path in files], *(path.read_text('latin-1') for path in files))
"""
PIECE_CHARACTERS = 16


def leaked(token: str, text: str) -> int:
    """Return how many pieces of the token a text contains, which keeps the token out of failure reports."""
    pieces = (token[at : at + PIECE_CHARACTERS] for at in range(0, len(token), PIECE_CHARACTERS))
    return sum(len(piece) == PIECE_CHARACTERS and piece in text for piece in pieces)


def written(tester: DeployedTester) -> dict[str, str]:
    """Return everything that the monitor has written, by the place where people and nodes find it."""
    return {
        "ledger": tester.python(LEDGER),
        "history --run": tester.monitor("history", "--run=1", "--data-dir=/data"),
        "page": tester.served("/"),
        "metrics": tester.served("/metrics"),
        "status": tester.served("/api/v1/status"),
        "history": tester.served("/api/v1/history"),
        "log of init": tester.log(INIT),
        "log of the sidecar": tester.log(MONITOR),
        "Events": tester.bed.run("get", "events", f"--namespace={tester.namespace}", "--output=json"),
    }


@pytest.fixture
def tester(deploy: Deploy) -> DeployedTester:
    """Return a tester with a failed run, whose node's logs were replaced with links to the token."""
    found = deploy(
        repository="avalanchego-simulated",
        settings={"crashLimit": 2, "webEvidence": True},
        node_environment={
            "SIMULATE_BOOTSTRAP_SECONDS": "3600",
            "SIMULATE_CRASH_AFTER_SECONDS": "20",
            "SIMULATE_FORGET": "true",
        },
    )
    found.await_run(1)
    found.execute(REPLACE_LOGS)
    ended = found.await_end(1)
    assert (ended["outcome"], ended["reason"]) == ("failed", "crashed"), found.details()
    until(
        lambda: found.events("BootstrapFailed", "Run 1 of"), 30, "an Event reports the failure", found.details
    )
    return found


def test_a_log_that_links_to_the_token_shows_nothing_of_it(tester: DeployedTester) -> None:
    token = tester.python(f"print(open('{TOKEN}').read())").strip()
    by_link = tester.python("print(open('/data/avalanchego/logs/main.log').read())").strip()
    found = written(tester)

    assert token.count(".") == 2
    assert by_link == token, "the link leads to the token in the monitor's container"
    assert leaked(token, f"[11-23|23:18:37] {token} {{}}"), "a token that is shown is found"
    for where in ("ledger", "history --run", "page"):
        assert LOG_TAIL in found[where], f"the end of the node's log is in {where}"
    assert {where: leaked(token, text) for where, text in found.items()} == dict.fromkeys(found, 0)
