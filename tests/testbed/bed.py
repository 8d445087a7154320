"""A Kubernetes for the tests: how it is chosen and reached, and what the tests do with it.

The choice is the first of these that is available:

- the cluster that the flags name;
- a container engine with kind;
- as root on Debian, binaries built from Go modules, in namespaces of their own.
"""

from __future__ import annotations

import contextlib
import functools
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from support.provisioned import MissingError

FOLDER = Path(__file__).resolve().parent
JsonObject = dict[str, Any]
_Found = TypeVar("_Found")
_STEP_SECONDS = 0.5


@dataclass(frozen=True)
class Bed:
    """A running cluster.

    `prefix` is the command prefix that enters the cluster's network. `on_node` is the prefix that runs a
    command on `node`; local volumes are below `volumes`. If `volumes` is empty, the cluster's default
    StorageClass provides them. `sandbox_image` (NAME:TAG) is the image that containerd pulls from the
    registry for every pod.
    """

    kubeconfig: Path
    kubectl: str
    registry: str
    prefix: tuple[str, ...] = ()
    node: str = ""
    volumes: str = ""
    on_node: tuple[str, ...] = ()
    sandbox_image: str = ""

    def run(self, *arguments: str, stdin: str = "", check: bool = True) -> str:
        """Run kubectl and return its output; with `check`, raise an error with its message if it fails."""
        done = subprocess.run(
            [*self.prefix, self.kubectl, f"--kubeconfig={self.kubeconfig}", *arguments],
            input=stdin,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        if check and done.returncode:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout if check else done.stdout + done.stderr

    def apply(self, *manifests: JsonObject) -> None:
        """Create or update objects."""
        objects = {"apiVersion": "v1", "kind": "List", "items": list(manifests)}
        self.run("apply", "--filename=-", stdin=json.dumps(objects))

    def get(self, kind: str, name: str, namespace: str) -> JsonObject | None:
        """Return an object; `None` if it does not exist."""
        text = self.run("get", kind, name, f"--namespace={namespace}", "--ignore-not-found", "--output=json")
        found: JsonObject | None = json.loads(text) if text.strip() else None
        return found

    def names(self, kind: str, namespace: str) -> list[str]:
        """Return the names of all objects of a kind."""
        text = self.run("get", kind, f"--namespace={namespace}", "--output=json")
        return [each["metadata"]["name"] for each in json.loads(text)["items"]]

    def push(self, name: str, tag: str, target: str, variables: Mapping[str, str] | None = None) -> str:
        """Push a cached image as `target` (NAME:TAG), with more environment variables; return its digest."""
        cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "bootstrap-monitor-tests"
        cache = Path(os.environ.get("TESTBED_CACHE") or cache)
        done = subprocess.run(
            [
                *self.prefix,
                sys.executable,
                str(FOLDER / "push_image.py"),
                str(cache / "images" / name / tag),
                f"{self.registry}/{target}",
                *(f"{key}={value}" for key, value in (variables or {}).items()),
            ],
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )
        if done.returncode:
            raise AssertionError(f"pushing {name}:{tag} as {target}: {done.stderr}")
        return done.stdout.strip()


def until(
    poll: Callable[[], _Found | None], seconds: float, what: str, details: Callable[[], str] = str
) -> _Found:
    """Return the first result of `poll` that is true; raise an error after a number of seconds.

    `details` returns details for the error.
    """
    deadline = time.monotonic() + seconds
    while True:
        found = poll()
        if found:
            return found
        if time.monotonic() > deadline:
            raise AssertionError(f"after {seconds:.0f} s still not: {what}\n{details()}")
        time.sleep(_STEP_SECONDS)


@functools.cache
def kubernetes_versions(kubeconfig: str, registry: str) -> tuple[str, ...]:
    """Return the versions of Kubernetes to test on; "" stands for the version of an existing cluster.

    The whole suite runs on the first.
    """
    if kubeconfig or registry or _has_kind():
        return ("",)
    return tuple(_provision("--kubernetes-versions").split())


@contextlib.contextmanager
def bed_of(kubeconfig: str, registry: str, kubernetes_version: str = "") -> Iterator[Bed]:
    """Yield the cluster to test on, with this version or the first of `kubernetes_versions`.

    Raises:
        MissingError: no cluster is available; the message says why.
    """
    versions = kubernetes_versions(kubeconfig, registry)
    if kubernetes_version not in ("", *versions):
        known = ", ".join(versions) or "the cluster's own version"
        raise MissingError(f"no Kubernetes {kubernetes_version} here, only {known}")
    if kubeconfig or registry:
        yield _given(kubeconfig, registry)
    elif _has_kind():
        with _kind() as bed:
            yield bed
    elif _can_build():
        with _binaries(kubernetes_version or versions[0]) as bed:
            yield bed
    else:
        raise MissingError(
            "no Kubernetes to test on: name one by --kubeconfig and --registry (it may be damaged), or install "
            "a container engine and kind, or be root on Debian"
        )


def build() -> None:
    """Build the parts of a cluster, if one would be made of binaries.

    Raises:
        MissingError: the build failed.
    """
    if not _has_kind() and _can_build():
        _provision()


def build_nodes() -> None:
    """Build AvalancheGo and make the network with a large history, which needs neither root nor Kubernetes.

    Raises:
        MissingError: the build failed.
    """
    _provision("nodes")


def large_history() -> Path:
    """Return the folder of the network with a large history; see make_large_history.py."""
    return Path(_provision("--where-large-history").strip())


def history() -> Path:
    """Return the folder of the network with a history, after a bed was made; see make_history.py."""
    return Path(_provision("--where-history").strip())


def network() -> JsonObject:
    """Return the description of the network with a history."""
    found: JsonObject = json.loads((history() / "network.json").read_text())
    return found


def avalanchego(build: str) -> Path:
    """Return the path of a build, `first` or `second`, after a bed was made."""
    return Path(_provision("--where-avalanchego").strip()) / build / "avalanchego"


def _given(kubeconfig: str, registry: str) -> Bed:
    kubectl = shutil.which("kubectl")
    if not (kubeconfig and registry):
        raise MissingError("--kubeconfig and --registry go together: the cluster pulls images from there")
    if kubectl is None:
        raise MissingError("--kubeconfig needs kubectl on the PATH")
    _provision("kind")
    return Bed(Path(kubeconfig), kubectl, registry)


@functools.cache
def _has_kind() -> bool:
    if not (shutil.which("kind") and shutil.which("docker")):
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False).returncode == 0


