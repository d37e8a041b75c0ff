from __future__ import annotations

import sys
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest

from posedeploy import plugins
from posedeploy.errors import MissingPackageError


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder on the import path."""
    monkeypatch.syspath_prepend(tmp_path)
    return tmp_path


def test_a_reference_is_imported_on_demand() -> None:
    assert plugins.load("posedeploy.plugins:load") is plugins.load


def test_a_module_that_an_installed_package_lacks_is_named(modules: Path) -> None:
    (modules / "needs_a_part.py").write_text("import onnx.not_a_part\nthing = 1\n")
    with pytest.raises(MissingPackageError) as refusal:
        plugins.load("needs_a_part:thing")
    assert str(refusal.value) == (
        "this needs the module onnx.not_a_part, which the installed package onnx does not contain; "
        "install it with: pip install --upgrade --force-reinstall onnx"
    )


@pytest.mark.parametrize(
    ("package", "extra"), [(package, extras[0]) for package, extras in plugins.EXTRAS_OF_PACKAGE.items()]
)
def test_a_missing_package_is_one_line_with_the_command_that_installs_it(
    modules: Path, monkeypatch: pytest.MonkeyPatch, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)  # the import system raises ModuleNotFoundError for it
    (modules / f"needs_{package}.py").write_text(f"import {package}.deep.inside\nthing = 1\n")
    with pytest.raises(MissingPackageError) as refusal:
        plugins.load(f"needs_{package}:thing")
    assert str(refusal.value) == (
        f"this needs the package {package}, which is not installed; install it with: pip install "
        f"'posedeploy[{extra}]'"
    )


@pytest.mark.parametrize(
    ("asked", "extra"),
    [
        ("tensorrt", "tensorrt"),
        ("tensorrt-rtx", "tensorrt-rtx"),
        ("torch", "tensorrt-rtx"),
        ([], "tensorrt-rtx"),
    ],
)
def test_the_requested_extra_of_a_package_is_named(asked: object, extra: str) -> None:
    refusal = plugins.missing_package(ModuleNotFoundError(name="cuda.bindings"), asked)
    assert str(refusal).endswith(
        f"package cuda, which is not installed; install it with: pip install 'posedeploy[{extra}]'"
    )


def test_any_other_missing_module_is_a_bug_and_keeps_its_traceback(modules: Path) -> None:
    (modules / "needs_nothing_known.py").write_text("import no_such_module_at_all\n")
    with pytest.raises(ModuleNotFoundError, match="no_such_module_at_all") as raised:
        plugins.load("needs_nothing_known:thing")
    assert raised.value.__cause__ is None


def test_a_missing_name_is_a_bug() -> None:
    with pytest.raises(AttributeError):
        plugins.load("posedeploy.plugins:nothing")


def test_every_extra_is_one_of_the_project() -> None:
    project = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())["project"]
    extras = set().union(*plugins.EXTRAS_OF_PACKAGE.values())
    assert extras <= project["optional-dependencies"].keys()


def test_a_version_is_found_by_the_distribution_of_the_package() -> None:
    assert plugins.version_of("torch") == version("torch")
    assert plugins.version_of("_pytest") == version("pytest")
    assert plugins.version_of("no_such_package") is None


def test_the_known_distribution_of_a_shared_name_is_used(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(plugins.DISTRIBUTION_OF_PACKAGE, "cuda", "pytest")
    assert plugins.version_of("cuda") == version("pytest")
    monkeypatch.setitem(plugins.DISTRIBUTION_OF_PACKAGE, "cuda", "no-such-distribution")
    assert plugins.version_of("cuda") is None, "whichever other has the name"


def test_a_package_that_is_not_installed_but_imported_has_its_own_version(
    modules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (modules / "from_source.py").write_text("__version__ = '1.2'\n")
    monkeypatch.delitem(sys.modules, "from_source", raising=False)
    plugins.module("from_source")
    assert plugins.version_of("from_source") == "1.2"
