"""Decoding of both networks, compared with the published results and with a plain transcription."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.types import Camera, ModelSpec, Placement
from tests.poses.helpers import FAMILIES, decode, placement_of
from tests.support.naive_decode import decode_2d, decode_3d
from tests.support.synthetic_maps import crowd
from tools.bench_decode import as_keypoints, ours

NAIVE = {"2d": decode_2d, "3d": decode_3d}


def check_2d(path: Path, dtype: type = np.float32) -> None:
    case = np.load(path)
    scale = float(case["net_height"] / case["image_height"])
    maps = {role: case[role][None].astype(dtype) for role in ("heatmaps", "pafs")}
    poses = decode(FAMILIES["2d"], maps, placement_of(case["heatmaps"], scale))
    np.testing.assert_allclose(poses.keypoints, case["poses"], rtol=1e-6)
    np.testing.assert_allclose(poses.scores, case["confidence"], rtol=1e-6)
    assert poses.keypoints_3d is None


def check_3d(path: Path) -> None:
    case = np.load(path)
    maps = {role: case[role][None] for role in FAMILIES["3d"].ROLES}
    where = placement_of(case["heatmaps"], float(case["input_scale"]))
    poses = decode(FAMILIES["3d"], maps, where, Camera(fx=float(case["fx"])))
    people = len(case["poses_2d"])
    np.testing.assert_array_equal(poses.keypoints.reshape(people, 57), case["poses_2d"][:, :57])
    np.testing.assert_allclose(poses.scores, case["poses_2d"][:, 57], rtol=1e-6)
    in_mm = case["poses_3d"] * (10, 10, 10, 1)
    np.testing.assert_allclose(poses.keypoints_3d, in_mm, rtol=1e-6, atol=1e-6 * np.abs(in_mm).max(initial=0))


def test_2d_equals_the_published_poses(data: Path) -> None:
    check_2d(data / "decode" / "openpose2d_4people.npz")


def test_3d_equals_the_published_poses(data: Path) -> None:
    check_3d(data / "decode" / "openpose3d_2people.npz")


@pytest.mark.parametrize("people", [0, 1, 2, 4])
def test_equals_all_published_poses(reference: Path, people: int) -> None:
    check_2d(reference / "decode" / f"openpose2d_{people}people.npz")
    check_3d(reference / "decode" / f"openpose3d_{people}people.npz")


@pytest.mark.parametrize("name", ["skiers", "one-person"])
def test_equals_the_published_poses_of_photographs(real: Path, name: str) -> None:
    case = np.load(real / f"{name}.npz")
    offset = (int(case["pad"][1]), int(case["pad"][0]))
    maps = {role: case[role] for role in ("heatmaps", "pafs")}
    poses = decode(FAMILIES["2d"], maps, placement_of(case["heatmaps"], float(case["scale"]), offset))
    np.testing.assert_allclose(poses.keypoints, case["poses"], rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(poses.scores, case["confidence"], rtol=1e-6)


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_equals_the_transcription(family: str, seed: int) -> None:
    random = np.random.default_rng(seed)
    maps = crowd(
        int(random.integers(0, 10)),
        height=int(random.integers(12, 40)),
        width=int(random.integers(12, 80)),
        seed=seed,
        noise=float(random.choice([0, 0.02, 0.06])),
        missing=float(random.choice([0, 0.1, 0.4])),
    )
    wanted = as_keypoints(NAIVE[family](maps.heatmaps, maps.pafs), family)
    poses = ours(maps, family)
    np.testing.assert_allclose(poses.keypoints, wanted, rtol=0, atol=1e-9)
    scores = [
        person.score
        for person in NAIVE[family](maps.heatmaps, maps.pafs)[1]
        if family == "2d" or person.numbers[1] >= 0
    ]
    np.testing.assert_allclose(poses.scores, scores, rtol=1e-9)


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_of_noise_equals_the_transcription(family: str) -> None:
    random = np.random.default_rng(5)
    noise = crowd(0, height=10, width=14, noise=0.4, seed=5)
    pafs = random.normal(0, 0.6, noise.pafs.shape).astype(np.float32)
    wanted = as_keypoints(NAIVE[family](noise.heatmaps, pafs), family)
    maps = type(noise)(noise.heatmaps, pafs, noise.features, noise.keypoints)
    np.testing.assert_allclose(ours(maps, family).keypoints, wanted, rtol=0, atol=1e-9)


def test_every_person_is_detected_at_the_right_position() -> None:
    maps = crowd(4, seed=1, noise=0.0)
    poses = ours(maps, "2d")
    assert len(poses) == 4
    by_x = poses.keypoints[np.argsort(poses.keypoints[:, 1, 0])]
    assert np.abs(by_x[..., :2] / 8 - maps.keypoints).max() < 0.4


@pytest.mark.parametrize("family", FAMILIES)
def test_fp16_maps_are_accepted(family: str) -> None:
    maps = crowd(3, seed=2)
    half = {role: getattr(maps, role)[None].astype(np.float16) for role in FAMILIES[family].ROLES}
    single = {role: array.astype(np.float32) for role, array in half.items()}
    where = placement_of(maps.heatmaps)
    a, b = (decode(FAMILIES[family], outputs, where) for outputs in (half, single))
    np.testing.assert_array_equal(a.keypoints, b.keypoints)
    assert len(a) == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_decoding_does_not_modify_the_maps(family: str) -> None:
    maps = crowd(2, seed=2)
    outputs = {role: getattr(maps, role)[None].copy() for role in FAMILIES[family].ROLES}
    decode(FAMILIES[family], outputs, placement_of(maps.heatmaps))
    for role, array in outputs.items():
        np.testing.assert_array_equal(array[0], getattr(maps, role))


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_without_people_decode_to_no_people(family: str) -> None:
    empty = crowd(0, noise=0.0)
    poses = ours(empty, family)
    joints = len(FAMILIES[family].KEYPOINT_NAMES)
    assert poses.keypoints.shape == (0, joints, 3)
    assert poses.scores.shape == (0,)
    if family == "3d":
        assert poses.keypoints_3d.shape == (0, joints, 4)


def test_pixels_follow_the_placement() -> None:
    maps = crowd(2, seed=4)
    outputs = {role: getattr(maps, role)[None] for role in ("heatmaps", "pafs")}
    plain = decode(FAMILIES["2d"], outputs, placement_of(maps.heatmaps)).keypoints
    moved = decode(FAMILIES["2d"], outputs, placement_of(maps.heatmaps, 0.5, (16, 4))).keypoints
    found = plain[..., 2] >= 0
    np.testing.assert_allclose(moved[found][:, :2], (plain[found][:, :2] - (16, 4)) / 0.5)
    assert (moved[~found] == -1).all()


def people_3d(camera: Camera | None = None, scale: float = 1.0) -> np.ndarray:
    maps = crowd(2, seed=6)
    outputs = {role: getattr(maps, role)[None] for role in FAMILIES["3d"].ROLES}
    poses = decode(FAMILIES["3d"], outputs, placement_of(maps.heatmaps, scale), camera)
    assert len(poses) == 2
    return poses.keypoints_3d


def test_depth_is_proportional_to_the_focal_length_of_the_image() -> None:
    near, far = people_3d(Camera(fx=500.0)), people_3d(Camera(fx=1000.0))
    np.testing.assert_allclose(near[..., [0, 1, 3]], far[..., [0, 1, 3]])
    gain = far[..., 2] - near[..., 2]
    np.testing.assert_allclose(gain, gain[:, :1] * np.ones(19))
    np.testing.assert_allclose(people_3d(Camera(fx=2000.0), scale=0.5), far)


def test_the_default_focal_length_is_that_of_the_published_demo() -> None:
    np.testing.assert_array_equal(people_3d(), people_3d(Camera(fx=0.8 * 1280)))


def test_world_coordinates_undo_the_camera() -> None:
    turn = np.array([[0.0, 0, 1], [0, 1, 0], [-1, 0, 0]])
    shift = np.array([[100.0], [200.0], [-300.0]])
    world = people_3d(Camera(rotation=turn, translation=shift))
    seen = people_3d()
    np.testing.assert_allclose(world[..., :3] @ turn.T + shift[:, 0], seen[..., :3], atol=1e-9)
    np.testing.assert_array_equal(world[..., 3], seen[..., 3])
    np.testing.assert_allclose(people_3d(Camera(translation=shift))[..., :3], seen[..., :3] - shift[:, 0])


@pytest.mark.parametrize(
    ("camera", "message"),
    [
        (Camera(fx=0.0), "`fx=0`: expected a focal length in px"),
        (Camera(fx=float("nan")), "`fx=nan`: expected a focal length in px"),
        (Camera(rotation=np.eye(2)), r"rotation is \(2, 2\) .*expected 3x3"),
        (Camera(translation=np.zeros(2)), r"translation \(2,\); expected 3x3 and 3 numbers"),
        (Camera(rotation=np.zeros((3, 3))), "rotation is singular"),
    ],
)
def test_invalid_cameras_are_rejected(camera: Camera, message: str) -> None:
    with pytest.raises(InputError, match=message):
        people_3d(camera)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"heatmaps": None}, "no output 'out_heatmaps' for 'heatmaps'.*out_pafs"),
        ({"heatmaps": np.zeros((2, 19, 32, 57))}, "has 2 images; decode them one at a time"),
        ({"pafs": np.zeros((1, 32, 57, 38))}, r"expected \(1, 38, height, width\)"),
        ({"pafs": np.zeros((1, 38, 16, 57))}, "have different sizes: .*heatmaps 57x32, pafs 57x16 cells"),
    ],
)
@pytest.mark.parametrize("family", FAMILIES)
def test_invalid_outputs_are_rejected(family: str, change: dict[str, Any], message: str) -> None:
    maps = crowd(0)
    outputs = {role: getattr(maps, role)[None] for role in FAMILIES[family].ROLES} | change
    outputs = {role: array for role, array in outputs.items() if array is not None}
    with pytest.raises(InputError, match=message):
        decode(FAMILIES[family], outputs, Placement(1.0, (0, 0), (456, 256), (456, 256)))


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_of_another_input_size_are_rejected(family: str) -> None:
    outputs = {role: getattr(crowd(0), role)[None] for role in FAMILIES[family].ROLES}
    with pytest.raises(InputError, match="maps of 57x32 cells do not match an input of 448x256 px"):
        decode(FAMILIES[family], outputs, Placement(1.0, (0, 0), (448, 256), (448, 256)))


def test_a_missing_role_is_named() -> None:
    spec = ModelSpec("mine", "", (), (), roles={"pafs": "b"})
    with pytest.raises(InputError, match=r"no output for 'heatmaps', which mine needs.*pafs = b"):
        FAMILIES["2d"].decode({}, spec, Placement(1.0, (0, 0), (8, 8), (8, 8)), Camera())
