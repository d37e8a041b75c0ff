from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from posedeploy.checkpoints.output_shapes import measure_outputs
from posedeploy.errors import NetworkError
from posedeploy.types import InputContract, Model, ModelSpec, TensorSpec
from tests.support.networks import two_input_model


def _spec(*outputs: str, shape: tuple[int | str, ...] = ("batch", 3, "height", "width")) -> ModelSpec:
    contract = InputContract(32, 40, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    named = tuple(TensorSpec(name, ()) for name in outputs)
    return ModelSpec("unknown", "", (TensorSpec("data", shape),), named, contract)


def test_output_axes_are_named_after_the_input_axes_that_they_follow(tiny: Model) -> None:
    bare = tuple(replace(output, shape=()) for output in tiny.spec.outputs)
    assert measure_outputs(tiny.module, replace(tiny.spec, outputs=bare)) == tiny.spec


def test_a_fixed_network_has_fixed_outputs() -> None:
    spec = measure_outputs(nn.MaxPool2d(8), _spec("maps", shape=(1, 3, 32, 40)))
    assert spec.outputs[0].shape == (1, 3, 4, 5)


def test_the_dtype_of_an_output_is_measured() -> None:
    class Cells(nn.Module):
        def forward(self, data: Tensor) -> Tensor:
            return data.flatten(1).argmax(1)

    output = measure_outputs(Cells(), _spec("cell")).outputs[0]
    assert (output.shape, output.dtype) == (("batch",), "int64")


def test_an_axis_that_follows_two_axes_is_free() -> None:
    assert measure_outputs(nn.Flatten(2), _spec("rows")).outputs[0].shape == ("batch", 3, "dynamic")


def test_several_inputs_without_an_image_are_measured() -> None:
    model = two_input_model("frames")
    bare = replace(model.spec, outputs=(TensorSpec("mesh", ()), TensorSpec("joints_again", ())))
    assert measure_outputs(model.module, bare) == model.spec


def test_another_number_of_outputs_than_in_the_contract_is_an_error(tiny: Model) -> None:
    with pytest.raises(NetworkError, match="returns 4 outputs, and the contract names 1: heatmaps"):
        measure_outputs(tiny.module, replace(_spec("heatmaps"), inputs=tiny.spec.inputs))


def test_a_free_axis_that_is_fixed_in_the_network_is_an_error() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 40, 4))
    with pytest.raises(
        NetworkError, match=r"makes batch, height, width dynamic, but the network runs at .*height 32"
    ):
        measure_outputs(network, _spec("scores"))
    assert torch.is_tensor(network(torch.zeros(1, 3, 32, 40)))
