"""Layers of a quantized graph that are put back to floating point."""

from __future__ import annotations

import numpy as np
import openvino
import pytest
import torch
from openvino import opset13 as ops
from torch import Tensor, nn

from posedeploy.calibration.spilled_tensors import SpilledTensors
from posedeploy.convert.float_layers import find_layers, find_sensitive_operators
from posedeploy.convert.layer_choice import ELEMENT_COST
from posedeploy.convert.nncf_quantize import quantize
from posedeploy.convert.restore_layers import estimate_costs, restore
from posedeploy.types import Array, Calibration, CalibrationSet

SHAPE = (1, 4, 8, 8)


class Convolutions(nn.Module):
    """Convolutions with and without bias, a depthwise one, a residual sum and a transposed one."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(4, 8, 3, padding=1)
        self.depthwise = nn.Conv2d(8, 8, 3, padding=1, groups=8, bias=False)
        self.point = nn.Conv2d(8, 8, 1)
        self.up = nn.ConvTranspose2d(8, 4, 2, 2)
        self.last = nn.Conv2d(4, 2, 1)

    def forward(self, data: Tensor) -> Tensor:
        x = torch.relu(self.first(data))
        x = x + torch.relu(self.point(self.depthwise(x)))
        return self.last(torch.relu(self.up(x)))


class Attention(nn.Module):
    """Self-attention, whose activations NNCF smooths, and a linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.project = nn.Linear(8, 24, bias=False)
        self.out = nn.Linear(8, 8)
        self.last = nn.Linear(8, 2)

    def forward(self, data: Tensor) -> Tensor:
        tokens = data.reshape(1, 32, 8)
        q, k, v = self.project(tokens).split(8, -1)
        mixed = torch.softmax(q @ k.transpose(1, 2), -1) @ v
        return self.last(torch.relu(self.out(mixed)) + tokens)


class Coordinates(nn.Module):
    """Convolutions that also read coordinates, before and after the other channels."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Conv2d(4, 8, 3, padding=1), nn.Conv2d(8, 2, 1)
        self.before, self.after = nn.Conv2d(10, 8, 3, padding=1), nn.Conv2d(10, 8, 3, padding=1)
        self.register_buffer("grid", torch.rand(1, 2, 8, 8))

    grid: Tensor

    def forward(self, data: Tensor) -> Tensor:
        x = torch.relu(self.first(data))
        x = torch.relu(self.before(torch.cat([self.grid, x], 1)))
        return self.last(torch.relu(self.after(torch.cat([x, self.grid], 1))))


class Recurrent(nn.Module):
    """A recurrent layer between linear ones."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.last = nn.Linear(8, 8), nn.Linear(8, 2)
        self.recurrent, self.middle = nn.LSTM(8, 8, batch_first=True), nn.Linear(8, 8)

    def forward(self, data: Tensor) -> Tensor:
        x, _ = self.recurrent(torch.relu(self.first(data.reshape(1, 32, 8))))
        return self.last(torch.relu(self.middle(x)))


def _inputs(count: int) -> list[dict[str, Array]]:
    rng = np.random.RandomState(3)
    return [{"data": rng.standard_normal(SHAPE).astype(np.float32)} for _ in range(count)]


def _quantize(network: nn.Module) -> tuple[openvino.Model, openvino.Model, set[str]]:
    original = openvino.convert_model(network.eval(), example_input=torch.zeros(SHAPE))
    original.reshape(list(SHAPE))
    original.inputs[0].set_names({"data"})
    inputs = SpilledTensors()
    for each in _inputs(8):
        inputs.append(each)
    record = Calibration(source="images", sha256=inputs.sha256, count=8)
    quantized = quantize(original, CalibrationSet(inputs, record), "int8")
    return original, quantized, find_layers(original) - find_sensitive_operators(original)


def _run(model: openvino.Model) -> Array:
    compiled = openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    result: Array = np.concatenate([compiled(each)[0] for each in _inputs(4)])
    return result


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::torch.jit.TracerWarning")  # of recurrent layers
@pytest.mark.parametrize("network", [Convolutions, Attention, Coordinates, Recurrent])
def test_a_graph_with_all_layers_restored_equals_the_original(network: type[nn.Module]) -> None:
    torch.manual_seed(1)
    original, quantized, names = _quantize(network())
    wanted, int8 = _run(original), _run(quantized)
    restored = _run(restore(quantized, original, names, names))
    error = np.abs(int8 - wanted).max()
    assert error > 1e-3 * np.abs(wanted).max()
    assert np.abs(restored - wanted).max() < 1e-3 * error
    np.testing.assert_array_equal(_run(quantized), int8)


