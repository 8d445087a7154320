"""Helm as these tests run it: returns the objects that the chart renders for values, or the error."""

from __future__ import annotations

import functools
import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from support.provisioned import MissingError, provision

HERE = Path(__file__).resolve().parent
PROJECT = HERE.parent.parent
CHART = PROJECT / "deploy" / "chart"
VALUES = [*sorted((CHART / "ci").glob("*.yaml")), *(PROJECT / "deploy" / "kind").glob("values.yaml")]
RELEASE, NAMESPACE = "prod", "testers"
PROVISION = HERE / "provision"
TESTBED = PROJECT / "tests" / "testbed" / "provision"

JsonObject = dict[str, Any]

# The versions that the end-to-end tests run on, such as 1.34.4, and the form that Helm gets: 1.34.
_TESTBED_VERSIONS = tuple(provision(TESTBED, "--kubernetes-versions").split())
KUBERNETES_VERSIONS = tuple(version.rpartition(".")[0] for version in _TESTBED_VERSIONS)


class RefusedError(Exception):
    """Helm rejected the values; the message is its error without Helm's own prefix."""


@dataclass(frozen=True)
class Helm:
    """A Helm program of one major version."""

    path: Path

    def render(
        self,
        values: Path,
        release: str = RELEASE,
        kubernetes: str = KUBERNETES_VERSIONS[-1],
        namespace: str = NAMESPACE,
    ) -> list[JsonObject]:
        """Render all objects, including those of hooks.

        Raises:
            RefusedError: the schema or a template rejects the values.
        """
        rendered = self._run(
            *("template", release, CHART, "--values", values, "--kube-version", f"{kubernetes}.0"),
            namespace=namespace,
        )
        return [each for each in yaml.load_all(rendered, Loader=yaml.CSafeLoader) if each]

    def lint(self, values: Path) -> None:
        """Check the chart with Helm's own linter.

        Raises:
            RefusedError: the linter reports an error.
        """
        self._run(
            "lint", "--strict", CHART, "--values", values, "--kube-version", f"{KUBERNETES_VERSIONS[-1]}.0"
        )

    def notes(self, values: Path) -> str:
        """Return the notes that an installation prints."""
        printed = self._run("install", RELEASE, CHART, "--values", values, "--dry-run=client")
        return printed.partition("NOTES:\n")[2]

    def _run(self, *arguments: str | Path, namespace: str = NAMESPACE) -> str:
        done = subprocess.run(
            [self.path, *arguments, "--namespace", namespace],
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env={"PATH": "/usr/bin:/bin", "HOME": "/nonexistent", "KUBECONFIG": "/dev/null"},
        )
        if done.returncode:
            raise RefusedError(_sentence(done.stderr or done.stdout))
        return done.stdout


def _sentence(error: str) -> str:
    """Return the relevant part of a Helm error."""
    failed = re.search(r"execution error at \(.*?\): (?P<sentence>.*)", error)
    if failed:
        return failed["sentence"]
    broken = re.findall(r"^- (at .*)$", error, re.MULTILINE)
    return "; ".join(broken) if broken else error


@functools.cache
def helm(version: str) -> Helm:
    """Return Helm 3 or 4, which is built if it is missing.

    Raises:
        MissingError: the program cannot be built on this machine.
    """
    name = f"helm{version}"
    provision(PROVISION, name)
    return Helm(Path(provision(PROVISION, "--where", name)) / "helm")


@functools.cache
def custom_resource_definitions() -> tuple[Path, ...]:
    """Return the Prometheus Operator's resource definitions of the kinds in the chart.

    Raises:
        MissingError: the definitions are unavailable on this machine.
    """
    provision(PROVISION, "operator")
    return tuple(sorted(Path(provision(PROVISION, "--where", "operator")).glob("*.yaml")))


@functools.cache
def actionlint() -> Path:
    """Return the path of actionlint, which is built if it is missing.

    Raises:
        MissingError: the program cannot be built on this machine.
    """
    provision(PROVISION, "actionlint")
    return Path(provision(PROVISION, "--where", "actionlint")) / "actionlint"


@functools.cache
def kubectl() -> Path:
    """Return the path of the test bed's kubectl, or of the one on the PATH.

    Raises:
        MissingError: there is no kubectl on this machine.
    """
    made = [
        Path(provision(TESTBED, "--where-kubernetes", version)) / "kubectl" for version in _TESTBED_VERSIONS
    ]
    path = next((each for each in made if each.exists()), None) or shutil.which("kubectl")
    if path is None:
        raise MissingError("kubectl is missing: have one on the PATH, or run tests/testbed/provision")
    return Path(path)


def kustomized(folder: Path) -> list[JsonObject]:
    """Return all objects of a kustomization."""
    done = subprocess.run(
        [kubectl(), "kustomize", folder], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return [each for each in yaml.load_all(done.stdout, Loader=yaml.CSafeLoader) if each]


def written(folder: Path, values: Mapping[str, Any]) -> Path:
    """Write a values file and return its path."""
    path = folder / "values.yaml"
    path.write_text(json.dumps(values))  # JSON is valid YAML
    return path


def of_kind(objects: Iterable[JsonObject], kind: str) -> list[JsonObject]:
    """Return the objects of a kind."""
    return [each for each in objects if each["kind"] == kind]


def named(objects: Iterable[JsonObject], kind: str, name: str) -> JsonObject:
    """Return the one object of a kind with this name."""
    (found,) = (each for each in of_kind(objects, kind) if each["metadata"]["name"] == name)
    return found
