"""How builds read for people."""

from __future__ import annotations

from dataclasses import replace

import pytest
from builders import build

from monitor.model import Versions
from monitor.texts import build_text, in_order, version_text


@pytest.mark.parametrize(
    ("reported", "shown"),
    [
        ("avalanchego/1.14.2", "1.14.2"),
        ("avalanche-go/1.14.2-rc.1/x", "1.14.2-rc.1/x"),
        ("1.14.2", "1.14.2"),
        ("", ""),
        ("<script>alert(1)</script>", "<script>alert(1)</script>"),
    ],
)
def test_only_the_name_of_the_client_is_left_out_of_a_version(reported: str, shown: str) -> None:
    of = replace(build(), versions=Versions(reported, "", 0, "c" * 40, ""))
    assert (version_text(of), build_text(of)) == (shown, f"{shown} (cccccccc)")


def test_a_build_of_unknown_version_is_named_by_its_digest() -> None:
    of = replace(build(), versions=None)
    assert (version_text(of), build_text(of)) == ("", f"sha256:{'a' * 12}")


def test_chains_are_in_one_order() -> None:
    assert in_order({"A1", "C", "z", "X", "P"}) == ["P", "X", "C", "A1", "z"]
