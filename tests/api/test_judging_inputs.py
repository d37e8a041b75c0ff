"""The people that judge a network on 2D joints are not those that calibrated it."""

from __future__ import annotations

import pytest

from posedeploy.api.budget_inputs import build_held_out_inputs
from posedeploy.api.parity_inputs import build_parity_inputs
from posedeploy.calibration.collect import collect
from posedeploy.convert.export_options import ExportOptions
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.types import JointsContract, ModelSpec, TensorSpec


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
