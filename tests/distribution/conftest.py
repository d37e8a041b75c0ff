"""The wheel and the sdist that the tests check."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.docs.pages import ROOT


@dataclass(frozen=True)
class Distribution:
    """The files of one release."""

    wheel: Path
    sdist: Path


@pytest.fixture(scope="session")
def distribution(tmp_path_factory: pytest.TempPathFactory) -> Distribution:
    """The files in the folder that POSEDEPLOY_DIST names; without it, built from this checkout."""
    folder = os.environ.get("POSEDEPLOY_DIST") or build(tmp_path_factory.mktemp("dist"))
    (wheel,) = Path(folder).resolve().glob("*.whl")
    (sdist,) = Path(folder).resolve().glob("*.tar.gz")
    return Distribution(wheel, sdist)


def build(folder: Path) -> Path:
    """Build the sdist, and from it the wheel."""
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, ROOT]
    result = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, result.stdout + result.stderr
    return folder
