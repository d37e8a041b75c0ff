"""``import posedeploy`` offers what it says."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import posedeploy


@pytest.mark.parametrize("name", dir(posedeploy))
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(posedeploy, name) is not None


def test_type_checkers_are_told_the_same_names() -> None:
    tree = ast.parse(Path(posedeploy.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    told = {
        f"{node.module}:{alias.name}"
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert told == set(posedeploy._PUBLIC.values())


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'exprot'"):
        _ = posedeploy.exprot
