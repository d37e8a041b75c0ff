"""The decoding of single-person networks."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses import body_scale, mobile_human_pose, pose_hg_3d
from posedeploy.poses.maps import find_highest
from posedeploy.specs import family_spec
from posedeploy.types import Camera, ModelSpec, Placement, Tensors, TensorSpec

WHERE = Placement(0.5, (10.0, 20.0), (400, 300), (256, 256))
"""Image px to input px: half, then 10 to the right and 20 down."""


def test_pose_hg_3d_equals_the_published_pose(reference: Path) -> None:
    case = np.load(reference / "decode" / "pose_hg_3d.npz")
    cells = find_highest(case["hm"][0])
    column = cells[:, 0]
    # The published y has the column over 64 on top, by a slip; its 3D positions have not.
    np.testing.assert_array_equal(cells, case["cells"] - np.stack([0 * column, column / 64], axis=1))
    relative = pose_hg_3d.relative_pose(cells, case["depth"][0], pose_hg_3d.KEYPOINT_NAMES)
    np.testing.assert_allclose(relative, case["pose3d"], rtol=0, atol=1e-6)

    width, height = 2 * case["center"]
    scale = 256 / float(case["scale"])
    where = Placement(scale, (0.0, 128 - height / 2 * scale), (int(width), int(height)), (256, 256))
    outputs = {"hm": case["hm"], "depth": case["depth"]}
    poses = pose_hg_3d.decode(outputs, hg_spec(), where, Camera())
    slip = column / 64 * 4 / scale
    np.testing.assert_allclose(poses.keypoints[0, :, 0], case["pixels"][:, 0], rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(poses.keypoints[0, :, 1], case["pixels"][:, 1] - slip, rtol=1e-9, atol=1e-9)
    assert poses.keypoints_3d is not None
    in_mm = poses.keypoints_3d[0, :, :3]
    mm_per_width = np.linalg.norm(in_mm) / np.linalg.norm(case["pose3d"])
    np.testing.assert_allclose(in_mm, case["pose3d"] * mm_per_width, rtol=0, atol=1e-2)


def hg_spec(joints: int = 16, *, depth: bool = True) -> ModelSpec:
    heads = ("hm", "depth") if depth else ("hm",)
    spec = family_spec("pose-hg-3d", "", (), (), {head: head for head in heads}, joints)
    return spec if depth else replace(spec, unit="px")


def hg_maps(joints: int) -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    maps = {name: random.normal(0, 0.1, (1, joints, 64, 48)).astype(np.float32) for name in ("hm", "depth")}
    maps["hm"][0, 4, 10, 20] = 0.8
    return maps


@pytest.mark.parametrize("joints", [16, 17])
def test_pose_hg_3d_scales_people_to_one_size(joints: int) -> None:
    where = replace(WHERE, input_size=(192, 256))
    spec = hg_spec(joints)
    poses = pose_hg_3d.decode(hg_maps(joints), spec, where, Camera())
    assert poses.keypoints[0, 4].tolist() == pytest.approx([(20 * 4 - 10) / 0.5, (10 * 4 - 20) / 0.5, 0.8])
    assert poses.scores[0] == pytest.approx(poses.keypoints[0, :, 2].mean())
    assert poses.keypoints_3d is not None
    position = dict(zip(spec.keypoint_names, poses.keypoints_3d[0, :, :3], strict=True))
    length = sum(
        np.linalg.norm(position[f"{side}_{a}"] - position[f"{side}_{b}"])
        for side in "lr"
        for a, b in body_scale.LIMBS
    )
    assert length == pytest.approx(2 * (0.245 + 0.246 + 0.186 + 0.146) * 1800)
    root = position["pelvis"] if joints == 16 else (position["l_hip"] + position["r_hip"]) / 2
    assert root == pytest.approx((0, 0, 0), abs=1e-9)


def test_pose_hg_3d_without_a_depth_head_is_2d() -> None:
    outputs = {"hm": hg_maps(16)["hm"]}
    where = replace(WHERE, input_size=(192, 256))
    poses = pose_hg_3d.decode(outputs, hg_spec(depth=False), where, Camera())
    assert poses.keypoints.shape == (1, 16, 3)
    assert poses.keypoints_3d is None


def test_pose_hg_3d_needs_joint_names_for_3d() -> None:
    where = replace(WHERE, input_size=(192, 256))
    maps, own = hg_maps(16), [3, 2, 4, 5, 1]
    maps = {role: array[:, own] for role, array in maps.items()}
    bare = replace(hg_spec(5), outputs=tuple(TensorSpec(role, array.shape) for role, array in maps.items()))
    message = "has 5 keypoints of its own .* or to the midpoint of l_hip and r_hip; .*"
    with pytest.raises(InputError, match=message):
        pose_hg_3d.decode(maps, bare, where, Camera())
    described = replace(bare, keypoint_names=("left_hip", "right_hip", "l_knee", "l_ank", "R_Knee"))
    poses = pose_hg_3d.decode(maps, described, where, Camera())
    assert poses.keypoints_3d is not None
    in_mm = poses.keypoints_3d[0, :, :3]
    np.testing.assert_allclose(in_mm[0] + in_mm[1], 0, atol=1e-6)
    legs = sum(np.linalg.norm(in_mm[a] - in_mm[b]) for a, b in ((0, 2), (2, 3), (1, 4)))
    assert legs == pytest.approx(1800 * (2 * 0.245 + 0.246))


def test_pose_hg_3d_decodes_a_constant_map_to_a_point() -> None:
    outputs = {name: np.full((1, 16, 64, 64), -1.0, np.float32) for name in ("hm", "depth")}
    poses = pose_hg_3d.decode(outputs, hg_spec(), WHERE, Camera())
    assert poses.keypoints_3d is not None
    assert not poses.keypoints_3d.any()
    assert (poses.keypoints[..., 2] == 0).all()


@pytest.mark.parametrize(
    "camera", [Camera(fx=700.0), Camera(rotation=np.eye(3)), Camera(translation=np.ones(3))]
)
def test_pose_hg_3d_rejects_a_camera(camera: Camera) -> None:
    where = replace(WHERE, input_size=(192, 256))
    with pytest.raises(InputError, match="positions relative to the pelvis, which do not depend on the cam"):
        pose_hg_3d.decode(hg_maps(16), hg_spec(), where, camera)


def mobile_spec(joints: int = 18, cells: int | None = 64) -> ModelSpec:
    return family_spec("mobile-human-pose", "", (), (), {"coord": "coord"}, joints, cells)


def coord(joints: int = 18, cells: int = 64) -> dict[str, np.ndarray]:
    return {"coord": np.random.default_rng(0).uniform(0, cells, (1, joints, 3)).astype(np.float32)}


@pytest.mark.parametrize(("joints", "cells"), [(18, 32), (21, 64)])
def test_mobile_human_pose_in_camera_coordinates(joints: int, cells: int) -> None:
    outputs = coord(joints, cells)
    poses = mobile_human_pose.decode(outputs, mobile_spec(joints, cells), WHERE, Camera(fx=500.0))
    x, y, z = outputs["coord"][0].astype(np.float64).T
    pixels = np.stack([(x * 256 / cells - 10) / 0.5, (y * 256 / cells - 20) / 0.5], axis=1)
    np.testing.assert_allclose(poses.keypoints[0, :, :2], pixels)
    assert (poses.keypoints[..., 2] == 1).all() and poses.scores.tolist() == [1.0]
    assert poses.keypoints_3d is not None
    positions = poses.keypoints_3d[0, :, :3]
    # The crop of 512 px of the image spans 2 m at the root: f * 2000 / 512.
    np.testing.assert_allclose(positions[:, 2], 500 * 2000 / 512 + (z / cells * 2 - 1) * 1000)
    np.testing.assert_allclose(positions[:, :2] / positions[:, 2:] * 500 + (200, 150), pixels)


def test_mobile_human_pose_in_world_coordinates() -> None:
    turn = np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]])
    spec, outputs = mobile_spec(), coord()
    seen = mobile_human_pose.decode(outputs, spec, WHERE, Camera(fx=500.0)).keypoints_3d
    world = mobile_human_pose.decode(
        outputs, spec, WHERE, Camera(500.0, turn, np.array([1.0, 2, 3]))
    ).keypoints_3d
    assert seen is not None and world is not None
    np.testing.assert_allclose(world[0, :, :3] @ turn.T + (1, 2, 3), seen[0, :, :3])


def test_mobile_human_pose_has_a_default_focal_length() -> None:
    a = mobile_human_pose.decode(coord(), mobile_spec(), WHERE, Camera()).keypoints_3d
    b = mobile_human_pose.decode(coord(), mobile_spec(), WHERE, Camera(fx=0.8 * 400)).keypoints_3d
    np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize(
    ("outputs", "spec", "camera", "message"),
    [
        ({}, mobile_spec(), Camera(), "no output 'coord' .*the outputs are: none"),
        (
            coord(21),
            mobile_spec(),
            Camera(),
            r"coord \('coord'\) has shape \(1, 21, 3\); expected \(1, 18, 3\)",
        ),
        (coord(), mobile_spec(cells=None), Camera(), r"cells = 64 \(LPRES, LPWO\) in a `contract` file"),
        (coord(), mobile_spec(), Camera(fx=0.0), "`fx=0`: expected a focal length in px"),
    ],
    ids=["missing", "shape", "cells", "focal length"],
)
def test_mobile_human_pose_rejects_invalid_outputs(
    outputs: Tensors, spec: ModelSpec, camera: Camera, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        mobile_human_pose.decode(outputs, spec, WHERE, camera)


def test_joints_of_an_unknown_set_are_named_by_number() -> None:
    spec = mobile_spec(19)
    assert spec.keypoint_names[:2] == ("joint_0", "joint_1")
    assert (len(spec.keypoint_names), spec.skeleton) == (19, ())
    assert mobile_human_pose.decode(coord(19), spec, WHERE, Camera()).keypoints.shape == (1, 19, 3)
