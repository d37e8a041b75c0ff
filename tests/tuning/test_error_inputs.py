"""The inputs that a search measures errors on."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import numpy as np
import pytest

import posedeploy as pd
from posedeploy.api.tuning_errors import PoseErrors
from posedeploy.api.tuning_inputs import ErrorPeople, collect_inputs
from posedeploy.benchmarks.input_shapes import with_batch, with_fixed_size
from posedeploy.benchmarks.inputs import SEED, build_image_input
from posedeploy.benchmarks.synthetic_inputs import generate_images
from posedeploy.errors import InputError
from posedeploy.joint_sets import JOINT_SETS
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.tuning.state import CandidateRecord
from posedeploy.types import JointsContract, Model, ModelSpec, RunOptions, TensorSpec
from tests.support.lifting import small_gtrs, write


@pytest.fixture(scope="module")
def lifter(tmp_path_factory: pytest.TempPathFactory) -> Model:
    return pd.load_checkpoint(write(small_gtrs(), tmp_path_factory.mktemp("lifter") / "a.pth"))


def test_a_single_person_network_is_measured_on_boxes_of_people(
    tiny: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert tiny.spec.contract is not None
    spec = with_fixed_size(replace(tiny.spec, contract=replace(tiny.spec.contract, fit="box")))
    monkeypatch.setattr("posedeploy.api.tuning_inputs.SYNTHETIC", 2)
    inputs = collect_inputs(spec, ())
    for number, (name, image, box) in enumerate(generate_images(spec, 2, SEED)):
        assert box is not None
        ((_, network_input),) = inputs.build(spec, [number])
        (array,) = network_input.tensors.values()
        np.testing.assert_array_equal(array, build_image_input(spec, name, image, box).tensors["data"])


@pytest.mark.parametrize(("joint_set", "is_random"), [("human36", False), ("mano", True)])
def test_errors_on_random_joints_are_reported(
    joint_set: str, is_random: bool, caplog: pytest.LogCaptureFixture
) -> None:
    count = len(JOINT_SETS[joint_set])
    tensor = TensorSpec("joints", (1, count, 2))
    inputs = collect_inputs(ModelSpec("pose2mesh", "", (tensor,), (), joints=JointsContract(joint_set)), ())
    assert isinstance(inputs, ErrorPeople) and inputs.joints.shape[1:] == (count, 3)
    assert ("errors are measured on random 2D joints, because " in caplog.text) == is_random


@pytest.mark.parametrize("batch", [1, 4])
def test_a_network_on_joints_is_measured_at_each_batch(lifter: Model, batch: int) -> None:
    inputs = collect_inputs(lifter.spec, ())
    errors = PoseErrors(lifter, inputs, 1)
    spec = with_batch(lifter.spec, batch)
    with PyTorchRunner(replace(lifter, spec=spec), RunOptions(threads=1)) as runner:
        candidate = cast(Any, SimpleNamespace(spec=spec, runner=runner))
        record = CandidateRecord()
        assert errors.measure(candidate, record, 3, lambda: False) is None
    assert len(record.pairs) == 3
    assert isinstance(inputs, ErrorPeople)
    (network_input,) = [each for _, each in inputs.build(spec, [2])]
    (joints,) = network_input.tensors.values()
    assert len(joints) == len(network_input.placements) == batch
    assert all(np.array_equal(row, joints[0]) for row in joints)


def test_calibration_images_for_a_network_on_joints_are_refused_at_once(
    lifter: Model, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    with pytest.raises(InputError, match=r"^`calibration=.*photos`: this network takes 2D joints, so images"):
        pd.tune(lifter, tmp_path / "tuned", "1mm", calibration=[tmp_path / "photos"])
    assert not (tmp_path / "tuned").exists()
