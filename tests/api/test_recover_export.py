"""Export with recovered accuracy: the better weights are written, or nothing."""

from __future__ import annotations

import copy
import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import cv2
import pytest
import torch

from posedeploy import manifest
from posedeploy.api.exporting import export
from posedeploy.calibration.held_out import PARTS, count_calibrating
from posedeploy.convert.export_options import ExportOptions, TfliteOptions
from posedeploy.convert.recovery import distill
from posedeploy.errors import ExportError, InputError
from posedeploy.staging.recovery import PREFIX
from posedeploy.synthetic import generate_scene
from posedeploy.types import Model

IMAGES = 16
ROOT = Path(__file__).parents[2]
OPTIONS = ExportOptions(precision="int8", recover=5.0, recover_steps=4)
ENOUGH = next(number for number in count(1) if count_calibrating(number) > 4 * (PARTS - 1))
"""The number of images that gives eight batches of 4 besides the held-out ones."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> str:
    folder = tmp_path_factory.mktemp("photos with ü")
    for index in range(IMAGES):
        cv2.imwrite(str(folder / f"{index:02}.png"), generate_scene(77, index, (80, 64)).image)
    return str(folder)


@pytest.fixture(scope="module")
def planted(tiny: Model) -> Model:
    """The tiny network with a channel 50 times as large as the others, but the same results."""
    module = copy.deepcopy(tiny.module)
    with torch.no_grad():
        module.stem[1].weight[0] *= 50
        module.stem[1].bias[0] *= 50
        module.body[0].weight[:, 0] /= 50
    return replace(tiny, module=module)


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openvino", "onnx", "tflite"])
def test_recovery_reduces_the_error_on_held_out_images(
    target: str, planted: Model, photos: str, tmp_path: Path
) -> None:
    options = replace(OPTIONS, calibration=(photos,))
    weights = copy.deepcopy(planted.module.state_dict())
    (artifact,) = export(planted, target, tmp_path, "a", options)
    record = artifact.recovery
    assert record is not None and record == manifest.read(artifact.path).recovery
    assert record.is_used and record.total_steps == 4
    assert record.after.output_error < 0.7 * record.before.output_error
    assert artifact.calibration is not None
    assert record.images + record.validation == artifact.calibration.count == IMAGES - record.held_out
    assert all(torch.equal(weights[name], each) for name, each in planted.module.state_dict().items())
    assert artifact.provenance is not None and artifact.provenance.options["recover"] == "5.0"
    assert artifact.provenance.checkpoint_sha256 == planted.sha256
    written = {path.name for path in tmp_path.iterdir()}
    assert written == {*artifact.files, manifest.path_of(artifact.path).name}


@pytest.mark.slow
def test_the_original_weights_are_kept_if_the_trained_ones_are_not_better(
    planted: Model, photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    def ruin(teacher: Any, start: distill.Student, *_: Any) -> distill.Trained:
        torch.nn.init.zeros_(next(start.network.parameters()))
        return distill.Trained(start.network, 1, 1, 1.0, 0.5)

    monkeypatch.setattr("posedeploy.convert.recovery.recover.distill", ruin)
    (artifact,) = export(planted, "openvino", tmp_path, "a", replace(OPTIONS, calibration=(photos,)))
    record = artifact.recovery
    assert record is not None and not record.is_used
    assert record.before.output_error < record.after.output_error
    assert "training did not improve the file for openvino (output error " in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["equalizing channels", "recovering accuracy", "measuring the file"])
def test_ctrl_c_leaves_nothing_behind(
    phase: str, planted: Model, photos: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(current: str, fraction: float | None) -> None:
        if current.startswith(phase):
            raise KeyboardInterrupt

    folder, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # torch keeps it
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    with pytest.raises(KeyboardInterrupt):
        export(planted, "openvino", folder, None, replace(OPTIONS, calibration=(photos,)), interrupt)
    assert not folder.exists() and not list(temporary.iterdir())


@pytest.mark.slow
def test_a_killed_export_keeps_the_previous_artifact_and_the_next_write_removes_its_files(
    tiny: Model, photos: str, tmp_path: Path
) -> None:
    folder, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    (before,) = export(tiny, "openvino", folder, "a")
    phases = ("recovering accuracy", "quantizing", "measuring the file")
    command = [sys.executable, "-W", "ignore", "-m", "tests.staging.kill_recover", folder, photos, *phases]
    environment = os.environ | {"TMPDIR": str(temporary), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path / "cache")}
    child = subprocess.run(
        [*map(str, command)], cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True, check=True
    )
    results = json.loads(child.stdout)
    names = sorted([*before.files, manifest.path_of(before.path).name])
    for phase in phases:
        assert results[phase]["status"] == -signal.SIGKILL, (tmp_path / "errors").read_text()
        assert [name for name in results[phase]["after_kill"] if not name.startswith(PREFIX)] == names
        assert results[phase]["after_write"] == names
    assert len(results["measuring the file"]["after_kill"]) > len(names), "it was killed too early"
    assert manifest.read(before.path) == before
    assert not list(temporary.iterdir())


@pytest.mark.parametrize(
    ("changes", "target", "error", "message"),
    [
        ({"recover": 0.0}, "openvino", InputError, r"^`recover=0`: expected a number of minutes above 0$"),
        ({"recover": float("nan")}, "openvino", InputError, r"^`recover=nan`: expected a number of minutes "),
        ({"recover_steps": 0}, "openvino", InputError, r"^`recover_steps=0`: expected at least 1$"),
        (
            {"recover": None},
            "openvino",
            InputError,
            r"^`recover_steps=4`: only valid with `recover`; add `recover`, or leave `recover_steps` out$",
        ),
        (
            {"precision": "bf16"},
            "openvino",
            InputError,
            r"^`recover=5`: only valid with `precision=int8 or mixed`; pass one of these, or leave ",
        ),
        (
            {"tflite": TfliteOptions(activations="dynamic")},
            "tflite",
            ExportError,
            r"^`recover=5`: `activations=dynamic` measures the ranges in each run, and the training needs ",
        ),
        (
            {"calibration_images": 15},
            "openvino",
            InputError,
            r"^`calibration=.*`: 15 images, too few to hold out a quarter of them for measuring; pass at ",
        ),
        (
            {"batch": 4},
            "openvino",
            InputError,
            r"^`recover=5`: 12 calibration images in 3 batches, too few to train on; pass at least "
            rf"{ENOUGH} images as `calibration`, with `calibration_images={ENOUGH}` or more, or export with "
            r"`batch=1`$",
        ),
        (
            {"calibration": (), "calibration_images": 3},
            "openvino",
            InputError,
            r"^`recover=5`: 3 calibration images in 3 batches, too few to train on; pass "
            r"`calibration_images=8` or more$",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused(
    changes: dict[str, Any],
    target: str,
    error: type[Exception],
    message: str,
    tiny: Model,
    photos: str,
    tmp_path: Path,
) -> None:
    defaults: dict[str, Any] = {"calibration": (photos,), "calibration_images": 16}
    options = replace(OPTIONS, **defaults | changes)
    if options.tflite.activations == "dynamic":
        options = replace(options, calibration=())
    with pytest.raises(error, match=message):
        export(tiny, target, tmp_path / "out", None, options)
    assert not (tmp_path / "out").exists()
