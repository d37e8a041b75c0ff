from __future__ import annotations

import json
from pathlib import Path

import pytest

from posedeploy.families import FAMILIES
from tests.commands.conftest import Invoke, lines_wider_than, words


@pytest.mark.parametrize("columns", [80, 120])
def test_every_family_is_shown(done: Invoke, columns: int) -> None:
    result = done("families", "--json", "f.json", columns=columns)
    document = json.loads(Path("f.json").read_text())
    assert (document["format"], document["version"]) == ("posedeploy.families", 1)
    assert [family["name"] for family in document["families"]] == list(FAMILIES)
    for family in FAMILIES.values():
        assert family.name in result.stdout
        assert family.weights_page in result.stdout
        licenses = f"code {family.code_license}, weights {family.weights_license}"
        facts = (family.task, family.joints, family.input, family.parameters, family.gflop, licenses)
        for fact in facts:
            assert fact in words(result.stdout)
    assert not lines_wider_than(columns, result.stdout)