def _can_build() -> bool:
    return os.geteuid() == 0 and Path("/etc/debian_version").exists()


@contextlib.contextmanager
def _kind() -> Iterator[Bed]:
    kubectl = shutil.which("kubectl")
    if kubectl is None:
        raise MissingError("kind is here but kubectl is not: install it")
    _provision("kind")
    with _held(FOLDER / "kind-up", f"bootstrap-monitor-{os.getpid()}") as (_, (kubeconfig, registry, node)):
        yield Bed(
            Path(kubeconfig),
            kubectl,
            registry,
            node=node,
            volumes="/var/testbed",
            on_node=("docker", "exec", node),
        )


@contextlib.contextmanager
def _binaries(version: str) -> Iterator[Bed]:
    _provision()
    kubernetes = _provision("--where-kubernetes", version).strip()
    hold = 'echo "ready $TESTBED_STATE"; read -r _'
    with _held(FOLDER / "inside", FOLDER / "up", kubernetes, "bash", "-c", hold) as (pid, (state,)):
        yield Bed(
            Path(state) / "admin.kubeconfig",
            f"{kubernetes}/kubectl",
            "10.88.0.1:5000",
            prefix=("nsenter", f"--target={pid}", "--net", "--"),
            node="node0",
            volumes=f"{state}/volumes",
            on_node=("nsenter", f"--target={_child(pid)}", "--mount", "--"),
            sandbox_image="pause:1",
        )


@contextlib.contextmanager
def _held(*command: str | Path) -> Iterator[tuple[int, list[str]]]:
    """Start a command; yield its process ID and the words after `ready` in its output.

    The command ends when its standard input is closed, which also happens if this process is killed.
    """
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            words = next((line.split()[1:] for line in process.stdout if line.startswith("ready ")), None)
            if words is None:
                raise AssertionError("the test bed did not start; see above")
            yield process.pid, words
        finally:
            process.stdin.close()
            process.wait(60)


def _child(pid: int) -> str:
    """Return the ID of the process that `inside` waits for, which is in the cluster's mount namespace."""
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()[0]


def _provision(*arguments: str) -> str:
    """Run `provision`, and show its progress; return the output of its `--` queries."""
    done = subprocess.run(
        [FOLDER / "provision", *arguments],
        env=os.environ | {"PYTHON": sys.executable},
        stdout=subprocess.PIPE if any(each.startswith("--") for each in arguments) else None,
        text=True,
        check=False,
    )
    if done.returncode:
        raise MissingError("the test bed could not be made; see above")
    return done.stdout or ""
