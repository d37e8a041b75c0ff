"""The people that judge a network on 2D joints are not those that calibrated it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy.api.budget_inputs import build_held_out_inputs
from posedeploy.api.decoding_pair import pair_decodings
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.calibration.collect import collect
from posedeploy.convert.export_options import ExportOptions
from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import InputContract, JointsContract, ModelSpec, TensorSpec

IMAGES = ModelSpec(
    "unknown",
    "",
    (TensorSpec("image", ("batch", 8, 12, 3), "float32", "NHWC"),),
    (TensorSpec("maps", ("batch", 4, 2, 3), "float32"),),
    InputContract(8, 12, (0.0,) * 3, (1.0,) * 3, "BGR"),
)
TENSORS = replace(IMAGES, inputs=(TensorSpec("x", ("n", 3, "h", "w"), "float32"),), contract=None)


def test_a_reference_without_a_contract_gets_the_noise_of_the_candidate() -> None:
    inputs = build_parity_inputs(TENSORS, IMAGES, (), {})
    for reference, candidate in inputs.pairs:
        np.testing.assert_array_equal(
            reference.tensors["x"], candidate.tensors["image"].transpose(0, 3, 1, 2)
        )
        assert candidate.placements == ()
    assert [each.tensors.keys() for each in inputs.noise_floor_inputs] == [{"x"}]
    pair = pair_decodings(TENSORS, replace(IMAGES, family="movenet"))
    assert (pair.decode, pair.note) == (None, "the reference has no description of its input")


def test_a_reference_without_a_contract_takes_no_images_and_needs_fitting_inputs() -> None:
    with pytest.raises(InputError, match="has no description of its input in PyTorch; leave it out"):
        build_parity_inputs(TENSORS, IMAGES, (Path("a.png"),), {})
    other = replace(TENSORS, inputs=(TensorSpec("x", (1, 3, 64, 64), "float32"),))
    with pytest.raises(InputError, match="describe the input of the network in PyTorch with a contract too"):
        build_parity_inputs(other, IMAGES, (), {})


@pytest.mark.parametrize("joint_set", ["coco", "human36", "human36-18", "mano", "muco", "smpl", "mpii"])
@pytest.mark.parametrize("batch", [1, 2])
def test_calibration_parity_and_budget_use_different_people(joint_set: str, batch: int) -> None:
    joints = len(JOINT_SETS[joint_set]) + 2 * (joint_set == "coco")
    spec = ModelSpec(
        "pose2mesh", "", (TensorSpec("joints", (batch, joints, 2)),), (), joints=JointsContract(joint_set)
    )
    calibration = collect(spec, [], 24)
    budget = build_held_out_inputs(spec, spec, ExportOptions(precision="int8"), calibration.record)
    parity = build_parity_inputs(spec, spec, (), {}, calibration.record)
    inputs = {
        "calibration": list(calibration.inputs),
        "budget": [pair[1].tensors for pair in budget],
        "parity": [pair[1].tensors for pair in parity.pairs],
    }
    people = {
        name: {row.tobytes() for each in sets for row in each["joints"]} for name, sets in inputs.items()
    }
    assert all(people.values())
    assert len(set().union(*people.values())) == sum(map(len, people.values()))
