"""The reports of ``compare``, ``benchmark`` and ``evaluate``, which the commands write as JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest

import posedeploy as pd
from posedeploy.convert.export_options import ExportPrecision
from posedeploy.synthetic.coco_annotations import NAME, write_images
from posedeploy.types import Artifact
from tests.commands.conftest import Invoke
from tests.test_docs import undocumented


def test_compare_passes_a_correct_artifact(artifact: Artifact, photo_file: Path, done: Invoke) -> None:
    report = pd.compare(artifact, images=str(photo_file), threads=1)
    assert report.passed and report.failures == () and not report.errors
    assert undocumented(report.to_json()) == []
    done("parity", artifact.path, "--images", photo_file, "--threads", 1, "--json", "p.json")
    assert _shape(json.loads(report.to_json())) == _shape(json.loads(Path("p.json").read_text()))


def test_compare_reports_an_artifact_of_other_weights(
    artifact: Artifact, networks: Path, caplog: pytest.LogCaptureFixture
) -> None:
    report = pd.compare([artifact.path], checkpoint=networks / "other.pth", rtol=1e-4, threads=1)
    assert not report.passed
    assert report.failures[0].startswith(f"{artifact.path}: ")
    assert not json.loads(report.to_json())["passed"]
    assert "using it anyway, because you passed `checkpoint`" in caplog.text


def test_compare_reports_an_artifact_that_does_not_run(
    artifact: Artifact, networks: Path, tmp_path: Path
) -> None:
    model, options = pd.load_checkpoint(networks / "hg.pth"), pd.ExportOptions(precision="fp16")
    (half,) = pd.export(model, "torchscript", tmp_path, "half", options)
    report = pd.compare([artifact, half], precision="fp32", threads=1)
    assert [result.label for result in report.results] == [str(artifact.path)]
    assert "was exported in fp16" in report.errors[str(half.path)]
    assert report.errors[str(half.path)] in report.failures and not report.passed


@pytest.mark.parametrize(
    ("target", "precision", "reported", "rtol"),
    [("torchscript", "bf16", "bf16", 8e-3), ("openvino", "fp16", "fp32", 1e-3)],
)
def test_compare_runs_an_artifact_in_its_own_precision(
    target: str,
    precision: ExportPrecision,
    reported: str,
    rtol: float,
    networks: Path,
    tmp_path: Path,
) -> None:
    model, options = pd.load_checkpoint(networks / "hg.pth"), pd.ExportOptions(precision=precision)
    (result,) = pd.compare(pd.export(model, target, tmp_path, "hg", options), threads=1).results
    assert (result.runtime_info.precision, result.tolerance.rtol) == (reported, rtol)
    assert not result.failures


def test_benchmark_times_an_artifact_and_pytorch(artifact: Artifact, done: Invoke) -> None:
    report = pd.benchmark([artifact], runs=1, threads=1)
    assert [result.label for result in report.results] == ["hg.pth (PyTorch)", "hg.torchscript"]
    assert report.results[1].speedup is not None
    assert len(report.results[0].times_s) == 1
    assert undocumented(report.to_json()) == []
    done("bench", artifact.path, "--runs", 1, "--threads", 1, "--json", "b.json")
    assert _shape(json.loads(report.to_json())) == _shape(json.loads(Path("b.json").read_text()))


def test_benchmark_times_files_of_different_precisions_together(
    artifact: Artifact, networks: Path, tmp_path: Path
) -> None:
    model, options = pd.load_checkpoint(networks / "hg.pth"), pd.ExportOptions(precision="bf16")
    (half,) = pd.export(model, "torchscript", tmp_path, "half", options)
    report = pd.benchmark([artifact, half], runs=1, threads=1)
    precisions = {result.label: result.runtime_info.precision for result in report.results}
    assert precisions == {"hg.pth (PyTorch)": "fp32", "hg.torchscript": "fp32", "half.torchscript": "bf16"}
    with pytest.raises(pd.PoseDeployError, match=r"half\.torchscript was exported in bf16"):
        pd.benchmark([artifact, half], runs=1, precision="fp32")


def test_benchmark_times_a_loaded_model(networks: Path) -> None:
    report = pd.benchmark(pd.load_checkpoint(networks / "hg2d.pth"), runs=1, threads=1, batch=2)
    assert [(result.label, result.batch) for result in report.results] == [("hg2d.pth", 2)]


def test_a_loaded_model_has_no_footprint(networks: Path) -> None:
    with pytest.raises(pd.PoseDeployError, match=r"`footprint`: .*hg2d\.pth is loaded in this process"):
        pd.benchmark(pd.load_checkpoint(networks / "hg2d.pth"), runs=1, footprint=True)


@pytest.mark.parametrize("call", [pd.compare, pd.benchmark])
def test_an_empty_list_of_models_is_refused(call: object) -> None:
    assert callable(call)
    with pytest.raises(pd.PoseDeployError, match="no model; pass at least one"):
        call([])


def test_a_checkpoint_is_not_compared_with_itself(networks: Path) -> None:
    with pytest.raises(
        pd.PoseDeployError, match=r"^`artifacts`: wrong type; found Model; expected Artifact or "
    ):
        pd.compare(pd.load_checkpoint(networks / "hg.pth"))  # type: ignore[arg-type]


def test_unknown_keywords_are_refused(artifact: Artifact) -> None:
    with pytest.raises(TypeError, match="famly"):
        pd.compare(artifact, famly="gtrs")  # type: ignore[call-arg]


@pytest.mark.parametrize(
    "options",
    [
        {"rtol": -1},
        {"max_px": float("nan")},
        {"max_mm": -0.5},
        {"rtol": math.inf},
        {"max_px": math.inf},
        {"max_mm": math.inf},
    ],
)
def test_invalid_tolerances_are_refused(artifact: Artifact, options: dict[str, float]) -> None:
    with pytest.raises(pd.PoseDeployError, match="expected a tolerance of at least 0"):
        pd.compare(artifact, **options)  # type: ignore[arg-type]


def test_evaluate_returns_the_scores(tmp_path: Path, done: Invoke) -> None:
    pytest.importorskip("pycocotools")
    write_images(tmp_path, 2, seed=3)
    report = pd.evaluate("sample", tmp_path / NAME, tmp_path, limit=1, threads=1)
    assert report.ap == report.evaluation.slices[0].ap
    assert report.ar is not None
    assert undocumented(report.to_json()) == []
    images = ("--annotations", tmp_path / NAME, "--images", tmp_path)
    done("evaluate", *images, "--limit", 1, "--threads", 1, "--json", "e.json")
    document = json.loads(Path("e.json").read_text())
    assert _shape(json.loads(report.to_json())) == _shape(document)
    assert document["slices"][0]["ap"] == report.ap


def _shape(document: object) -> object:
    """Return the keys of a document, without its values."""
    if isinstance(document, dict):
        return {key: _shape(value) for key, value in document.items()}
    return [_shape(each) for each in document[:1]] if isinstance(document, list) else None
