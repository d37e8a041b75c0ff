"""Positions between the cells of heatmaps: known answers, and what must stay as published."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from posedeploy.decoders import check_refine, decoder_of
from posedeploy.errors import InputError
from posedeploy.families import FAMILIES as ALL_FAMILIES
from posedeploy.families import poses_of
from posedeploy.poses import pose_hg_3d
from posedeploy.poses.maps import UPSAMPLE, find_highest, upsample
from posedeploy.poses.peaks import find_peaks
from posedeploy.poses.refinement import HALF_CELL, refine_cells, refine_peaks
from posedeploy.types import Array, Camera, ModelSpec, Placement, Poses
from tests.poses.helpers import FAMILIES, placement_of
from tests.poses.test_decode_crops import hg_maps, hg_spec
from tests.support.properties import checked
from tests.support.synthetic_maps import Maps, crowd

SIZE = 20
UPSAMPLING = {"cubic": cv2.INTER_CUBIC, "linear": cv2.INTER_LINEAR}
PLACES = st.tuples(st.floats(4, SIZE - 5), st.floats(4, SIZE - 5))
SIGMAS = st.floats(0.7, 3)


def blob(place: tuple[float, float], sigma: float, turn: float = 0.0, stretch: float = 1.0) -> Array:
    """(1, SIZE, SIZE) float32 Gaussian at x, y in cells."""
    grid = np.stack(np.meshgrid(np.arange(SIZE), np.arange(SIZE)), axis=-1) - place
    axes = np.array([[np.cos(turn), -np.sin(turn)], [np.sin(turn), np.cos(turn)]])
    return np.exp(-(((grid @ axes) / (sigma, sigma * stretch)) ** 2).sum(-1) / 2)[None].astype(np.float32)


def highest(maps: Array) -> Array:
    return np.array([np.unravel_index(maps[0].argmax(), maps.shape[1:])[::-1]])


@given(place=PLACES, sigma=SIGMAS, height=st.floats(0.11, 5))
@checked
def test_a_gaussian_is_found_between_cells(place: tuple[float, float], sigma: float, height: float) -> None:
    maps = height * blob(place, sigma)
    refined = refine_cells(maps, np.zeros(1, int), highest(maps))
    np.testing.assert_allclose(refined[0], place, atol=0.01)


@given(place=PLACES, sigma=st.floats(0.9, 2), turn=st.floats(0, 3), stretch=st.floats(1, 1.3))
@checked
def test_an_oblique_gaussian_too(
    place: tuple[float, float], sigma: float, turn: float, stretch: float
) -> None:
    maps = blob(place, sigma, turn, stretch)
    refined = refine_cells(maps, np.zeros(1, int), highest(maps))
    np.testing.assert_allclose(refined[0], place, atol=0.05)


@pytest.mark.parametrize("interpolation", UPSAMPLING)
@given(place=PLACES, sigma=st.floats(0.8, 2))
@checked
def test_a_peak_of_the_upsampled_map_is_refined_too(
    interpolation: str, place: tuple[float, float], sigma: float
) -> None:
    maps = np.concatenate([blob(place, sigma), np.zeros((1, SIZE, SIZE), np.float32)])
    peaks = find_peaks(upsample(maps, UPSAMPLING[interpolation]))
    assume(len(peaks.x))  # two equal cells are not a peak
    refined = refine_peaks(maps, peaks)
    cells = (refined - 1.5) / UPSAMPLE
    assert np.abs(cells - place).max(axis=1).min() < 0.05
    published = np.stack([peaks.x, peaks.y], axis=1)
    assert np.abs(refined - published).max() <= HALF_CELL * UPSAMPLE


@given(seed=st.integers(0, 2**32 - 1), low=st.sampled_from([-1.0, 0.0, 0.5]))
@checked
def test_any_map_moves_a_position_by_half_a_cell_at_most(seed: int, low: float) -> None:
    random = np.random.default_rng(seed)
    maps = random.uniform(low, 1, (3, 5, 7)).astype(np.float32)
    cells = np.stack([random.uniform(-0.4, 6.4, 40), random.uniform(-0.4, 4.4, 40)], axis=1)
    channels = random.integers(0, 3, 40)
    refined = refine_cells(maps, channels, cells)
    assert np.isfinite(refined).all()
    assert np.abs(refined - cells).max() <= HALF_CELL + 1e-12


@pytest.mark.parametrize("value", [0.0, -1.0, np.nan, np.inf])
def test_without_a_peak_a_position_stays(value: float) -> None:
    maps = np.full((1, 4, 4), value, np.float32)
    cells = np.array([[1, 2], [0, 0], [3, 3]])
    refined = refine_cells(maps, np.zeros(3, int), cells)
    np.testing.assert_array_equal(refined, cells)


@pytest.mark.parametrize("shape", [(1, 1), (1, 6), (6, 1), (2, 2)])
def test_maps_of_a_cell_or_two(shape: tuple[int, int]) -> None:
    maps = np.random.default_rng(0).uniform(0.1, 1, (1, *shape)).astype(np.float32)
    refined = refine_cells(maps, np.zeros(1, int), np.zeros((1, 2), int))
    assert np.abs(refined).max() <= HALF_CELL


def test_a_peak_on_the_border_stays_on_the_border() -> None:
    maps = blob((0, 7.3), 1.0)
    np.testing.assert_allclose(
        refine_cells(maps, np.zeros(1, int), np.array([[0, 7]])), [[0, 7.3]], atol=1e-3
    )


def test_a_small_change_of_the_map_is_a_small_change_of_the_position() -> None:
    """Also where another cell becomes the highest: the published position then jumps by a cell."""
    steps = np.linspace(9.4, 9.6, 41)
    found = np.array(
        [
            refine_cells(maps, np.zeros(1, int), highest(maps))[0]
            for maps in (blob((x, 8.2), 1.0) for x in steps)
        ]
    )
    assert np.abs(np.diff(found, axis=0)).max() < 0.01


def _decoded(family: str, maps: Maps, *, refine: bool) -> Poses:
    module = FAMILIES[family]
    name = f"lightweight-openpose-{family}"
    spec = ModelSpec(name, "", (), (), roles={role: role for role in module.ROLES})
    outputs = {role: getattr(maps, role)[None] for role in module.ROLES}
    return decoder_of(spec, Camera(), refine=refine)(outputs, placement_of(maps.heatmaps))


@pytest.mark.parametrize("family", FAMILIES)
def test_people_are_found_where_they_are(family: str) -> None:
    """The published decodings place the middle of cell 0 at 3 px of 8, not at 4."""
    maps = crowd(4, seed=1, noise=0.0)
    poses = _decoded(family, maps, refine=True)
    assert len(poses) == 4
    joints = slice(None) if family == "2d" else FAMILIES["3d"].PANOPTIC
    people = poses.keypoints[np.argsort(poses.keypoints[:, 0, 0])][:, joints, :2]
    truth = maps.keypoints[np.argsort(maps.keypoints[:, 1, 0])]
    assert np.abs((people + 1) / 8 - truth).max() < 0.05


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("seed", range(4))
def test_only_coordinates_move(family: str, seed: int) -> None:
    maps = crowd(3, seed=seed, noise=0.05, missing=0.2)
    plain, refined = (_decoded(family, maps, refine=each) for each in (False, True))
    np.testing.assert_array_equal(plain.scores, refined.scores)
    np.testing.assert_array_equal(plain.keypoints[..., 2], refined.keypoints[..., 2])
    missing = plain.keypoints[..., 2] < 0
    assert (refined.keypoints[missing] == -1).all()
    moved = np.abs(refined.keypoints - plain.keypoints)[..., :2]
    truncated = 1 if family == "3d" else 0
    assert 0 < moved.max() <= 8 * HALF_CELL + truncated
    if family == "3d":
        assert plain.keypoints_3d is not None and refined.keypoints_3d is not None
        np.testing.assert_array_equal(plain.keypoints_3d[..., 3], refined.keypoints_3d[..., 3])
        apart = refined.keypoints_3d[..., :3] - plain.keypoints_3d[..., :3]
        np.testing.assert_allclose(apart, apart[:, :1] * np.ones((19, 1)), atol=1e-6)


def test_pose_hg_3d_is_refined_in_both_dimensions() -> None:
    outputs = {name: array[..., :64, :48] for name, array in hg_maps(16).items()}
    grid = np.stack(np.meshgrid(np.arange(48), np.arange(64)), axis=-1)
    truth = np.random.default_rng(0).uniform(5, 40, (16, 2))
    outputs["hm"][0] = np.exp(-((grid - truth[:, None, None]) ** 2).sum(-1) / 8)
    where = Placement(0.5, (10.0, 20.0), (400, 300), (192, 256))
    spec = hg_spec()
    refined, plain = (decoder_of(spec, Camera(), refine=each)(outputs, where) for each in (True, False))
    np.testing.assert_allclose(refined.keypoints[0, :, :2], (4 * truth - (10, 20)) / 0.5, atol=0.05 * 8)
    np.testing.assert_array_equal(refined.keypoints[..., 2], plain.keypoints[..., 2])
    assert refined.keypoints_3d is not None
    cells = find_highest(outputs["hm"][0])
    relative = pose_hg_3d.relative_pose(cells, outputs["depth"][0], pose_hg_3d.KEYPOINT_NAMES, truth)
    flat = refined.keypoints_3d[0, :, :2] - refined.keypoints_3d[0, 6, :2]
    scale = np.abs(flat).max() / np.abs(relative[:, :2]).max()
    np.testing.assert_allclose(flat, scale * relative[:, :2], atol=0.01 * np.abs(flat).max())


@pytest.mark.parametrize("family", ALL_FAMILIES)
def test_families_without_heatmaps_refuse(family: str) -> None:
    spec = ModelSpec(family, "", (), ())
    if poses_of(family).PEAK_ROLES:
        check_refine(spec)
        return
    with pytest.raises(InputError) as caught:
        decoder_of(spec, Camera(), refine=True)
    assert str(caught.value) == (
        f"`refine`: {family} has no heatmaps, so its positions are not rounded to cells; leave it out. The "
        "families with heatmaps are lightweight-openpose-2d, lightweight-openpose-3d, pose-hg-3d, "
        "heatmap, simcc"
    )
