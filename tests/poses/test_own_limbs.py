"""Decoding of a network with its own keypoints and limbs, a part of the published ones."""

from __future__ import annotations

from collections.abc import Sequence
from types import ModuleType

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.keypoint_descriptions import KeypointDescription, describe
from posedeploy.poses import lightweight_openpose_2d, lightweight_openpose_3d
from posedeploy.poses.limbs import FIELDS, LIMBS
from posedeploy.specs import image_spec
from posedeploy.types import Camera, ModelSpec, Poses, Tensors
from tests.poses.helpers import placement_of
from tests.support.synthetic_maps import Maps, crowd

ARMS = (1, 2, 3, 4, 5, 6, 7)
"""Neck, right and left shoulder, elbow and wrist of the published keypoints."""
NAMES = tuple(lightweight_openpose_2d.KEYPOINT_NAMES[kind] for kind in ARMS)
JOINED = tuple((start, end) for start, end in LIMBS if start in ARMS and end in ARMS)
PAIRS = tuple((ARMS.index(start), ARMS.index(end)) for start, end in JOINED)
CAMERA = Camera(fx=500.0)


def arms_of(maps: Maps, order: Sequence[int], flipped: Sequence[int] = ()) -> tuple[ModelSpec, Tensors]:
    """Return the spec and outputs of a 2D network of the arms, with its own order and direction of limbs."""
    heatmaps = np.concatenate([maps.heatmaps[list(ARMS)], maps.heatmaps[18:]])
    signs = [-1.0 if limb in flipped else 1.0 for limb in order]
    fields = [
        sign * maps.pafs[2 * FIELDS[LIMBS.index(JOINED[limb])] :][:2]
        for sign, limb in zip(signs, order, strict=True)
    ]
    skeleton = tuple(PAIRS[limb][:: int(sign)] for sign, limb in zip(signs, order, strict=True))
    outputs = {"heatmaps": heatmaps[None], "pafs": np.concatenate(fields)[None].astype(np.float32)}
    spec = image_spec(
        "lightweight-openpose-2d", "arms", {"heatmaps": 8, "pafs": 12}, {name: name for name in outputs}
    )
    return describe(spec, KeypointDescription(NAMES, skeleton), "arms.toml"), outputs


def published(module: ModuleType, maps: Maps) -> Poses:
    family = "lightweight-openpose-2d" if module is lightweight_openpose_2d else "lightweight-openpose-3d"
    outputs = {role: getattr(maps, role)[None] for role in module.ROLES}
    spec = image_spec(family, "", module.CHANNELS, {role: role for role in module.ROLES})
    return module.decode(outputs, spec, placement_of(maps.heatmaps), CAMERA)


def by_place(keypoints: np.ndarray) -> np.ndarray:
    return keypoints[np.argsort(keypoints[:, 0, 0])]


@pytest.mark.parametrize(
    ("order", "flipped"),
    [((0, 1, 2, 3, 4, 5), ()), ((5, 3, 1, 4, 2, 0), ()), ((3, 5, 4, 2, 0, 1), (1, 3, 4))],
    ids=["published order", "outside in", "some turned around"],
)
@pytest.mark.parametrize("seed", range(4))
def test_described_limbs_group_the_same_people(
    seed: int, order: Sequence[int], flipped: Sequence[int]
) -> None:
    maps = crowd(3, seed=seed, width=80)
    spec, outputs = arms_of(maps, order, flipped)
    found = lightweight_openpose_2d.decode(outputs, spec, placement_of(maps.heatmaps), CAMERA).keypoints
    wanted = published(lightweight_openpose_2d, maps).keypoints[:, ARMS]
    np.testing.assert_array_equal(by_place(found), by_place(wanted))


def test_limbs_may_specify_their_channels() -> None:
    maps = crowd(2, seed=1)
    spec, outputs = arms_of(maps, range(6))
    mixed = outputs | {"pafs": outputs["pafs"][:, [3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 1, 0]]}
    channels = ((11, 10), (1, 0), (3, 2), (5, 4), (7, 6), (9, 8))
    named = describe(spec, KeypointDescription(NAMES, PAIRS, channels), "arms.toml")
    where = placement_of(maps.heatmaps)
    wanted = lightweight_openpose_2d.decode(outputs, spec, where, CAMERA)
    found = lightweight_openpose_2d.decode(mixed, named, where, CAMERA)
    np.testing.assert_array_equal(found.keypoints, wanted.keypoints)
    np.testing.assert_array_equal(found.scores, wanted.scores)


