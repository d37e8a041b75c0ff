"""The faster form of the network for training is equivalent to the network."""

from __future__ import annotations

import pytest
import torch

from posedeploy.checkpoints.lightweight_openpose_2d import LightweightOpenPose2d
from tools.training_network import TrainedNetwork


def test_outputs_and_gradients_equal_those_of_the_network() -> None:
    torch.manual_seed(0)
    trained = TrainedNetwork().double()
    plain = LightweightOpenPose2d().double()
    weights = trained.state_dict()
    plain.load_state_dict({name: weights[name] for name in plain.state_dict()})
    images = torch.randn(2, 3, 64, 96, dtype=torch.float64)
    *maps, _ = trained.with_parts(images)
    for found, wanted in zip(maps, plain(images), strict=True):
        assert torch.allclose(found, wanted, rtol=0, atol=1e-12)
    sum(output.square().sum() for output in maps).backward()
    sum(output.square().sum() for output in plain(images)).backward()
    wanted_gradients = {name: weight.grad for name, weight in plain.named_parameters()}
    for name, weight in trained.named_parameters():
        wanted = wanted_gradients.get(name)
        if wanted is not None:
            assert weight.grad is not None
            assert torch.allclose(weight.grad, wanted, rtol=1e-6, atol=1e-10), name


@pytest.mark.parametrize(("refined", "outputs"), [(False, 3), (True, 5)])
def test_the_refinement_stage_can_be_omitted(refined: bool, outputs: int) -> None:
    network = TrainedNetwork()
    network.refined = refined
    assert len(network.with_parts(torch.zeros(2, 3, 32, 32))) == outputs