@pytest.mark.slow
def test_only_the_named_layers_are_restored() -> None:
    torch.manual_seed(1)
    original, quantized, names = _quantize(Convolutions())
    name = sorted(names)[0]
    model = restore(quantized, original, [name], names)
    originals = {node.get_friendly_name(): node for node in original.get_ops()}
    for node in model.get_ops():
        if node.get_friendly_name() in names:
            constant = node.input_value(1).get_node()
            is_restored = constant.get_friendly_name() in originals
            assert is_restored == (node.get_friendly_name() == name)


def test_the_cost_of_a_layer_counts_multiplications_and_outputs() -> None:
    data = ops.parameter([1, 4, 8, 8], np.float32)
    pads = [1, 1]
    dense = ops.convolution(data, ops.constant(np.ones((6, 4, 3, 3), np.float32)), pads, pads, pads, pads)
    depthwise = ops.group_convolution(
        dense, ops.constant(np.ones((6, 1, 1, 3, 3), np.float32)), pads, pads, pads, pads
    )
    up = ops.convolution_backprop_data(depthwise, ops.constant(np.ones((6, 2, 2, 2), np.float32)), [2, 2])
    product = ops.matmul(up, ops.constant(np.ones((16, 5), np.float32)), False, False)
    for name, node in {"dense": dense, "depthwise": depthwise, "up": up, "product": product}.items():
        node.set_friendly_name(name)
    model = openvino.Model([product], [data])
    elements = {"dense": 384, "depthwise": 384, "up": 512, "product": 160}
    multiplications = {"dense": 36, "depthwise": 9, "up": 6, "product": 16}
    assert dict(estimate_costs(model)) == {
        name: count * (multiplications[name] + ELEMENT_COST) for name, count in elements.items()
    }


def test_the_cost_of_a_layer_with_lengths_that_depend_on_the_data_is_an_upper_limit() -> None:
    data = ops.parameter([5, 8], np.float32)
    weights = ops.constant(np.ones((8, 4), np.float32))
    rows = ops.squeeze(
        ops.non_zero(ops.reduce_sum(data, ops.constant([1]), False), output_type="i32"), ops.constant([0])
    )
    selected = ops.matmul(ops.gather(data, rows, ops.constant(0)), weights, False, False)
    vector = ops.constant(np.arange(8, dtype=np.float32))
    row = ops.gather(data, ops.constant(0), ops.constant(0))
    dot, length = ops.matmul(row, ops.abs(row), False, False), ops.matmul(row, vector, False, False)
    for name, node in {"selected": selected, "dot": dot, "length": length}.items():
        node.set_friendly_name(name)
    costs = dict(estimate_costs(openvino.Model([selected, dot, length], [data])))
    assert costs == {"selected": 20 * (8 + ELEMENT_COST), "dot": 8 + ELEMENT_COST, "length": 8 + ELEMENT_COST}


@pytest.mark.parametrize("is_first", [True, False])
def test_a_layer_that_reads_a_constant_and_another_result_is_restored(is_first: bool) -> None:
    def build(levels: int) -> openvino.Model:
        data = ops.parameter([1, 2, 4], np.float32, "data")
        sources: list[openvino.Node] = [ops.constant(np.full((1, 2, 4), 0.3, np.float32)), data]
        sources[0].set_friendly_name("grid")
        if levels:
            low, high = ops.constant(np.float32(-1)), ops.constant(np.float32(1))
            sources = [ops.fake_quantize(each, low, high, low, high, levels) for each in sources]
        joined = ops.concat(sources if is_first else sources[::-1], 1)
        layer = ops.matmul(joined, ops.constant(np.eye(4, dtype=np.float32)), False, False)
        joined.set_friendly_name("joined")
        layer.set_friendly_name("layer")
        return openvino.Model([layer], [data])

    original, quantized = build(0), build(3)
    restored = restore(quantized, original, ["layer"], ["layer"])
    x = np.random.RandomState(0).uniform(-1, 1, (1, 2, 4)).astype(np.float32)
    before, wanted, after = (
        openvino.Core().compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})([x])[0]
        for model in (quantized, original, restored)
    )
    assert np.abs(before - wanted).max() > 0.1
    np.testing.assert_array_equal(after, wanted)