def test_channels_without_a_limb_are_ignored() -> None:
    maps = crowd(2, seed=1)
    spec, outputs = arms_of(maps, range(6))
    left = describe(spec, KeypointDescription(NAMES, PAIRS[3:], ((6, 7), (8, 9), (10, 11))), "arms.toml")
    found = lightweight_openpose_2d.decode(outputs, left, placement_of(maps.heatmaps), CAMERA).keypoints
    assert len(found) == 2
    assert (found[:, [ARMS.index(kind) for kind in (5, 6, 7)], 2] >= 0).all()


def test_a_network_of_two_keypoints_detects_people() -> None:
    maps = crowd(3, seed=2, width=80)
    pair = 2 * FIELDS[0]
    outputs = {"heatmaps": maps.heatmaps[None, [1, 2, 18]], "pafs": maps.pafs[None, pair : pair + 2]}
    spec = image_spec("lightweight-openpose-2d", "", {"heatmaps": 3, "pafs": 2}, {n: n for n in outputs})
    spec = describe(spec, KeypointDescription(("neck", "shoulder"), ((0, 1),)), "two.toml")
    found = lightweight_openpose_2d.decode(outputs, spec, placement_of(maps.heatmaps), CAMERA)
    assert found.keypoints.shape == (3, 2, 3)


def test_without_a_description_the_message_has_a_template() -> None:
    maps = crowd(1)
    spec, outputs = arms_of(maps, range(6))
    bare = image_spec("lightweight-openpose-2d", "", {"heatmaps": 8, "pafs": 12}, spec.roles)
    assert bare.keypoint_names == tuple(f"joint_{number}" for number in range(7))
    with pytest.raises(InputError, match=r"7 keypoints and 6 limbs of its own .* `contract=FILE\.toml`"):
        lightweight_openpose_2d.decode(outputs, bare, placement_of(maps.heatmaps), CAMERA)


def test_visible_3d_joints_are_read_at_their_own_cell() -> None:
    """The 3D joints are those of the heatmaps, the arms, and a head without a heatmap."""
    maps = crowd(2, seed=3, noise=0.0)
    _, outputs = arms_of(maps, range(6))
    joints = [*lightweight_openpose_3d.PANOPTIC[list(ARMS)], 1]
    features = maps.features.reshape(19, 3, *maps.features.shape[1:])[joints].reshape(
        -1, *maps.features.shape[1:]
    )
    outputs["features"] = features[None]
    channels = {"features": 24, "heatmaps": 8, "pafs": 12}
    spec = image_spec("lightweight-openpose-3d", "", channels, {name: name for name in channels})
    described = describe(
        spec, KeypointDescription((*NAMES, "head"), PAIRS, heatmap_names=NAMES), "upper.toml"
    )
    found = lightweight_openpose_3d.decode(outputs, described, placement_of(maps.heatmaps), CAMERA)
    wanted = published(lightweight_openpose_3d, maps)
    columns = list(lightweight_openpose_3d.PANOPTIC[list(ARMS)])
    np.testing.assert_array_equal(by_place(found.keypoints[:, :7]), by_place(wanted.keypoints[:, columns]))
    assert (found.keypoints[:, 7] == -1).all(), "the head has no heatmap"
    assert found.keypoints_3d is not None
    assert wanted.keypoints_3d is not None
    relative = [
        poses[:, 1:7, :3] - poses[:, :1, :3]
        for poses in (found.keypoints_3d, wanted.keypoints_3d[:, columns])
    ]
    np.testing.assert_allclose(np.sort(relative[0], 0), np.sort(relative[1], 0), atol=1e-3)


@pytest.mark.parametrize("module", [lightweight_openpose_2d, lightweight_openpose_3d])
def test_the_published_network_needs_no_description(module: ModuleType) -> None:
    assert len(published(module, crowd(2, seed=3))) == 2
