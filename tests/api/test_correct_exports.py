"""No correct export of any family to any target on a CPU is outside its tolerance, on the default inputs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

import posedeploy as pd
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.types import Model
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import write_crop_network
from tests.support.reference_cases import BUNDLED, Case

pytestmark = pytest.mark.usefixtures("three_branches")
TARGETS = ("torchscript", "onnx", "openvino", "tflite")
Size: TypeAlias = tuple[int, int] | None
Load: TypeAlias = Callable[[Path], Model]


def _crop(name: str) -> Load:
    return lambda folder: load_checkpoint(write_crop_network(name, folder / "net.pth"))


def _published(name: str) -> Load:
    return lambda folder: load_checkpoint(Case(BUNDLED / name).write(folder / "net.pth"))


def _pose2mesh(folder: Path) -> Model:
    return load_checkpoint(write(small_pose2mesh(), folder / "net.pth"), mesh=folder / "faces.npy")


FAMILIES: Mapping[str, tuple[Load, Size]] = {
    "lightweight-openpose-2d": (_published("lightweight-openpose-2d"), (64, 96)),
    "lightweight-openpose-3d": (_published("lightweight-openpose-3d"), (64, 96)),
    "mobile-human-pose": (_crop("mobile"), None),
    "pose-hg-3d": (_crop("hg"), (64, 64)),
    "pose-hg-3d without depth": (_crop("hg2d"), (64, 64)),
    "gtrs": (lambda folder: load_checkpoint(write(small_gtrs(), folder / "net.pth")), None),
    "pose2mesh": (_pose2mesh, None),
}


def _compare(artifacts: list[pd.Artifact], folder: Path, name: str) -> pd.ParityReport:
    mesh = folder / "faces.npy" if name == "pose2mesh" else None
    return pd.compare(artifacts, threads=2, mesh=mesh)


@pytest.mark.slow
@pytest.mark.parametrize("name", FAMILIES)
def test_a_correct_export_passes(name: str, tmp_path: Path) -> None:
    load, size = FAMILIES[name]
    options = pd.ExportOptions(input_size=size)
    artifacts = pd.export(load(tmp_path), TARGETS, tmp_path / "out", options=options)
    report = _compare(artifacts, tmp_path, name)
    assert not report.errors
    assert [result.failures for result in report.results] == [()] * len(TARGETS)
    assert {stage.status for result in report.results for stage in result.stages} <= {"same", "within limits"}


@pytest.mark.slow
def test_a_correct_export_in_fp16_passes(tmp_path: Path) -> None:
    # Its products with constant matrices are not layers, and they round their results too.
    artifacts = pd.export(_pose2mesh(tmp_path), "onnx", tmp_path, options=pd.ExportOptions(precision="fp16"))
    [result] = _compare(artifacts, tmp_path, "pose2mesh").results
    assert result.failures == () and result.floor is not None


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lightweight-openpose-2d", "pose-hg-3d", "pose2mesh"])
def test_a_correct_export_with_dynamic_axes_passes(name: str, tmp_path: Path) -> None:
    load, size = FAMILIES[name]
    options = pd.ExportOptions(dynamic=True, input_size=size)
    [artifact] = pd.export(load(tmp_path), "onnx", tmp_path / "out", options=options)
    [result] = _compare([artifact], tmp_path, name).results
    assert result.failures == ()
