"""Export under a budget: layers are put back until the poses are within it, or nothing is written."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from posedeploy import manifest
from posedeploy.api import budget_fitting, budget_inputs
from posedeploy.api.budget_inputs import build_held_out_inputs
from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_checkpoint, load_sample
from posedeploy.api.parity_inputs import JPEG_QUALITY, build_parity_inputs
from posedeploy.benchmarks.input_shapes import with_fixed_size
from posedeploy.benchmarks.inputs import build_image_input
from posedeploy.benchmarks.synthetic_inputs import generate_images
from posedeploy.calibration.collect import collect
from posedeploy.commands.budget_tables import budget_lines, budget_table
from posedeploy.convert import openvino
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import ExportError, InputError
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.synthetic import generate_scene
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Artifact, Model, RunOptions
from tests.support.lifting import small_pose2mesh, write
from tests.support.openvino_processor import NEEDS_BF16
from tests.support.shared_graphs import share_graphs

SIZE = (128, 192)
SCENES = 16
INT8 = ExportOptions(precision="int8", input_size=SIZE, calibration_images=SCENES, budget=("1000px", "100%"))


@pytest.fixture(scope="module", autouse=True)
def few_runs() -> Iterator[None]:
    """Time each file twice only, and export the ONNX graph of each network once."""
    with pytest.MonkeyPatch.context() as patch:
        share_graphs(patch)
        patch.setattr(budget_fitting, "RUNS", 2)
        patch.setattr(budget_fitting, "WARM_UP", 0)
        yield


@pytest.fixture(scope="module")
def sample() -> Model:
    return load_sample()


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of synthetic people that the sample finds."""
    folder = tmp_path_factory.mktemp("photos with ü")
    for index in range(SCENES):
        cv2.imwrite(str(folder / f"{index:02}.png"), generate_scene(77, index, (192, 128)).image)
    return folder


