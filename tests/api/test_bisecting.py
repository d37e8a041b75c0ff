"""``bisect`` finds the layer that tests have damaged in an artifact."""

from __future__ import annotations

import dataclasses
import weakref
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from torch import nn

import posedeploy as pd
from posedeploy.api.bisect_inputs import Measure, select_input
from posedeploy.api.bisect_report import BisectReport, OutputDifference
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.api.parity_inputs import InputPairs
from posedeploy.benchmarks.inputs import NetworkInput
from posedeploy.bisection.arithmetic import Arithmetic, OnDevice, arithmetic_of, operator_name, run_in_fp32
from posedeploy.convert.export_options import TfliteOptions, ignore_progress
from posedeploy.errors import ArtifactError, InputError
from posedeploy.types import DATA_DEPENDENT, Artifact, Model, ModelSpec, RunOptions, TensorSpec
from tests.support.faulty_networks import leave_stale_statistics, overflow, perturb_layer
from tests.support.layered_network import (
    CHANNELS_LAST,
    STAGES,
    Damage,
    keep,
    line_of,
    load_network,
    write_checkpoint,
    write_network,
)
from tools import preset_networks


@torch.no_grad()
def replace(network: nn.Module) -> None:
    weight = network.get_parameter("blocks.1.conv.weight")
    weight.copy_(torch.randn(weight.shape, generator=torch.Generator().manual_seed(5)))


def examine(folder: Path, damage: Damage, target: str, *, align_corners: bool = True) -> BisectReport:
    """Export damaged weights, and compare the artifact with the right checkpoint."""
    network = write_network(folder)
    exported = write_network(folder, "exported", align_corners=align_corners)
    built = load_network(network)
    right = write_checkpoint(built, folder / "right.pth")
    wrong = write_checkpoint(built, folder / "wrong.pth", damage)
    model = load_checkpoint(wrong, network=exported)
    [artifact] = pd.export(model, target, folder / "out")
    return pd.bisect(artifact, checkpoint=right, network=network)


@pytest.mark.parametrize(
    "damage",
    [
        perturb_layer,
        *(pytest.param(each, marks=pytest.mark.slow) for each in (replace, leave_stale_statistics)),
    ],
)
def test_a_damaged_layer_is_found_with_its_line(damage: Damage, tmp_path: Path) -> None:
    report = examine(tmp_path, damage, "onnx")
    first = report.first
    assert first is not None
    assert not report.passed
    assert (first.layer.module, first.operation.module) == ("blocks.1.conv", "blocks.1.norm")
    assert first.layer.source is not None
    assert first.layer.source.line == line_of("self.conv(x)")
    assert first.error > 1000 * first.floor
    assert len(report.faults) == 1
    [ranked] = report.ranking
    assert ranked.layer == first.layer
    assert ranked.alone.rms < 1e-5 < report.difference.rms
    assert ("BatchNorm" in first.hint) == (damage is leave_stale_statistics)
    described = dataclasses.replace(report, faults=(), preprocessing=("contract.fit is crop instead of pad",))
    assert not described.passed
    assert described.verdict.startswith("the preprocessing differs: contract.fit is crop instead of pad; on")


@torch.no_grad()
def disturb(network: nn.Module) -> None:
    """Give a layer errors as large as those of cuDNN's Winograd kernels."""
    weight = network.get_parameter("blocks.1.conv.weight")
    weight *= 1 + 1e-4 * torch.randn(weight.shape, generator=torch.Generator().manual_seed(5))


def compute_like_winograd(function: Any, args: Any, kwargs: Any) -> Any:
    result = run_in_fp32(function, args, kwargs)
    return result * (1 + 1e-4 * torch.randn_like(result)) if "conv" in operator_name(function) else result


