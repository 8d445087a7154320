"""A covering set of the matrix: every fault at least once, every moment at least twice."""

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
