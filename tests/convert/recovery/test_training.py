"""Train networks for INT8: which layers round, how, and what the training changes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from posedeploy.convert.best_range import LEVELS
from posedeploy.convert.export_options import ExportOptions, ignore_progress
from posedeploy.convert.prepare import Prepared, prepare
from posedeploy.convert.recovery import distill, ranges
from posedeploy.convert.recovery import recover as module
from posedeploy.convert.recovery.channel_groups import find_groups
from posedeploy.convert.recovery.distill import Schedule
from posedeploy.convert.recovery.equalize import equalize
from posedeploy.convert.recovery.fake_quantization import FakeQuantization
from posedeploy.convert.recovery.layer_calls import find_output_layers, run
from posedeploy.convert.recovery.recover import recover
from posedeploy.convert.recovery.variations import vary
from posedeploy.errors import ExportError
from posedeploy.types import Model, ModelSpec, Tensors, TensorSpec

SHAPE = (1, 3, 16, 16)


class Planted(nn.Module):
    """A network that loses accuracy in INT8: the large weights for its first, small channel leave so few
    steps that all others of the same layer round to 0."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.first, self.second = nn.Conv2d(3, 16, 1), nn.Conv2d(16, 8, 1)
        self.depthwise, self.head = nn.Conv2d(8, 8, 3, padding=1, groups=8), nn.Conv2d(8, 4, 1)
        with torch.no_grad():
            self.first.weight[0] *= 0.03
            self.first.bias[0] *= 0.03
            self.second.weight[:] = 0.45 / 127
            self.second.weight[:, 0] = 1

    def forward(self, x: Tensor) -> Tensor:
        x = functional.relu(self.second(functional.relu(self.first(x))))
        result: Tensor = self.head(functional.relu_(self.depthwise(x)))
        return result * 2


def _prepare(module: nn.Module) -> Prepared:
    spec = ModelSpec(
        family="unknown",
        variant="",
        inputs=(TensorSpec("data", SHAPE, layout="NCHW"),),
        outputs=(TensorSpec("maps", (1, 4, 16, 16), layout="NCHW"),),
    )
    model = Model(module.eval().requires_grad_(False), spec, None, "0" * 64)
    return prepare(model, ExportOptions(precision="int8"))


def _inputs(seed: int, count: int = 8) -> list[Tensors]:
    rng = np.random.RandomState(seed)
    return [{"data": rng.standard_normal(SHAPE).astype(np.float32)} for _ in range(count)]


@pytest.fixture
def without_equalization(monkeypatch: pytest.MonkeyPatch) -> None:
    """Train only, with larger steps, so that few of them change the network."""
    monkeypatch.setattr(distill, "LEARNING_RATE", 1e-3)
    monkeypatch.setattr(module, "equalize", lambda *_: 0)


@pytest.mark.parametrize("steps", [None, 60])
def test_a_clock_that_jumps_ahead_ends_the_training(steps: int | None) -> None:
    assert Schedule(600, steps).fraction(1e7, 1) == 1
    assert Schedule(600 - 1e7, steps).fraction(0.0, 0) == 1, "it jumped before the training"


@pytest.mark.usefixtures("without_equalization")
def test_training_reduces_the_error_on_other_inputs() -> None:
    prepared = _prepare(Planted())
    before = [parameter.clone() for parameter in prepared.module.parameters()]
    trained = recover(prepared, _inputs(1), _inputs(2), Schedule(600, 60))
    assert trained.total_steps == 60 and 0 < trained.steps <= 60
    assert trained.after < 0.6 * trained.before
    assert all(torch.equal(*pair) for pair in zip(before, prepared.module.parameters(), strict=True))
    assert not any(parameter.requires_grad for parameter in trained.network.parameters())


def test_equalization_reduces_the_error_and_keeps_the_results() -> None:
    prepared, inputs = _prepare(Planted()), module._Inputs(_prepare(Planted()), _inputs(1))
    network = Planted().requires_grad_(True)
    assert equalize(network, inputs, frozenset({3}), ignore_progress) == 1
    (tensors,) = inputs[0]
    torch.testing.assert_close(network(tensors), prepared.module(tensors)[0], rtol=1e-5, atol=1e-6)
    trained = recover(prepared, _inputs(1), _inputs(2), Schedule(600, 1))
    assert trained.after < 0.1 * trained.before


