"""The training targets of the sample, which decode to the synthetic people."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from posedeploy.checkpoints.lightweight_openpose_2d import spec
from posedeploy.poses.lightweight_openpose_2d import KEYPOINT_NAMES, decode
from posedeploy.synthetic import PARTS, Rng, generate_scene
from posedeploy.types import Array, Camera, Placement, Poses
from tools.training_data import (
    CLOSE_CROPS,
    FLIPPED,
    FLIPPED_PARTS,
    WIDE_CROPS,
    Batches,
    Phase,
    example,
    heatmaps_of,
    pafs_of,
)


def _decoded(points: Array, labeled: Array) -> Poses:
    network = spec()
    people = [(points, labeled)]
    outputs = {
        network.roles["heatmaps"]: heatmaps_of(people, 40, 32)[None],
        network.roles["pafs"]: pafs_of(people, 40, 32)[None],
    }
    return decode(outputs, network, Placement(1.0, (0, 0), (320, 256), (320, 256)), Camera())


def test_ideal_maps_decode_to_the_synthetic_keypoints() -> None:
    distances = []
    for index in range(12):
        (person,) = generate_scene(3, index, size=(320, 256), people=1).people
        labeled = person.visibility > 0
        if person.box[3] < 120 or labeled.sum() < 8:
            continue
        poses = _decoded(person.keypoints, labeled)
        assert len(poses) >= 1
        best = poses.keypoints[np.argmax(poses.scores)]
        both = labeled & (best[:, 2] >= 0)
        assert both.sum() >= 0.8 * labeled.sum()
        assert not (best[~labeled, 2] >= 0).any()
        distances += np.hypot(*(best[both, :2] - person.keypoints[both]).T).tolist()
    assert len(distances) > 50
    assert np.median(distances) < 1.0
    assert np.mean(distances) < 1.5


def test_unlabeled_keypoints_have_empty_maps() -> None:
    points, nothing = np.full((18, 2), 100.0), np.zeros(18, bool)
    assert not heatmaps_of([(points, nothing)], 40, 32)[:-1].any()
    assert not pafs_of([(points, nothing)], 40, 32).any()


def test_the_background_map_is_the_complement_of_all_keypoints() -> None:
    person = generate_scene(3, 0, size=(320, 256), people=1).people[0]
    maps = heatmaps_of([(person.keypoints, person.visibility > 0)], 40, 32)
    np.testing.assert_allclose(maps[-1] + maps[:-1].max(axis=0), 1)
    assert 0.9 < maps[:-1].max() <= 1


@pytest.mark.parametrize("phase", [CLOSE_CROPS, WIDE_CROPS])
def test_batches_are_reproducible(phase: Phase) -> None:
    first, again = Batches(1, phase)[3], Batches(1, phase)[3]
    for name in ("images", "heatmaps", "pafs", "parts", "mask"):
        assert torch.equal(getattr(first, name), getattr(again, name))
    count, _, height, width = first.images.shape
    assert (width, height) in phase.sizes
    assert first.heatmaps.shape == (count, 19, height // 8, width // 8)
    assert first.pafs.shape == (count, 38, height // 8, width // 8)
    assert first.parts.shape == (count, height // 8, width // 8)
    assert first.parts.max() <= len(PARTS)
    assert first.mask.mean() > 0.5
    assert first.images.abs().max() <= 0.5


def test_flipping_swaps_the_sides() -> None:
    assert [KEYPOINT_NAMES[index] for index in FLIPPED[:6]] == [
        "nose",
        "neck",
        "l_sho",
        "l_elb",
        "l_wri",
        "r_sho",
    ]
    assert FLIPPED_PARTS[1 + PARTS.index("r_shin")] == 1 + PARTS.index("l_shin")
    assert FLIPPED_PARTS[0] == 0
    np.testing.assert_array_equal(FLIPPED_PARTS[FLIPPED_PARTS], np.arange(len(PARTS) + 1))


def test_keypoints_of_crops_stay_on_their_people() -> None:
    on_people = []
    for index in range(30):
        scene = generate_scene(4, index, people=1)
        image, heatmaps, _, parts, mask = example(scene, Rng(index), (192, 192), fits_person=True)
        assert (image.shape, parts.shape, mask.shape) == ((3, 192, 192), (24, 24), (1, 24, 24))
        for keypoint in range(18):
            y, x = np.unravel_index(heatmaps[keypoint].argmax(), heatmaps[keypoint].shape)
            if heatmaps[keypoint, y, x] > 0.8:
                near = parts[max(0, y - 1) : y + 2, max(0, x - 1) : x + 2]
                on_people.append(bool((near > 0).any()))
    assert len(on_people) > 150
    assert np.mean(on_people) > 0.97


def test_people_who_are_too_small_are_masked() -> None:
    masked = 0
    for index in range(60):
        scene = generate_scene(6, index, people=8)
        unknown = [number + 1 for number, person in enumerate(scene.people) if not person.is_recognizable]
        scale_draws = Rng(index)
        *_, parts, mask = example(scene, scale_draws, (256, 256), fits_person=False)
        masked += int((mask == 0).any())
        assert mask.shape == (1, *parts.shape)
        if not unknown and min(max(person.box[2:]) for person in scene.people) > 200:
            assert mask.all()
    assert masked > 10
