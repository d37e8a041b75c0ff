"""The public names of ``import posedeploy``."""

from __future__ import annotations

import ast
import inspect
from pathlib import Path

import pytest

import posedeploy

NAMES = [name for name in posedeploy.__all__ if name != "__version__"]


@pytest.mark.parametrize("name", NAMES)
def test_every_public_name_has_its_own_docstring(name: str) -> None:
    value = getattr(posedeploy, name)
    assert value.__name__ == name
    assert value.__doc__ and not value.__doc__.startswith(f"{name}("), "a dataclass writes that itself"


@pytest.mark.parametrize("name", NAMES)
def test_every_public_member_has_a_docstring(name: str) -> None:
    value = getattr(posedeploy, name)
    members = vars(value).items() if inspect.isclass(value) else ()
    bare = [
        each
        for each, member in members
        if not each.startswith("_")
        and (callable(member) or isinstance(member, (property, classmethod)))
        and not inspect.getdoc(getattr(value, each))
    ]
    assert not bare


def test_type_checkers_see_the_same_names() -> None:
    tree = ast.parse(Path(posedeploy.__file__).read_text(encoding="utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    imported = {
        alias.name: str(node.module).removeprefix("posedeploy.")
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert imported == posedeploy._MODULES
    assert sorted([*imported, "__version__"]) == sorted(posedeploy.__all__) == sorted(dir(posedeploy))


def test_public_names_differ_from_module_names() -> None:
    """Importing a submodule with the same name would replace the public name."""
    folder = Path(posedeploy.__file__).parent
    assert not {path.stem for path in folder.iterdir()} & set(posedeploy.__all__)


def test_an_unknown_name_is_refused() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'exprot'"):
        _ = posedeploy.exprot
