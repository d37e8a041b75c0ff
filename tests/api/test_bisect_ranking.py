"""``bisect`` ranks damaged layers first, wherever they are, and reports no later layer as faulty."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

import posedeploy as pd
from posedeploy.api.bisect_report import BisectReport
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.types import Precision
from tests.support.layered_network import Damage, load_network, write_checkpoint, write_network
from tests.support.openvino_processor import NEEDS_BF16

FIRST, MIDDLE, LAST = "stem.0", "blocks.1.conv", "head"
CHANGES: Mapping[str, Callable[[Tensor], Tensor]] = {
    "scaled": lambda weight: 30 * weight,
    "slightly scaled": lambda weight: 1.5 * weight,
    "zeroed": torch.zeros_like,
    "sign flipped": torch.neg,
    "permuted": lambda weight: weight.flip(0),
}


def damage_layers(changes: Mapping[str, str]) -> Damage:
    """Return a damage with a change of the weights of each of these layers."""

    @torch.no_grad()
    def damage(network: nn.Module) -> None:
        for layer, change in changes.items():
            weight = network.get_parameter(f"{layer}.weight")
            weight.copy_(CHANGES[change](weight))

    return damage


def examine(
    folder: Path, changes: Mapping[str, str], target: str = "onnx", precision: Precision = "fp32"
) -> BisectReport:
    network = write_network(folder)
    built = load_network(network)
    right = write_checkpoint(built, folder / "right.pth")
    wrong = write_checkpoint(built, folder / "wrong.pth", damage_layers(changes))
    model = load_checkpoint(wrong, network=network)
    [artifact] = pd.export(model, target, folder / "out", options=pd.ExportOptions(precision=precision))
    return pd.bisect(artifact, checkpoint=right, network=network)


def assert_first(report: BisectReport, layer: str) -> None:
    assert report.first is not None
    assert report.first.layer.module == layer
    assert report.ranking[0].layer.module == layer


@pytest.mark.parametrize(
    ("layer", "change"),
    [
        (MIDDLE, "zeroed"),
        *(
            pytest.param(layer, change, marks=pytest.mark.slow)
            for layer in (FIRST, MIDDLE, LAST)
            for change in CHANGES
            if (layer, change) != (MIDDLE, "zeroed")
        ),
    ],
)
def test_only_the_damaged_layer_is_ranked(layer: str, change: str, tmp_path: Path) -> None:
    report = examine(tmp_path, {layer: change})
    assert_first(report, layer)
    assert [each.layer.module for each in report.faults] == [layer]
    [ranked] = report.ranking
    assert ranked.alone.rms < 1e-5
    assert ranked.caused.rms == pytest.approx(report.difference.rms, rel=1e-3)


@pytest.mark.slow
@pytest.mark.parametrize("change", ["scaled", "sign flipped", "permuted"])
@pytest.mark.parametrize(
    ("target", "precision"),
    [
        ("onnx", "int8"),
        ("openvino", "int8"),
        pytest.param("openvino", "bf16", marks=NEEDS_BF16),
        ("tflite", "int8"),
        ("torchscript", "bf16"),
        ("torchscript", "fp16"),
    ],
)
def test_the_damaged_layer_ranks_first_among_rounded_layers(
    target: str, precision: Precision, change: str, tmp_path: Path
) -> None:
    report = examine(tmp_path, {MIDDLE: change}, target, precision)
    assert_first(report, MIDDLE)
    assert report.ranking[0].alone.rms < 0.3 * report.difference.rms
    assert len(report.ranking) > 1


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "int8"])
@pytest.mark.parametrize(
    "changes",
    [
        {"blocks.0.conv": "scaled", "blocks.2.conv": "sign flipped"},
        {"blocks.0.conv": "zeroed", "blocks.2.conv": "scaled"},
    ],
    ids=["scaled and sign flipped", "zeroed and scaled"],
)
def test_two_damaged_layers_rank_before_all_others(
    changes: Mapping[str, str], precision: Precision, tmp_path: Path
) -> None:
    report = examine(tmp_path, changes, precision=precision)
    first, second = report.ranking[:2]
    assert {first.layer.module, second.layer.module} == changes.keys()
    assert second.together.rms < 0.1 * report.difference.rms < first.together.rms


@pytest.mark.slow
@pytest.mark.parametrize("target", ["onnx", "openvino"])
def test_the_verdict_names_the_layer_that_spoiled_the_ranges_after_it(target: str, tmp_path: Path) -> None:
    report = examine(tmp_path, {FIRST: "zeroed"}, target, "int8")
    assert len(report.faults) > 1
    assert report.verdict == (
        "the result of stem.0 (Conv2d) is the first one above the noise floor; correct it first and export "
        "again, because calibration may have chosen the ranges of later layers for its wrong values"
    )
