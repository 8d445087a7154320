"""The recipe of README.md installs two testers, and is the only one."""

from __future__ import annotations

import re
from pathlib import Path

from chart.helm import CHART, PROJECT, Helm, named, of_kind

_README = (PROJECT / "README.md").read_text()
_BLOCK = re.compile(r"^```(sh|yaml)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def _blocks(language: str, containing: str, text: str = _README) -> list[str]:
    """Return the code blocks of a document that contain a text."""
    return [code for kind, code in _BLOCK.findall(text) if kind == language and containing in code]


def test_the_values_are_those_of_two_testers_with_the_image_that_was_built(
    helm4: Helm, tmp_path: Path
) -> None:
    (values,), (build,) = _blocks("yaml", "testers:"), _blocks("sh", "docker build")
    file = tmp_path / "values.yaml"
    file.write_text(values)
    testers = of_kind(helm4.render(file), "StatefulSet")
    (image,) = re.findall(r"--tag (\S+)", build)

    assert [tester["metadata"]["name"] for tester in testers] == ["prod-fuji", "prod-mainnet-full-sync"]
    for tester in testers:
        assert [each["image"] for each in tester["spec"]["template"]["spec"]["initContainers"]] == [image] * 2
    assert f"docker push {image}\n" in build


def test_a_tester_of_a_release_is_retested(helm4: Helm, tmp_path: Path) -> None:
    (values,), (release,) = _blocks("yaml", "testers:"), _blocks("yaml", "retestAfter")
    file = tmp_path / "values.yaml"
    file.write_text(values.replace("  fuji:\n", f"  fuji:\n{release}"))
    tester = named(helm4.render(file), "StatefulSet", "prod-fuji")["spec"]["template"]["spec"]

    for container in tester["initContainers"]:
        assert {"--rolling-tag=v1.14.2", "--retest-after=7d"} <= {*container["args"]}
    assert tester["containers"][0]["image"].endswith(":v1.14.2")


def test_the_commands_name_the_chart_and_the_release_of_the_other_examples() -> None:
    (install,) = _blocks("sh", "helm install")
    assert (PROJECT / "deploy" / "chart").samefile(CHART)
    assert re.findall(r"^helm (\w+) (\w+)", install, re.MULTILINE) == [("install", "prod"), ("test", "prod")]
    assert "kubectl exec prod-fuji-0 -c bootstrap-monitor -n testers" in _README


def test_no_other_document_has_a_recipe_of_its_own() -> None:
    """deploy/kind has values and a registry of its own."""
    documents = [*PROJECT.glob("*.md"), *PROJECT.glob("docs/**/*.md"), *PROJECT.glob("deploy/**/*.md")]
    recipes = {
        str(document.relative_to(PROJECT))
        for document in documents
        if _blocks("sh", "helm install", document.read_text())
    }

    assert recipes == {"README.md", "deploy/kind/README.md"}