class Connected(nn.Module):
    """Layers whose results other operators than the next layers read, and one with BatchNorm."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(3)
        self.layers = nn.ModuleList(nn.Conv2d(3, 3, 3, padding=1) for _ in range(5))
        self.norm = nn.BatchNorm2d(3)
        nn.init.uniform_(self.norm.running_mean)
        nn.init.uniform_(self.norm.running_var, 0.1, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        a, b, c, d, e = self.layers
        added = x + functional.relu(a(x))  # no factors: added to a tensor without factors
        normed = functional.relu(self.norm(b(added)))  # factors of the norm
        shown = c(normed)  # no factors: an output
        smooth = d(functional.elu(normed + shown))  # no factors: reads a sum
        return shown, e(functional.relu(smooth))


def test_only_results_that_homogeneous_operators_pass_to_layers_are_scaled() -> None:
    network, inputs = Connected().eval().requires_grad_(True), torch.randn(SHAPE)
    groups = find_groups(network, [inputs])
    assert [group.readers for group in groups] == [(4,)]
    assert groups[0].divided == tuple(network.layers[3].parameters())


def test_factors_go_to_the_batch_norm_of_a_layer() -> None:
    network = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU(), nn.Conv2d(4, 2, 1)).eval()
    (group,) = find_groups(network, [torch.randn(SHAPE)])
    assert group.divided == tuple(network[1].parameters()) and group.readers == (1,)


def test_the_same_number_of_steps_gives_the_same_weights() -> None:
    twice = [recover(_prepare(Planted()), _inputs(1), _inputs(2), Schedule(600, 5)) for _ in range(2)]
    first, second = (each.network.state_dict() for each in twice)
    assert all(torch.equal(first[name], second[name]) for name in first)


@pytest.mark.usefixtures("without_equalization")
def test_the_weights_are_the_original_ones_if_no_others_are_better(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(distill, "LEARNING_RATE", 10.0)
    prepared = _prepare(Planted())
    trained = recover(prepared, _inputs(1), _inputs(2), Schedule(600, 3))
    assert trained.steps == 0 and trained.after == trained.before
    original = prepared.module.state_dict()
    assert all(torch.equal(original[name], each) for name, each in trained.network.state_dict().items())


def test_the_training_ends_at_its_time_limit() -> None:
    trained = recover(_prepare(Planted()), _inputs(1), _inputs(2), Schedule(1e-9, 10**9))
    assert trained.steps == trained.total_steps == 0 and trained.after < trained.before


def test_a_loss_that_is_not_finite_ends_the_training(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(distill, "LEARNING_RATE", 1e30)
    with caplog.at_level(logging.WARNING):
        trained = recover(_prepare(Planted()), _inputs(1), _inputs(2), Schedule(600, 50))
    assert trained.steps == 0 and trained.total_steps < 50
    assert "because its loss is inf; the best weights until then are those of step 0" in caplog.text


class Frozen(nn.Module):
    """A network that PyTorch cannot differentiate."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 1)

    def forward(self, x: Tensor) -> Tensor:
        with torch.no_grad():
            result: Tensor = self.conv(self.conv(x)[:, :3])
        return result


class OneLayer(nn.Conv2d):
    """A network whose only layer gives its output."""

    def __init__(self) -> None:
        super().__init__(3, 4, 1)


class Endless(Planted):
    """A network with a weight that is not a number."""

    def __init__(self) -> None:
        super().__init__()
        with torch.no_grad():
            self.first.weight[0, 0, 0, 0] = float("nan")


@pytest.mark.parametrize(
    ("network", "message"),
    [
        (Frozen, r"^`recover`: PyTorch cannot train this network \(.*\); leave `recover` out$"),
        (OneLayer, r"^`recover`: no layer of this network is left for INT8; leave `recover` out$"),
        (Endless, r"^`recover`: values in the network are NaN or infinite on the calibration inputs; "),
    ],
)
def test_networks_that_cannot_be_trained_are_refused(network: Any, message: str) -> None:
    with pytest.raises(ExportError, match=message):
        recover(_prepare(network()), _inputs(1), _inputs(2), Schedule(600, 5))


def test_layers_before_outputs_stay_in_floating_point() -> None:
    network = Planted().requires_grad_(True)
    assert find_output_layers(network, [torch.zeros(SHAPE)]) == (frozenset({3}), 4)


def _roundings(network: nn.Module, inputs: Sequence[Tensor]) -> tuple[ranges.InputRounding, ...]:
    with torch.no_grad():
        return ranges.measure_rounding(network, [inputs])


def test_inputs_of_depthwise_layers_have_steps_for_each_channel() -> None:
    roundings = _roundings(Planted(), [torch.randn(SHAPE)])
    assert [each.scale.dim() for each in roundings] == [0, 0, 1, 0]
    assert roundings[2].scale.shape == (8,)


def test_inputs_and_weights_are_rounded_to_their_steps() -> None:
    layer, values = nn.Conv2d(3, 4, 1), torch.randn(SHAPE)
    (rounding,) = _roundings(layer, [values])
    (result,) = run(layer, [values], FakeQuantization([rounding], ()))
    steps = (values / rounding.scale + rounding.zero_point).round().clamp(0, LEVELS)
    scale = layer.weight.detach().abs().amax((1, 2, 3), keepdim=True) / 127
    weights = (layer.weight / scale).round() * scale
    expected = functional.conv2d((steps - rounding.zero_point) * rounding.scale, weights, layer.bias)
    torch.testing.assert_close(result, expected)
    assert not torch.equal(result, layer(values))


@pytest.mark.parametrize("channels_last", [False, True])
def test_variations_stay_in_the_range_of_the_image(channels_last: bool) -> None:
    image = torch.rand(1, 16, 24, 3) * 255 if channels_last else torch.rand(1, 3, 16, 24) - 0.5
    rng = torch.Generator().manual_seed(0)
    first, second = (vary(image, rng, channels_last=channels_last) for _ in range(2))
    assert first.shape == image.shape and not torch.allclose(first, second)
    assert image.min() <= first.min() and first.max() <= image.max()
