"""Rewrites of TFLite graphs that keep the results: ELU as one operator, and equalized channels."""

from __future__ import annotations

from typing import Any

import litert_torch
import numpy as np
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import Tensor, nn

from posedeploy.convert.layer_choice import ELEMENT_COST
from posedeploy.convert.tflite import float_operators
from posedeploy.convert.tflite.equalize import equalize, find_pairs
from posedeploy.convert.tflite.flatbuffer import read_model, write_model
from posedeploy.convert.tflite.fuse_elu import fuse_elus
from posedeploy.convert.tflite.graph import Graph
from posedeploy.convert.tflite.litert_layers import Elu
from posedeploy.convert.tflite.observe import observe_channels, observe_ranges
from posedeploy.convert.tflite.precision import estimate_layer_cost
from posedeploy.convert.tflite.signature import Signature
from posedeploy.errors import ExportError
from posedeploy.suppress_output import suppress_python_output, suppress_stderr
from posedeploy.types import Array

pytestmark = pytest.mark.slow
SIGNATURE = Signature({"data": "args_0"}, {"maps": "output_0"})


class Separable(nn.Module):
    """Channels of very different ranges before a depthwise convolution, an ELU and a softmax expectation."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 8, 1)
        self.depthwise = nn.Conv2d(8, 8, 3, 2, 1, groups=8)
        self.elu = Elu()
        self.middle, self.last = nn.Conv2d(8, 8, 1), nn.Conv2d(8, 2, 1)
        with torch.no_grad():
            self.first.weight *= torch.logspace(-2, 1, 8).view(8, 1, 1, 1)

    def forward(self, data: Tensor) -> Tensor:
        x = self.elu(self.depthwise(torch.relu(self.first(data))))
        return torch.softmax(self.last(torch.relu(self.middle(x))).flatten(2), -1)


@pytest.fixture(scope="module")
def image() -> Tensor:
    return torch.from_numpy(np.random.RandomState(3).standard_normal((1, 3, 16, 16)).astype(np.float32))


@pytest.fixture(scope="module")
def content(image: Tensor) -> bytes:
    """The network with channels in front of a depthwise convolution, as a TFLite file."""
    torch.manual_seed(5)
    return _convert(Separable(), image)


def _convert(network: nn.Module, image: Tensor) -> bytes:
    with suppress_stderr(), suppress_python_output():
        return bytes(litert_torch.convert(network.eval(), (image,)).model_content())


def _run(content: bytes, image: Tensor) -> Array:
    outputs = Interpreter(model_content=content).get_signature_runner()(args_0=image.numpy())
    array: Array = outputs["output_0"]
    return array


def _kinds(content: bytes) -> list[str]:
    return [operator.kind for operator in Graph(read_model(content)).operators]


def test_the_five_operators_of_an_elu_become_one(content: bytes, image: Tensor) -> None:
    fused = fuse_elus(content)
    assert "EXP" in _kinds(content)
    assert _kinds(fused).count("ELU") == 1 and {"EXP", "MINIMUM", "SUB", "ADD"}.isdisjoint(_kinds(fused))
    np.testing.assert_allclose(_run(fused, image), _run(content, image), rtol=0, atol=1e-6)
    assert fuse_elus(fused) == fused


def test_another_function_of_the_same_operators_stays_as_it_is(image: Tensor) -> None:
    class Shifted(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return torch.relu(x) + (torch.exp(torch.clamp(x, max=0.0)) - 2)

    content = _convert(Shifted(), image)
    assert fuse_elus(content) == content


def _peaks(content: bytes, tensor: int, image: Tensor) -> Array:
    return observe_channels(content, {tensor}, SIGNATURE, [{"data": image.numpy()}])[tensor]


def test_equalized_channels_have_similar_ranges_and_the_same_results(content: bytes, image: Tensor) -> None:
    graph = Graph(read_model(content))
    (pair,) = find_pairs(graph)
    before = _peaks(content, pair.tensor, image)
    is_used = before > 0  # some channels are 0 after the ReLU
    equalize(graph, [pair], {pair.tensor: before})
    equalized = write_model(graph.model)
    after = _peaks(equalized, pair.tensor, image)
    assert before.max() > 100 * before[is_used].min()
    assert after.max() < 4 * after[is_used].min() and after.max() == pytest.approx(before.max(), rel=1e-5)
    np.testing.assert_allclose(_run(equalized, image), _run(content, image), rtol=0, atol=1e-5)


def test_output_layers_softmaxes_and_what_is_between_float_operators_stay_in_float(content: bytes) -> None:
    graph = Graph(read_model(fuse_elus(content)))
    sensitive = float_operators.find_sensitive_operators(graph)
    floats = float_operators.extend_between(graph, sensitive, lambda operator: operator.kind != "ELU")
    layers = [operator.index in floats for operator in float_operators.find_layers(graph)]
    assert layers == [False, False, False, True]
    assert {operator.kind for operator in graph.operators if operator.index in floats} >= {"ELU", "SOFTMAX"}
    assert len(float_operators.find_depthwise_layers(graph)) == 1
    assert float_operators.find_early_layers(graph) == {float_operators.find_layers(graph)[0].index}


@pytest.mark.parametrize("values", [(np.nan, np.inf), (np.nan,), (-np.inf,)])
def test_values_that_are_not_finite_are_refused_in_the_tails_too(
    values: tuple[float, ...], content: bytes, image: Tensor
) -> None:
    graph = Graph(read_model(content))
    (tensor,) = graph.model.subgraphs[0].inputs
    data = image.numpy().copy()
    data.flat[: len(values)] = values
    with pytest.raises(
        ExportError, match=r"^the network computes NaN or infinity on a calibration input, in "
    ):
        observe_ranges(graph, content, {int(tensor)}, SIGNATURE, [{"data": data}], tail=0.01)


def test_an_input_that_the_file_cannot_run_on_is_refused(content: bytes, image: Tensor) -> None:
    graph = Graph(read_model(content))
    (tensor,) = graph.model.subgraphs[0].inputs
    data = image.numpy()[:, :1]
    shape = "x".join(map(str, data.shape))
    with pytest.raises(ExportError, match=rf"LiteRT cannot run it on the calibration input data {shape} \("):
        observe_channels(content, {int(tensor)}, SIGNATURE, [{"data": data}])


def test_the_cost_of_a_transposed_convolution_counts_the_elements_of_its_input(image: Tensor) -> None:
    network = nn.Sequential(
        nn.Conv2d(3, 8, 3, padding=1),
        nn.ConvTranspose2d(8, 4, 4, stride=4),
        nn.Conv2d(4, 4, 3, padding=1, groups=4),
    )
    graph = Graph(read_model(_convert(network, image)))
    costs = {layer.kind: estimate_layer_cost(graph, layer) for layer in float_operators.find_layers(graph)}
    assert costs == {
        "CONV_2D": 256 * 8 * (27 + ELEMENT_COST),
        "TRANSPOSE_CONV": 256 * 8 * 4 * 16 + 4096 * 4 * ELEMENT_COST,
        "DEPTHWISE_CONV_2D": 4096 * 4 * (9 + ELEMENT_COST),
    }


def test_a_graph_with_weights_behind_the_flatbuffer_is_read(content: bytes) -> None:
    from posedeploy.convert.tflite.quantize import reduce_weights

    model: Any = read_model(reduce_weights(content))
    sizes = [len(buffer.data) for buffer in model.buffers if buffer.data is not None]
    assert sum(sizes) > 8 * 8 * 2
    assert all(buffer.offset == 0 for buffer in model.buffers)
