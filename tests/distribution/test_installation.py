"""The wheel and the sdist, each installed into an empty environment with one extra."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

from posedeploy import __version__
from posedeploy.api.pose_estimator import load
from posedeploy.checkpoints.sample import open_sample
from posedeploy.convert.export import export
from posedeploy.families import FAMILIES
from posedeploy.synthetic.coco_annotations import write_images
from tests.distribution.conftest import Distribution
from tests.docs.pages import ROOT
from tests.support.virtual_environments import create_environment

pytestmark = pytest.mark.slow
TARGETS = {"onnxruntime": "onnx", "openvino": "openvino", "litert": "tflite"}
"""The target that the runtime of each extra runs."""
PACKAGES = {"onnxruntime": "onnxruntime", "openvino": "openvino", "litert": "ai_edge_litert"}


@dataclass(frozen=True)
class Files:
    """An image of people and the sample as the target of each extra."""

    image: Path
    artifacts: dict[str, Path]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Files:
    folder = tmp_path_factory.mktemp("files")
    write_images(folder, 1, seed=8, size=(256, 456), people=2)
    artifacts = export(open_sample(), TARGETS.values(), folder)
    return Files(folder / "000000.png", dict(zip(TARGETS, (one.path for one in artifacts), strict=True)))


@pytest.mark.parametrize(("kind", "extra"), [("sdist", ""), *(("wheel", each) for each in ("", *TARGETS))])
def test_a_session_in_an_empty_environment(
    distribution: Distribution, kind: str, extra: str, files: Files, tmp_path: Path
) -> None:
    requirement = f"{getattr(distribution, kind)}[{extra}]" if extra else str(getattr(distribution, kind))
    program = create_environment(
        tmp_path / "environment", "--constraint", str(ROOT / "constraints.txt"), requirement
    )

    def posedeploy(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
        return run(program / "posedeploy", *arguments, folder=tmp_path)

    assert succeeded(posedeploy("--version")) == f"posedeploy {__version__}\n"
    assert set(FAMILIES) <= set(succeeded(posedeploy("families")).splitlines())
    doctor = succeeded(posedeploy("doctor"))
    for other, artifact in files.artifacts.items():
        command = posedeploy("predict", artifact, files.image, "-o", "poses")
        hint = f"pip install 'posedeploy[{other}]'"
        if other == extra:
            succeeded(command)
            check_people(tmp_path / "poses" / "poses.json", artifact, files.image)
            assert f"{PACKAGES[extra]} " in doctor.splitlines()[-1]
            assert hint not in doctor
        else:
            assert command.returncode == 1
            assert command.stderr == (
                f"error: this needs the package {PACKAGES[other]}, which is not installed; "
                f"install it with: {hint}\n"
            )
            assert hint in doctor


def run(*command: str | Path, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a program of the environment, which must not find this checkout."""
    variables = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    return subprocess.run(
        command,
        cwd=folder,
        env=variables | {"COLUMNS": "120"},
        capture_output=True,
        text=True,
        timeout=300,
    )


def succeeded(command: subprocess.CompletedProcess[str]) -> str:
    assert command.returncode == 0, command.stdout + command.stderr
    return command.stdout


def check_people(written: Path, artifact: Path, image: Path) -> None:
    """Check that the written poses are those that this checkout finds."""
    with load(artifact) as pose:
        expected = json.loads(pose(image).to_json())["annotations"]
    assert expected and json.loads(written.read_text(encoding="utf-8"))["annotations"] == expected
