"""A node that holds the monitor's connections open does not block the kubelet or Prometheus."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from e2e.conftest import Deploy
from e2e.tester import MONITOR, NODE, WEB_PORT
from support import slow_clients

SLOW = 200
SECONDS = 60
GROWTH_MIB = 10.0
PROGRAM = f"""{Path(slow_clients.__file__).read_text()}
import time
with slow_clients(("127.0.0.1", {WEB_PORT}), {SLOW}) as connected:
    time.sleep({SECONDS})
print(len(connected))
"""


def test_slow_clients_leave_room_for_probes_and_scrapes(deploy: Deploy) -> None:
    tester = deploy(
        repository="avalanchego-simulated", node_environment={"SIMULATE_BOOTSTRAP_SECONDS": "3600"}
    )
    tester.await_run(1)
    restarts, resident_mib = tester.restarts(MONITOR), tester.sidecar_resident_mib()
    where = ("exec", f"--namespace={tester.namespace}", tester.tester.pod, f"--container={NODE}")
    answers: list[tuple[bool, bool]] = []
    with ThreadPoolExecutor(1) as pool:
        attack = pool.submit(tester.bed.run, *where, "--", "python3", "-c", PROGRAM)
        while not attack.done():
            answers.append((tester.healthy(), "bootstrap_monitor_build_info" in tester.answer("/metrics")))
        connected = int(attack.result())

    assert connected >= SLOW, "the slow clients were connected"
    assert len(answers) > 1
    assert set(answers) == {(True, True)}, tester.details()
    assert tester.restarts(MONITOR) == restarts, tester.details()
    assert tester.sidecar_resident_mib() - resident_mib < GROWTH_MIB
