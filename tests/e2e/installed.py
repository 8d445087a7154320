"""A tester described by its values, and the release that the shipped chart renders from them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from chart.helm import CHART, helm
from testbed import manifests
from testbed.bed import Bed

JsonObject = dict[str, Any]

RELEASE, KEY = "bed", "tester"
# Settings that keep the waits of tests short.
QUICK = {"soak": "3s", "healthCheckInterval": "1s", "diskCheckInterval": "5s", "holderTimeout": "10s"}
QUICK_LOOKUPS = {"imageCheckInterval": "5s"}


@dataclass(frozen=True)
class Tester:
    """The settings of one tester.

    `pace` holds its intervals, `settings` the other settings of its monitor. With `volume_mib` the volume
    is a file system of that size in memory. With `has_own_class` the volume is one that the bed creates.
    `placement` holds the values that place its pods. `change` modifies each object that the chart renders,
    before it is applied.
    """

    namespace: str
    repository: str
    monitor_image: str
    rolling_tag: str
    network: str = "fuji"
    sync_mode: str = "c-chain-state-sync"
    node_environment: Mapping[str, str] = field(default_factory=dict)
    settings: Mapping[str, Any] = field(default_factory=dict)
    pace: Mapping[str, str] = field(default_factory=lambda: {**QUICK, **QUICK_LOOKUPS})
    node_resources: Mapping[str, Any] = field(default_factory=dict)
    monitor_resources: Mapping[str, Any] = field(default_factory=dict)
    volume_mib: int = 0
    has_own_class: bool = True
    native_sidecar: bool = True
    placement: Mapping[str, Any] = field(default_factory=dict)
    change: Callable[[JsonObject], None] | None = None
    key: str = KEY

    @property
    def name(self) -> str:
        """The name of its StatefulSet."""
        return f"{RELEASE}-{self.key}"

    @property
    def pod(self) -> str:
        """The name of its only pod."""
        return f"{self.name}-0"

    @property
    def policy(self) -> str:
        """The name of its admission policy."""
        return f"bootstrap-monitor.{self.namespace}.{RELEASE}.{self.key}"

    @property
    def volume(self) -> str:
        """The name of its volume and of its storage class, which no other claim uses."""
        return f"{self.namespace}-{self.key}"

    @property
    def image(self) -> str:
        """The node's image as its values name it."""
        return f"{self.repository}:{self.rolling_tag}"

    def values(self) -> JsonObject:
        """Return the tester's part of a values file."""
        repository, tag = self.monitor_image.rsplit(":", 1)
        storage = {"className": self.volume} if self.has_own_class else {}
        return {
            "network": self.network,
            "syncMode": self.sync_mode,
            "image": {"repository": self.repository, "tag": self.rolling_tag},
            "node": {
                "env": {
                    **manifests.QUICK_NODE,
                    "AVAGO_PUBLIC_IP": manifests.POD_ADDRESS,
                    **self.node_environment,
                },
                "resources": dict(self.node_resources),
            },
            "storage": {"size": "1Gi", **storage},
            "monitor": {
                "image": {"repository": repository, "tag": tag},
                # The bed's registry serves plain HTTP on every cluster.
                "settings": {"registryPlainHttp": True, **self.pace, **self.settings},
                "resources": dict(self.monitor_resources),
                "readinessProbe": {"periodSeconds": 2},
            },
            "nativeSidecar": self.native_sidecar,
            "terminationGracePeriodSeconds": 10,
            **self.placement,
        }


class Release:
    """The testers of one namespace, as one release."""

    def __init__(self, bed: Bed, testers: Sequence[Tester]) -> None:
        self._bed, self._testers = bed, testers
        self._namespace = testers[0].namespace

    def install(self) -> None:
        """Install the release; with changes, render the objects, change them and apply them instead."""
        changes = [each.change for each in self._testers if each.change is not None]
        if not changes:
            self.helm("install", RELEASE, CHART)
            return
        rendered = self.helm("template", RELEASE, CHART, "--no-hooks")
        objects = [each for each in yaml.safe_load_all(rendered) if each]
        for each in objects:
            for change in changes:
                change(each)
        self._bed.apply(*objects)

    def helm(self, command: str, *arguments: str | Path, version: str = "4", **more: Any) -> str:
        """Run a Helm command and return its output.

        Raises:
            AssertionError: the command failed; the message is its error output.
        """
        values = {
            "testers": {each.key: each.values() for each in self._testers},
            "admissionPolicy": {"enabled": True},
            **more,
        }
        takes_values = command in {"install", "upgrade", "template"}
        done = subprocess.run(
            [
                *self._bed.prefix,
                helm(version).path,
                command,
                *arguments,
                f"--kubeconfig={self._bed.kubeconfig}",
                f"--namespace={self._namespace}",
                *(["--values=-"] if takes_values else []),
            ],
            input=json.dumps(values),
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"helm {command}: {done.stderr.strip() or done.stdout.strip()}")
        return done.stdout
