"""A real API server accepts every field that the chart renders for each of its values files."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from chart.helm import NAMESPACE, VALUES, custom_resource_definitions, helm
from testbed import manifests
from testbed.bed import Bed, until

CLASSES = (
    {
        "apiVersion": "scheduling.k8s.io/v1",
        "kind": "PriorityClass",
        "metadata": {"name": "testers"},
        "value": 1,
    },
)

pytestmark = pytest.mark.every_kubernetes


@pytest.fixture(scope="module")
def prepared(bed: Bed) -> Iterator[Bed]:
    """Yield the cluster with the Prometheus Operator's CRDs and the objects that the values name."""
    definitions = [yaml.safe_load(path.read_text()) for path in custom_resource_definitions()]
    bed.run("create", "--save-config=false", "--filename=-", stdin=yaml.safe_dump_all(definitions))
    bed.apply(manifests.namespace(NAMESPACE), manifests.namespace("monitoring"), *CLASSES)
    for each in definitions:
        kind = f"{each['spec']['names']['plural']}.{each['spec']['group']}"
        until(functools.partial(_known, bed, kind), 60, f"{kind} are known")
    yield bed
    bed.run("delete", "--filename=-", "--wait=false", stdin=yaml.safe_dump_all(definitions))


def _known(bed: Bed, kind: str) -> bool:
    return "rror" not in bed.run("get", kind, "--all-namespaces", check=False)


@pytest.mark.parametrize("values", VALUES, ids=lambda path: path.stem)
def test_every_rendered_object_is_accepted(prepared: Bed, values: Path) -> None:
    rendered = helm("4").render(values)
    # A hook's pod is rejected unless its ServiceAccount exists.
    objects = [each for each in rendered if each["kind"] != "Pod"]
    assert objects
    text = yaml.safe_dump_all(objects)
    taken = prepared.run("create", "--dry-run=server", "--validate=strict", "--filename=-", stdin=text)

    assert len(taken.splitlines()) == len(objects)


def test_a_field_that_is_misspelt_would_be_seen(prepared: Bed) -> None:
    found = next(each for each in helm("4").render(VALUES[0]) if each["kind"] == "StatefulSet")
    found["spec"]["template"]["spec"]["containers"][0]["imgae"] = "typo"
    arguments = ("create", "--dry-run=server", "--validate=strict", "--filename=-")
    output = prepared.run(*arguments, stdin=yaml.safe_dump(found), check=False)

    assert 'unknown field "spec.template.spec.containers[0].imgae"' in output
