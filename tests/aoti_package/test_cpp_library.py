"""Packages whose compiler links parts of its own C++ library into them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COMPILER = """#!/bin/sh
case " $* " in *" -shared "*) exec {path} "$@" -static-libstdc++ ;; esac
exec {path} "$@"
"""
EXPORT_AND_RUN = """
from pathlib import Path

import numpy as np

from posedeploy.convert.export import export
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import RunOptions
from tests.support.networks import outputs_of, tiny_image, tiny_model

(artifact,) = export(tiny_model(), ["aoti"], Path(), "tiny")
with open_runner(artifact, RunOptions(threads=1)) as runner:
    outputs = runner.run(tiny_image(0))
for name, expected in outputs_of(tiny_model(), tiny_image(0)).items():
    np.testing.assert_allclose(outputs[name], expected, rtol=1e-4, atol=1e-5)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux" or shutil.which("g++") is None, reason="needs g++ on Linux")
def test_a_package_with_its_own_cpp_library_runs_as_in_its_trial(tmp_path: Path) -> None:
    compiler = tmp_path / "bin" / "g++"
    compiler.parent.mkdir()
    compiler.write_text(COMPILER.format(path=shutil.which("g++")))
    compiler.chmod(0o755)
    (tmp_path / "run.py").write_text(EXPORT_AND_RUN)
    ended = subprocess.run(
        [sys.executable, "run.py"],
        cwd=tmp_path,
        env={**os.environ, "CXX": str(compiler), "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
