"""The packages that an import or a command loads."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.support.imports import PACKAGE
from tests.test_heavy_imports import HEAVY


def _loaded(code: str) -> set[str]:
    """Return the heavy packages that a new Python process has loaded after this code."""
    ending = f"\nimport sys\nprint('LOADED', *({set(HEAVY)!r} & sys.modules.keys()))"
    process = subprocess.run(
        [sys.executable, "-c", code + ending], capture_output=True, text=True, check=True, cwd=PACKAGE.parent
    )
    return set(process.stdout.rpartition("LOADED")[2].split())


def test_importing_the_package_loads_no_framework() -> None:
    assert _loaded("import posedeploy") == set()


@pytest.mark.parametrize(
    "arguments",
    [
        ["--help"],
        ["--version"],
        ["export", "--help"],
        ["predict", "--help"],
        ["evaluate", "--help"],
        ["synthetic", "--help"],
    ],
)
def test_help_loads_no_framework(arguments: list[str]) -> None:
    code = f"""
import runpy, sys
sys.argv = ["posedeploy", *{arguments!r}]
try:
    runpy.run_module("posedeploy", run_name="__main__")
except SystemExit as end:
    assert not end.code, end.code
"""
    assert _loaded(code) == set()


def test_inference_loads_neither_torch_nor_an_exporter() -> None:
    code = """
import posedeploy.runtimes.load_runner, posedeploy.predict.run
from posedeploy.families import FAMILIES
from importlib import import_module
for family in FAMILIES.values():
    import_module(family.poses)
"""
    assert _loaded(code) <= {"cv2"}


def test_an_engine_is_rebuilt_without_torch() -> None:
    assert "torch" not in _loaded("import posedeploy.tensorrt.rebuild, posedeploy.commands.engine")


def test_the_command_line_runs_as_a_module() -> None:
    process = subprocess.run(
        [sys.executable, "-m", "posedeploy", "--help"], capture_output=True, text=True, check=True
    )
    assert "export" in process.stdout
