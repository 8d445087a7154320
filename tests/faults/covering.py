"""Sets of the matrix's cells: one has every fault and every moment, the brief one each kind of fault."""

from __future__ import annotations

COVERING = (
    ("api-down", "pinning"),
    ("api-slow", "clearing"),
    ("api-429", "recorded"),
    ("api-500", "pinning"),
    ("api-401", "idle"),
    ("registry-down", "pinning"),
    ("node-closed", "soaking"),
    ("node-silent", "recorded"),
    ("volume-read-only", "soaking"),
    ("volume-full", "clearing"),
    ("clock-forward", "soaking"),
    ("clock-back", "idle"),
    ("init-killed", "clearing"),
    ("sidecar-killed", "recorded"),
    ("node-killed", "soaking"),
    ("kubelet-restarted", "pinning"),
    ("pod-evicted", "clearing"),
    ("second-pod", "soaking"),
    ("init-skipped", "soaking"),
    ("other-build", "soaking"),
)

# A minute on two cores: every moment, and each of API server, registry, node, volume, clock, monitor and pod.
BRIEF = (
    ("api-down", "pinning"),
    ("registry-down", "pinning"),
    ("node-silent", "recorded"),
    ("volume-full", "clearing"),
    ("clock-back", "idle"),
    ("sidecar-killed", "recorded"),
    ("pod-evicted", "clearing"),
    ("second-pod", "soaking"),
)
LOCAL_BRIEF = ("exits at start",)