@pytest.mark.parametrize("execute", [run_in_fp32, compute_like_winograd])
def test_the_noise_floor_is_that_of_the_device(
    execute: Arithmetic, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("posedeploy.api.bisecting.choose_execution", lambda device: (execute, "stand-in"))
    report = examine(tmp_path, disturb, "onnx")
    assert report.passed == (execute is compute_like_winograd)
    assert report.floor_device == "stand-in"


@pytest.mark.parametrize("precision", ["fp32", "fp16", "int8"])
def test_each_arithmetic_uses_the_kernels_of_the_device(precision: str) -> None:
    called = []

    def execute(function: Any, args: Any, kwargs: Any) -> Any:
        called.append(operator_name(function))
        return OnDevice("cpu")(function, args, kwargs)

    x, weight = torch.ones(1, 3), torch.eye(3)
    result = arithmetic_of(precision, execute)(torch.ops.aten.linear.default, (x, weight), {})
    torch.testing.assert_close(result, x, rtol=1e-2, atol=0)
    assert called == ["linear"]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openvino", "tflite", "torchscript"])
@pytest.mark.parametrize("damage", [perturb_layer, replace])
def test_each_runtime_finds_the_damaged_layer(target: str, damage: Damage, tmp_path: Path) -> None:
    report = examine(tmp_path, damage, target)
    assert report.first is not None
    assert report.first.layer.module == "blocks.1.conv"
    assert [each.layer.module for each in report.ranking] == ["blocks.1.conv"]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("reference", "target"),
    [
        *(("the exported network", each) for each in ("onnx", "openvino", "tflite")),
        ("one with channels first", "onnx"),
    ],
)
def test_a_channels_last_output_that_a_later_layer_reads_is_replaced(
    reference: str, target: str, tmp_path: Path
) -> None:
    network = write_network(tmp_path, replacements=STAGES)
    is_tflite = target == "tflite"  # its exports have channels last in the file only
    last = STAGES if is_tflite else {**STAGES, **CHANNELS_LAST}
    exported = write_network(tmp_path, "exported", replacements=last)
    right = write_checkpoint(load_network(network), tmp_path / "right.pth")
    wrong = write_checkpoint(load_network(network), tmp_path / "wrong.pth", perturb_layer)
    options = pd.ExportOptions(tflite=TfliteOptions(layout="nhwc")) if is_tflite else pd.ExportOptions()
    [artifact] = pd.export(load_checkpoint(wrong, network=exported), target, tmp_path, options=options)
    network = exported if reference == "the exported network" else network
    report = pd.bisect(artifact, checkpoint=right, network=network)
    assert [each.layer.module for each in report.faults] == ["blocks.1.conv"]
    assert [each.layer.module for each in report.ranking] == ["blocks.1.conv"]


@pytest.mark.slow
@pytest.mark.parametrize("target", ["openvino", "tflite", "torchscript", "onnx"])
def test_a_correct_artifact_is_not_accused(target: str, tmp_path: Path) -> None:
    report = examine(tmp_path, keep, target)
    assert report.passed
    assert not report.ranking
    assert report.verdict == "no tensor exceeds the noise floor; the outputs are within the tolerance of fp32"


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["movenet", "rtmo"])
def test_a_network_that_normalizes_its_input_is_not_accused(preset: str, tmp_path: Path) -> None:
    module, _ = getattr(preset_networks, preset)()
    torch.save(module.state_dict(), tmp_path / "net.pth")
    network = f"{preset_networks.__file__}:{preset}"
    (artifact,) = pd.export(load_checkpoint(tmp_path / "net.pth", network=network), "onnx", tmp_path)
    report = pd.bisect(artifact.path, checkpoint=tmp_path / "net.pth", network=network)
    assert report.passed and not report.faults
    assert report.matched > report.tensors / 2


@pytest.mark.slow
def test_another_align_corners_is_found_at_the_resize(tmp_path: Path) -> None:
    report = examine(tmp_path, keep, "onnx", align_corners=False)
    assert report.first is not None
    assert report.first.layer.module == "resize"
    assert "align_corners" in report.first.hint


@pytest.mark.slow
def test_an_fp16_overflow_is_found_where_it_begins(tmp_path: Path) -> None:
    network = write_network(tmp_path)
    checkpoint = write_checkpoint(load_network(network), tmp_path / "large.pth", overflow)
    model = load_checkpoint(checkpoint, network=network)
    [artifact] = pd.export(model, "onnx", tmp_path / "out", options=pd.ExportOptions(precision="fp16"))
    report = pd.bisect(artifact, network=network)
    assert report.first is not None
    assert report.first.layer.module == "blocks.0.conv"
    assert "NaN or infinity" in report.first.hint


@torch.no_grad()
def spread_weights(network: nn.Module) -> None:
    """Give the weights of one convolution for a channel that is always 0 a range that leaves few integers to
    the others. No other layer is harder to quantize."""
    for norm in ("stem.1", "blocks.0.norm"):
        network.get_parameter(f"{norm}.weight")[0] = 0.0
        network.get_parameter(f"{norm}.bias")[0] = -1.0
    network.get_parameter("blocks.1.conv.weight")[:, 0] = 2.5


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_a_layer_that_is_hard_to_quantize_ranks_first(target: str, tmp_path: Path) -> None:
    network = write_network(tmp_path)
    checkpoint = write_checkpoint(load_network(network), tmp_path / "hard.pth", spread_weights)
    model = load_checkpoint(checkpoint, network=network)
    [artifact] = pd.export(model, target, tmp_path / "out", options=pd.ExportOptions(precision="int8"))
    report = pd.bisect(artifact, network=network)
    assert report.ranking[0].layer.module == "blocks.1.conv"
    assert report.ranking[0].alone.rms < 0.5 * report.difference.rms
    assert report.ranking[-1].together.rms < 0.2 * report.difference.rms