@pytest.fixture(scope="module")
def loose(sample: Model, photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The sample in INT8 under a budget that every file meets."""
    options = replace(INT8, calibration=(str(photos),))
    return export(sample, "openvino", tmp_path_factory.mktemp("loose"), None, options)[0]


def _count_int8(artifact: Artifact) -> str:
    with open_runner(artifact, RunOptions()) as runner:
        return str(runner.runtime_info.details["layers"])


@pytest.mark.slow
def test_no_layer_is_put_back_if_the_budget_holds(loose: Artifact) -> None:
    record = loose.budget
    assert record is not None and record == manifest.read(loose.path).budget
    assert record.float_layers == () and record.layers > 10 and record.trials == 1
    assert record.before == record.after
    assert record.before.errors["px"] > 0 and record.before.median_ms and record.pytorch_ms > 0
    assert record.budget == "1000 px, 100% unmatched keypoints"
    assert record.held_out.people > 0 and record.held_out.keypoints >= record.held_out.people
    assert loose.calibration is not None
    assert len(record.held_out.pixels) + loose.calibration.count == SCENES
    assert set(record.held_out.pixels).isdisjoint(loose.calibration.pixels)
    assert record.jpeg is not None and record.jpeg.errors["px"] > 0


@pytest.mark.slow
def test_layers_are_put_back_until_a_tighter_budget_holds(
    sample: Model, photos: Path, loose: Artifact, tmp_path: Path
) -> None:
    assert loose.budget is not None
    px = 0.7 * loose.budget.before.errors["px"]
    options = replace(INT8, calibration=(str(photos),), budget=(f"{px}px", "100%"))
    phases: list[str] = []
    (artifact,) = export(
        sample, "openvino", tmp_path, None, options, lambda phase, fraction: phases.append(phase)
    )
    record = artifact.budget
    assert record is not None and record.is_complete
    assert 0 < len(record.float_layers) < record.layers
    assert record.after.errors["px"] <= px < record.before.errors["px"]
    assert _count_int8(artifact) != _count_int8(loose)
    assert any(phase.startswith("ranking layers, trial 3 of at most ") for phase in phases)
    assert {path.name for path in tmp_path.iterdir()} == {
        "sample-int8.xml", "sample-int8.bin", "sample-int8.xml.posedeploy.json"
    }  # fmt: skip
    assert len(budget_table(record).rows) == 3
    _, layers, *_ = budget_lines(record)
    assert layers.startswith(f"{len(record.float_layers)} of {record.layers} layers put back ")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("precision", "what"),
    [
        ("int8", r"even with all \d+ layers put back to floating point"),
        pytest.param("bf16", "in bf16, where no layer can be put back to floating point", marks=NEEDS_BF16),
    ],
)
def test_a_budget_that_cannot_be_met_is_reported_with_the_best_result_and_leaves_nothing(
    precision: Any, what: str, sample: Model, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # torch keeps it
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    options = replace(INT8, precision=precision, images=(str(photos),), budget=("0px",))
    message = (
        rf"^`budget=0px`: cannot be met {what}: .*keypoints differ by .* px at the 95th percentile "
        r".*, budget 0 px\. Reached: .* px, .*% unmatched keypoints, .* ms.*\. "
        r"Allow larger differences, or choose a higher `precision`$"
    )
    with pytest.raises(ExportError, match=message):
        export(sample, "openvino", folder, None, options)
    assert not folder.exists() and not list(temporary.iterdir())


@pytest.mark.slow
@pytest.mark.parametrize("phase", ["measuring poses", "timing"])
def test_ctrl_c_leaves_nothing_behind(
    phase: str, sample: Model, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(current: str, fraction: float | None) -> None:
        if current.startswith(phase):
            raise KeyboardInterrupt

    folder, temporary = tmp_path / "out", tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # torch keeps it
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    options = replace(INT8, images=(str(photos),))
    with pytest.raises(KeyboardInterrupt):
        export(sample, "openvino", folder, None, options, interrupt)
    assert not folder.exists() and not list(temporary.iterdir())


def test_mixed_precision_under_a_budget_needs_bf16_instructions(
    sample: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(openvino, "_has_bf16", lambda: False)
    with pytest.raises(ExportError, match=r"^`precision=mixed`: this CPU has no bf16 instructions, so "):
        export(sample, "openvino", tmp_path, None, replace(INT8, precision="mixed"))
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_lifter_has_a_budget_in_mm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # With one thread, OpenVINO 2026.4 cannot compile small Pose2Mesh networks.
    monkeypatch.setattr("posedeploy.runtimes.run_options.physical_cores", lambda: 2)
    model = load_checkpoint(write(small_pose2mesh(), tmp_path / "a.pth"), mesh=tmp_path / "faces.npy")
    options = ExportOptions(precision="int8", calibration_images=16, budget=("1e6mm",))
    (artifact,) = export(model, "openvino", tmp_path / "out", None, options)
    assert artifact.budget is not None
    assert artifact.budget.held_out.source == "synthetic people" and artifact.budget.jpeg is None
    assert artifact.budget.before.errors["vertex_mm"] > 0


@pytest.mark.slow
def test_a_file_without_int8_layers_is_not_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(openvino, "_has_bf16", lambda: False)
    monkeypatch.setattr("posedeploy.runtimes.run_options.physical_cores", lambda: 2)
    model = load_checkpoint(write(small_pose2mesh(), tmp_path / "a.pth"), mesh=tmp_path / "faces.npy")
    options = ExportOptions(precision="int8", calibration_images=16, budget=("0.01mm",), budget_minutes=0.001)
    message = r"^`budget=0.01mm`: `budget_minutes=0.001` was not enough to find INT8 layers that meet it; "
    with pytest.raises(ExportError, match=message):
        export(model, "openvino", tmp_path / "out", None, options)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"precision": "fp32"},
            r"^`budget=1px`: only exports below fp32 have a budget; pass a lower `precision`, or use "
            r"posedeploy parity --budget$",
        ),
        ({"budget": ("1mm",)}, r"^`budget`: this lightweight-openpose-2d has no 3D positions; "),
        ({"budget": ("1",)}, r"^`budget=1`: expected a number and one of the units "),
        ({"budget": ("nanpx",)}, r"^`budget=nanpx`: expected a number and one of the units "),
        ({"budget": ("1px", "2px")}, r"^`budget=2px`: a second limit for this unit; "),
        ({"budget_minutes": 0.0}, r"^`budget_minutes=0`: expected a number of minutes above 0$"),
        ({"budget_minutes": float("nan")}, r"^`budget_minutes=nan`: expected a number of minutes above 0$"),
        ({"images": ("missing",)}, r"^missing: "),
        (
            {"budget": (), "images": ("a",)},
            r"^`images=a`: only valid with `budget` or `recover`; add one of these, or leave `images` out$",
        ),
        (
            {"budget": (), "budget_minutes": 5.0},
            r"^`budget_minutes=5`: only valid with `budget`; add `budget`, or leave `budget_minutes` out$",
        ),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_runs(
    changes: dict[str, Any], message: str, sample: Model, tmp_path: Path
) -> None:
    options = replace(ExportOptions(precision="int8", budget=("1px",)), **changes)
    with pytest.raises(InputError, match=message):
        export(sample, "openvino", tmp_path, None, options)
    assert not list(tmp_path.iterdir())


def test_images_that_calibrated_the_network_are_refused(photos: Path, sample: Model) -> None:
    options = replace(INT8, calibration=(str(photos),), images=(str(photos),))
    calibration = collect(sample.spec, options.calibration, SCENES).record
    with pytest.raises(
        InputError, match=r"^`images=.*`: 16 of 16 images were used to calibrate this network, "
    ):
        build_held_out_inputs(sample.spec, sample.spec, options, calibration)


def test_copies_of_one_image_cannot_be_split(tmp_path: Path, sample: Model) -> None:
    image = generate_scene(77, 0, (192, 128)).image
    for index in range(SCENES):
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    options = replace(INT8, calibration=(str(tmp_path),))
    calibration = collect(sample.spec, options.calibration, SCENES, holds_out=True).record
    with pytest.raises(InputError, match=r"no image can be held out to compare poses, because all of them "):
        build_held_out_inputs(sample.spec, sample.spec, options, calibration)


def test_an_image_that_is_too_thin_is_left_out(
    photos: Path, tmp_path: Path, sample: Model, caplog: pytest.LogCaptureFixture
) -> None:
    thin = tmp_path / "thin.png"
    cv2.imwrite(str(thin), np.zeros((1, 2000, 3), np.uint8))
    options = replace(INT8, images=(str(thin), str(next(photos.iterdir()))))
    inputs = build_held_out_inputs(sample.spec, sample.spec, options, None)
    assert len(inputs) == len(inputs.pixels) == 1
    assert (
        "left out of the held-out images: thin.png: an image of 2000x1 px would need a network" in caplog.text
    )
    pairs = build_parity_inputs(sample.spec, sample.spec, [thin, photos / "01.png"], {}).pairs
    assert len(pairs.files) == 1
    assert "left out: thin.png: an image of 2000x1 px would need a network" in caplog.text
    with pytest.raises(InputError, match=r"^no image can be used to compare poses: thin\.png: an image of"):
        build_held_out_inputs(sample.spec, sample.spec, replace(options, images=(str(thin),)), None)


def test_a_single_person_network_is_compared_on_boxes_of_people(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.spec.contract is not None
    spec = with_fixed_size(replace(tiny.spec, contract=replace(tiny.spec.contract, fit="box")))
    monkeypatch.setattr(budget_inputs, "SYNTHETIC_IMAGES", 2)
    inputs = build_held_out_inputs(spec, spec, INT8, None)
    images = list(generate_images(spec, 2, budget_inputs.SEED))
    for pair, jpeg, image in zip(inputs, inputs.jpegs(), images, strict=True):
        (expected,) = build_image_input(spec, *image).tensors.values()
        compressed = image._replace(image=round_trip_jpeg(image.image, JPEG_QUALITY))
        (saved,) = build_image_input(spec, *compressed).tensors.values()
        for each, array in ((pair[0], expected), (pair[1], expected), (jpeg[1], saved)):
            np.testing.assert_array_equal(each.tensors["data"], array)


def _blank(folder: Path, model: Model) -> Model:
    cv2.imwrite(str(folder / "black.png"), np.zeros((128, 192, 3), np.uint8))
    return model


def _without_numbers(folder: Path, model: Model) -> Model:
    cv2.imwrite(str(folder / "people.png"), generate_scene(77, 0, (192, 128)).image)
    damaged = replace(load_sample(), sha256="0" * 64)
    with torch.no_grad():
        next(damaged.module.parameters()).fill_(float("nan"))
    return damaged


@pytest.mark.slow
@pytest.mark.parametrize(
    ("prepare", "message"),
    [
        (
            _blank,
            r"^`budget`: PyTorch finds no people in the 1 held-out images \(`images=.*`\), so ",
        ),
        (_without_numbers, r"^`budget`: PyTorch returns values that are not finite in .* on people.png, "),
    ],
)
def test_images_that_prove_nothing_are_refused(
    prepare: Callable[[Path, Model], Model], message: str, sample: Model, tmp_path: Path
) -> None:
    photos = tmp_path / "photos"
    photos.mkdir()
    model = prepare(photos, sample)
    options = replace(INT8, precision="bf16", images=(str(photos),), budget=("1px",))
    with pytest.raises(InputError, match=message):
        export(model, "openvino", tmp_path / "out", None, options)
    assert not (tmp_path / "out").exists()
