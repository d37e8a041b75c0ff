from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from posedeploy.checkpoints.output_shapes import measured
from posedeploy.errors import NetworkError
from posedeploy.types import InputContract, Model, ModelSpec, TensorSpec
from tests.support.networks import two_input_model


def _spec(*outputs: str, shape: tuple[int | str, ...] = ("batch", 3, "height", "width")) -> ModelSpec:
    contract = InputContract(32, 40, (0.0, 0.0, 0.0), (1.0, 1.0, 1.0))
    named = tuple(TensorSpec(name, ()) for name in outputs)
    return ModelSpec("unknown", "", (TensorSpec("data", shape),), named, contract)


def test_output_axes_are_named_after_the_input_axes_that_they_follow(tiny: Model) -> None:
    bare = tuple(replace(output, shape=()) for output in tiny.spec.outputs)
    assert measured(tiny.module, replace(tiny.spec, outputs=bare)) == tiny.spec


def test_a_fixed_network_has_fixed_outputs() -> None:
    spec = measured(nn.MaxPool2d(8), _spec("maps", shape=(1, 3, 32, 40)))
    assert spec.outputs[0].shape == (1, 3, 4, 5)


def test_the_type_of_an_output_is_the_network_s() -> None:
    class Cells(nn.Module):
        def forward(self, data: Tensor) -> Tensor:
            return data.flatten(1).argmax(1)

    output = measured(Cells(), _spec("cell")).outputs[0]
    assert (output.shape, output.dtype) == (("batch",), "int64")


def test_an_axis_that_follows_two_is_called_free() -> None:
    assert measured(nn.Flatten(2), _spec("rows")).outputs[0].shape == ("batch", 3, "free")


def test_several_inputs_without_an_image_are_measured() -> None:
    model = two_input_model("frames")
    bare = replace(model.spec, outputs=(TensorSpec("mesh", ()), TensorSpec("joints_again", ())))
    assert measured(model.module, bare) == model.spec


def test_another_number_of_outputs_than_the_contract_names_is_refused(tiny: Model) -> None:
    with pytest.raises(NetworkError, match="gives 4 outputs and its contract names 1: heatmaps"):
        measured(tiny.module, replace(_spec("heatmaps"), inputs=tiny.spec.inputs))


def test_an_axis_that_is_called_free_and_is_not_is_refused() -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(3 * 32 * 40, 4))
    with pytest.raises(NetworkError, match=r"leaves batch, height, width free, but it runs at .*height 32"):
        measured(network, _spec("scores"))
    assert torch.is_tensor(network(torch.zeros(1, 3, 32, 40)))