def test_runtimes_without_intermediate_tensors_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "engine.engine"
    path.write_bytes(b"ftrt")
    with pytest.raises(ArtifactError, match="a TensorRT engine has no intermediate tensors"):
        pd.bisect(path)


def test_a_checkpoint_is_refused() -> None:
    with pytest.raises(InputError, match="sample: a checkpoint; expected an artifact; export it first"):
        pd.bisect("sample")


@pytest.mark.slow
def test_a_file_without_a_matched_tensor_is_refused(tmp_path: Path) -> None:
    code = {"        x = self.stem(x)": "        return x > 0.5", "4, 32, 40)),)": "3, 32, 40), 'bool'),)"}
    network = write_network(tmp_path, replacements=code)
    checkpoint = write_checkpoint(load_network(network), tmp_path / "right.pth")
    [artifact] = pd.export(load_checkpoint(checkpoint, network=network), "onnx", tmp_path)
    with pytest.raises(ArtifactError, match="none of its 0 floating-point tensors is the result of an oper"):
        pd.bisect(artifact, network=network)


def test_differences_are_relative_to_a_tenth_of_the_largest_value_at_least() -> None:
    spec = ModelSpec("unknown", "", (TensorSpec("image", (1, 3)),), (TensorSpec("maps", (1, 4)),))
    dark = np.full((1, 4), 1e-3, np.float32)
    source = NetworkInput("black", {"image": np.zeros((1, 3), np.float32)})
    difference = Measure(spec, {"maps": 10.0})(source, {"maps": dark}, {"maps": 2 * dark})
    assert difference.largest == pytest.approx(1e-3)
    assert difference.rms == pytest.approx(1e-3)


def test_the_users_images_do_not_stay_in_memory(
    tiny: Model, exported: dict[str, Artifact], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    count, prepare = 12, InputPairs._prepare
    for index in range(count):
        image = np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(tmp_path / f"{index}.png"), image)
    prepared = list[weakref.ref[NetworkInput]]()
    alive = list[int]()

    def watch(pairs: InputPairs, *arguments: Any) -> tuple[NetworkInput, NetworkInput]:
        alive.append(sum(each() is not None for each in prepared))
        both = prepare(pairs, *arguments)
        prepared.extend(map(weakref.ref, both))
        return both

    monkeypatch.setattr(InputPairs, "_prepare", watch)
    options = RunOptions(threads=1)
    select_input(exported["torchscript"], tiny, options, None, (tmp_path,), ignore_progress)
    assert len(alive) >= count
    assert max(alive) <= 6, "both forms of the current input and of the two worst"


def test_a_wrong_description_of_the_input_is_not_a_fault_of_the_network(
    tiny: Model, exported: dict[str, Artifact]
) -> None:
    artifact, options = exported["torchscript"], RunOptions(threads=1)
    contract = artifact.spec.contract
    assert contract is not None
    wrong = dataclasses.replace(contract, mean=tuple(each + 40 for each in contract.mean))
    described = dataclasses.replace(artifact, spec=dataclasses.replace(artifact.spec, contract=wrong))
    right, fixed = (
        select_input(each, tiny, options, None, (), ignore_progress) for each in (artifact, described)
    )
    assert right.preprocessing == ()
    assert any(difference.startswith("contract.mean is (") for difference in fixed.preprocessing)
    assert fixed.difference.largest == pytest.approx(right.difference.largest, abs=1e-4)


def test_rows_of_people_are_paired_and_a_missing_one_differs_from_zero() -> None:
    outputs = (TensorSpec("boxes", (DATA_DEPENDENT, 2)),)
    measure = Measure(ModelSpec("unknown", "", (TensorSpec("image", (1, 3)),), outputs), {"boxes": 8.0})
    rows = np.array([[8.0, 2], [4, 0], [-2, 6]], np.float32)
    source = NetworkInput("a.jpg", {"image": np.zeros((1, 3), np.float32)})

    def compare(*order: int) -> OutputDifference:
        return measure(source, {"boxes": rows}, {"boxes": rows[list(order)]})

    assert compare(2, 0, 1).rms == 0
    fewer = compare(2, 0)
    assert fewer.largest == pytest.approx(4 / 8)
    assert fewer.rms == pytest.approx(np.sqrt((4 / 8) ** 2 / 6))
    assert compare().largest == pytest.approx(1)
