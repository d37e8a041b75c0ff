"""The decoder of networks that return coordinates."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.families import poses_of
from posedeploy.types import Array, Camera, Dimension, Placement, Tensors
from tests.support.decoder_specs import decode_with, describe_network

HALF = Placement(0.5, (10.0, 20.0), (364, 472), (192, 256))
"""Image px to input px: half, then 10 to the right and 20 down."""
IMAGE_PX = np.random.default_rng(5).uniform(30, 300, (17, 2))
"""Positions of 17 keypoints in the image."""
FRACTIONS = (IMAGE_PX * 0.5 + (10, 20)) / (192, 256)


def contract(*lines: str) -> str:
    return "\n".join(['family = "coordinates"', "[decoding]", *lines])


@pytest.mark.parametrize("shape", [(1, 34), (1, 17, 2), (1, 1, 17, 2)])
def test_fractions_of_the_input_become_px_of_the_image(shape: tuple[int, ...]) -> None:
    spec = describe_network(contract(), {"keypoints": shape})
    poses = decode_with(spec, {"keypoints": FRACTIONS.reshape(shape)}, HALF)
    np.testing.assert_allclose(poses.keypoints[0, :, :2], IMAGE_PX, rtol=0, atol=1e-9)
    assert (poses.keypoints[0, :, 2] == 1).all()
    assert (spec.unit, poses.keypoints_3d) == ("px", None)


def test_y_before_x_and_a_score_as_in_movenet() -> None:
    spec = describe_network(contract('columns = ["y", "x", "score"]'), {"out": (1, 1, 17, 3)})
    scores = np.array([-0.1, *np.linspace(0, 0.75, 16)])
    values = np.concatenate([FRACTIONS[:, ::-1], scores[:, None]], axis=1)
    poses = decode_with(spec, {"out": values[None, None]}, HALF)
    np.testing.assert_allclose(poses.keypoints[0, 1:, :2], IMAGE_PX[1:], rtol=0, atol=1e-9)
    np.testing.assert_allclose(poses.keypoints[0, 1:, 2], scores[1:])
    assert (poses.keypoints[0, 0] == -1).all()
    assert poses.scores == pytest.approx([scores[1:].mean()])


def blazepose() -> Tensors:
    """Return 39 keypoints in px of the input, the first 17 at ``IMAGE_PX``, and their positions in m."""
    values = np.zeros((39, 5), np.float32)
    values[:17, :2] = IMAGE_PX * 0.5 + (10, 20)
    values[:, 3] = -2.0
    world = np.random.default_rng(6).normal(0, 0.4, (39, 3)).astype(np.float32)
    return {
        "Identity": values.reshape(1, 195),
        "Identity_4": world.reshape(1, 117),
        "Identity_1": np.array([[0.75]], np.float32),
    }


BLAZEPOSE = """
family = "coordinates"
[outputs]
keypoints = "Identity"
world = "Identity_4"
presence = "Identity_1"
[decoding]
columns = ["x", "y", "unused", "score", "unused"]
normalized = false
activation = "sigmoid"
auxiliary = 6
"""
SHAPES: dict[str, tuple[Dimension, ...]] = {
    "Identity": (1, 195),
    "Identity_4": (1, 117),
    "Identity_1": (1, 1),
}


def test_px_logits_auxiliary_keypoints_and_a_world_as_in_blazepose() -> None:
    spec = describe_network(BLAZEPOSE, SHAPES, (1, 256, 256, 3))
    outputs = blazepose()
    poses = decode_with(spec, outputs, HALF)
    assert (len(spec.keypoint_names), spec.unit) == (33, "mm")
    np.testing.assert_allclose(poses.keypoints[0, :17, :2], IMAGE_PX, rtol=0, atol=1e-4)
    np.testing.assert_allclose(poses.keypoints[0, :, 2], 1 / (1 + np.exp(2)))
    assert poses.scores == pytest.approx([0.75])
    assert poses.keypoints_3d is not None and poses.root_relative
    world = outputs["Identity_4"].reshape(39, 3)[:33] * 1000
    np.testing.assert_allclose(poses.keypoints_3d[0, :, :3], world, rtol=1e-6)
    with pytest.raises(InputError, match="do not depend on the camera"):
        poses_of("coordinates").decode(outputs, spec, HALF, Camera(fx=1000.0))


def test_z_without_a_world_is_scaled_to_a_person_of_1800_mm() -> None:
    spec = describe_network(
        contract('columns = ["x", "y", "z"]', "normalized = false"), {"keypoints": (1, 17, 3)}
    )
    points = np.random.default_rng(7).uniform(0, 150, (17, 3))
    poses = decode_with(spec, {"keypoints": points[None]}, HALF)
    assert poses.keypoints_3d is not None and spec.unit == "mm"
    in_mm: Array = poses.keypoints_3d[0, :, :3]
    limbs = ((11, 13), (13, 15), (12, 14), (14, 16), (5, 7), (7, 9), (6, 8), (8, 10))
    assert sum(np.linalg.norm(in_mm[a] - in_mm[b]) for a, b in limbs) == pytest.approx(2 * 0.823 * 1800)
    np.testing.assert_allclose(in_mm[[11, 12]].mean(axis=0), 0, atol=1e-9)
    middle = points[[11, 12]].mean(axis=0)
    shapes = (in_mm, points - middle)
    np.testing.assert_allclose(*(shape / np.linalg.norm(shape) for shape in shapes), rtol=0, atol=1e-9)


def test_z_of_keypoints_without_limbs_must_be_described() -> None:
    spec = describe_network(contract('columns = ["x", "y", "z"]'), {"keypoints": (1, 21, 3)})
    with pytest.raises(InputError, match="the scale of z is unknown: the keypoints of this"):
        decode_with(spec, {"keypoints": np.ones((1, 21, 3))}, HALF)


@pytest.mark.parametrize(
    ("text", "shapes", "message"),
    [
        (contract(), {"keypoints": (1, 17, 3)}, "1x17x3, but columns has 2 values for each"),
        (contract('columns = ["x", "y", "score"]'), {"keypoints": (1, 34)}, "columns has 3 values for each"),
        (contract('columns = ["x", "score"]'), {"keypoints": (1, 34)}, "columns is x, score; expected x and"),
        (contract('columns = ["x", "y", "x"]'), {"keypoints": (1, 51)}, "columns is x, y, x; expected x"),
        (contract('columns = ["x", "y", "v"]'), {"keypoints": (1, 51)}, "allowed are x, y, z, score, unused"),
        (BLAZEPOSE, SHAPES | {"Identity_4": (1, 99)}, "world is Identity_4 float32 1x99; expected 117"),
        (BLAZEPOSE, SHAPES | {"Identity_1": (1, 2)}, "presence is Identity_1 float32 1x2; expected 1 value;"),
    ],
)  # fmt: skip
def test_a_contract_that_does_not_fit_is_refused(
    text: str, shapes: dict[str, tuple[Dimension, ...]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        describe_network(text, shapes)


def test_an_output_of_several_people_is_refused_when_decoding() -> None:
    spec = describe_network(contract(), {"keypoints": ("batch", 17, 2)})
    with pytest.raises(InputError, match=r"has shape \(2, 17, 2\); expected one person of 34 values"):
        decode_with(spec, {"keypoints": np.ones((2, 17, 2))}, HALF)
