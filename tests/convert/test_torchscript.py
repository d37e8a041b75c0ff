"""Frozen TorchScript networks: layers are folded into each other only if that does not change the outputs."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from posedeploy.convert import torchscript
from posedeploy.convert.export_options import ExportOptions, ExportPrecision
from posedeploy.convert.prepare import prepare
from posedeploy.types import Model, ModelSpec, TensorSpec


class Normalized(nn.Module):
    """A layer, a BatchNorm with statistics, and perhaps a sum that also reads the layer."""

    def __init__(self, layer: nn.Module, norm: nn.Module, *, is_residual: bool = False) -> None:
        super().__init__()
        self.layer, self.norm, self.is_residual = layer, norm, is_residual
        assert isinstance(norm.running_var, Tensor) and isinstance(norm.running_mean, Tensor)
        norm.running_var.uniform_(0.5, 2)
        norm.running_mean.normal_()

    def forward(self, data: Tensor) -> Tensor:
        x = self.layer(data)
        y: Tensor = self.norm(x)
        return torch.relu(y) + x if self.is_residual else torch.relu(y)


def _convert(
    network: nn.Module, shape: tuple[int, ...], path: Path, precision: ExportPrecision = "fp32"
) -> tuple[torch.jit.ScriptModule, float]:
    """Return the converted network, and the largest difference from PyTorch, relative to the results."""
    data = torch.randn(shape)
    with torch.inference_mode():
        expected = network.eval()(data)
    spec = ModelSpec("x", "", (TensorSpec("data", shape),), (TensorSpec("y", tuple(expected.shape)),))
    model, options = Model(network, spec, None, ""), ExportOptions(precision=precision)
    torchscript.convert(prepare(model, options), path)
    module = torch.jit.load(path)
    return module, float((module(data)[0] - expected).abs().max() / expected.abs().max())


def _normalized(layer: nn.Module, norm: nn.Module, *, is_residual: bool = False) -> nn.Module:
    torch.manual_seed(0)
    layer.reset_parameters()  # type: ignore[operator]
    return Normalized(layer, norm, is_residual=is_residual)


CASES = {
    "3 axes": (nn.Linear(8, 16), nn.BatchNorm1d(16), (1, 16, 8), False),
    "4 axes": (nn.Linear(8, 8), nn.BatchNorm2d(8), (1, 8, 3, 8), False),
    "residual": (nn.Linear(8, 16), nn.BatchNorm1d(16), (4, 8), True),
}


@pytest.mark.parametrize(("precision", "tolerance"), [("fp32", 1e-5), ("bf16", 0.02)])
@pytest.mark.parametrize("is_known", [True, False])
@pytest.mark.parametrize("name", CASES)
def test_a_wrong_fold_is_not_kept(
    name: str,
    is_known: bool,
    precision: ExportPrecision,
    tolerance: float,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    layer, norm, shape, is_residual = CASES[name]
    if not is_known:
        monkeypatch.setattr(torchscript, "_folds_wrongly", lambda traced: False)
    network = _normalized(layer, norm, is_residual=is_residual)
    _, difference = _convert(network, shape, tmp_path / "a", precision)
    assert difference < tolerance


@pytest.mark.parametrize(
    ("layer", "norm", "shape"),
    [
        (nn.Linear(8, 16), nn.BatchNorm1d(16), (4, 8)),
        (nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), (1, 3, 5, 5)),
    ],
    ids=["linear", "convolution"],
)
def test_a_right_fold_is_kept(
    layer: nn.Module, norm: nn.Module, shape: tuple[int, ...], tmp_path: Path
) -> None:
    module, difference = _convert(_normalized(layer, norm), shape, tmp_path / "a")
    assert difference < 1e-5
    assert "batch_norm" not in str(module.inlined_graph)
