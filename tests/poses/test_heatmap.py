"""The decoder of top-down networks with heatmaps."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, Placement
from tests.support.decoder_specs import decode_with, describe_network

WHOLE = Placement(1.0, (0.0, 0.0), (192, 256), (192, 256))
"""The image is the input."""


def bump(x: float, y: float, size: tuple[int, int] = (48, 64), sigma: float = 2.0) -> Array:
    """Return a (1, 1, h, w) heatmap with a Gaussian at a position."""
    columns, rows = np.arange(size[0]), np.arange(size[1])
    values = np.exp(-((columns - x) ** 2 + (rows[:, None] - y) ** 2) / (2 * sigma**2))
    return values[None, None].astype(np.float32)


def contract(options: str, fit: str = "affine") -> str:
    """Return a contract for one keypoint in a map."""
    return f"""
        family = "heatmap"
        keypoint_names = ["nose"]
        [input]
        fit = "{fit}"
        [decoding]
        {options}
    """


def decode_bump(options: str, x: float, y: float, fit: str = "affine", **keywords: bool) -> Array:
    """Return the position in px of the input that is decoded from a Gaussian."""
    spec = describe_network(contract(options, fit), {"heatmaps": (1, 1, 64, 48)})
    return decode_with(spec, {"heatmaps": bump(x, y)}, WHOLE, **keywords).keypoints[0, 0, :2]


def test_dark_with_udp_equals_the_published_positions(data: Path) -> None:
    case = np.load(data / "decode" / "heatmap-dark.npz")
    joints = case["heatmaps"].shape[1]
    names = ", ".join(f'"{number}"' for number in range(joints))
    spec = describe_network(
        f"""
        family = "heatmap"
        keypoint_names = [{names}]
        [decoding]
        refinement = "dark"
        udp = true
        """,
        {"heatmaps": case["heatmaps"].shape},
    )
    x, y, right, bottom = case["box_xyxy"].tolist()
    width, height = case["image_size"].tolist()
    image = np.zeros((height, width, 3), np.uint8)
    _, placement = prepare(image, spec, np.array([x, y, right - x, bottom - y]))
    poses = decode_with(spec, {"heatmaps": case["heatmaps"]}, placement)
    np.testing.assert_allclose(poses.keypoints[0, :, :2], case["keypoints"][0], rtol=0, atol=1e-4)
    np.testing.assert_array_equal(poses.keypoints[0, :, 2], case["scores"][0])


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ('refinement = "none"', (80.0, 120.0)),
        ('refinement = "quarter"', (81.0, 119.0)),
        ('refinement = "dark"', (81.2, 119.2)),
        ('refinement = "none"\nudp = true', (20 * 192 / 47, 30 * 256 / 63)),
        ('refinement = "dark"\nudp = true', (20.3 * 192 / 47, 29.8 * 256 / 63)),
    ],
)
def test_the_refinement_of_the_contract_applies(options: str, expected: tuple[float, float]) -> None:
    np.testing.assert_allclose(decode_bump(options, 20.3, 29.8), expected, rtol=0, atol=0.02)


def test_refine_replaces_the_quarter_offset_and_keeps_dark() -> None:
    np.testing.assert_allclose(
        decode_bump('refinement = "quarter"', 20.3, 29.8, refine=True), (81.2, 119.2), rtol=0, atol=1e-4
    )
    refined, published = (
        decode_bump('refinement = "dark"', 20.3, 29.8, refine=refine) for refine in (True, False)
    )
    np.testing.assert_array_equal(refined, published)


def test_with_a_crop_of_udp_the_last_cell_is_the_last_pixel() -> None:
    options = 'refinement = "none"\nudp = true'
    np.testing.assert_allclose(decode_bump(options, 47, 63, "affine-udp"), (191, 255), rtol=0, atol=1e-9)


@pytest.mark.parametrize("options", ['refinement = "quarter"', 'refinement = "dark"', "udp = true"])
@pytest.mark.parametrize(("x", "y"), [(0, 0), (47, 63), (0, 63), (1, 40)])
def test_a_peak_at_the_border_stays_within_a_cell(options: str, x: float, y: float) -> None:
    exact = np.array([x * 4, y * 4])
    assert np.abs(decode_bump(options, x, y) - exact).max() < 6.0


def test_a_map_without_a_value_above_zero_is_a_missing_keypoint() -> None:
    spec = describe_network('family = "heatmap"', {"heatmaps": (1, 17, 64, 48)})
    maps = np.zeros((1, 17, 64, 48), np.float32)
    assert len(decode_with(spec, {"heatmaps": maps}, WHOLE)) == 0
    maps[0, 3, 10, 20] = 0.5
    poses = decode_with(spec, {"heatmaps": maps}, WHOLE)
    assert poses.keypoints[0, 3].tolist() == [80.0, 40.0, 0.5]
    assert (poses.keypoints[0, [0, 1, 2, *range(4, 17)]] == -1).all()
    assert poses.scores.tolist() == [0.5]


@pytest.mark.parametrize(
    ("joints", "first", "last"),
    [(17, "nose", "r_ankle"), (26, "nose", "r_heel"), (16, "r_ankle", "l_wrist"), (5, "joint_0", "joint_4")],
)
def test_the_number_of_maps_names_the_keypoints(joints: int, first: str, last: str) -> None:
    spec = describe_network('family = "heatmap"', {"heatmaps": (1, joints, 64, 48)})
    assert (len(spec.keypoint_names), spec.keypoint_names[0], spec.keypoint_names[-1]) == (
        joints,
        first,
        last,
    )
    assert spec.unit == "px"


@pytest.mark.parametrize(
    ("text", "shape", "message"),
    [
        ("", (1, 17, 64, 64), r"net.onnx: heatmaps of 64x64 cells do not have the aspect ratio"),
        ("", (1, 17, 384), r"net.onnx: heatmaps is heatmaps float32 1x17x384, expected"),
        ('keypoint_set = "coco-17"', (1, 26, 64, 48), "17 names in keypoint_names, and the network has 26"),
        ('keypoint_set = "coco-18"', (1, 18, 64, 48), "keypoint_set: unknown set 'coco-18'; the sets are"),
        ("skeleton = [[0, 17]]", (1, 17, 64, 48), r"skeleton\[0\] is \[0, 17\]; expected two"),
        ("[decoding]\nmethod = 1", (1, 17, 64, 48), "unknown option method; the options of this"),
        ('[decoding]\nrefinement = "taylor"', (1, 17, 64, 48), "allowed are none, quarter, dark"),
        ("[decoding]\nkernel = 4", (1, 17, 64, 48), r"kernel is 4; expected an odd number"),
        ("[decoding]\nudp = 1", (1, 17, 64, 48), r"udp: Expected `bool`, got `int`"),
    ],
)  # fmt: skip
def test_a_contract_that_does_not_fit_is_refused(text: str, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        describe_network(f'family = "heatmap"\n{text}', {"heatmaps": shape})


def test_options_of_a_family_without_options_are_refused() -> None:
    with pytest.raises(InputError, match=r"the family pose-hg-3d has no options; remove the table"):
        describe_network('family = "pose-hg-3d"\n[decoding]\nudp = true', {"hm": (1, 17, 64, 48)})


def test_keypoints_of_an_unknown_number_must_be_described() -> None:
    shape = ("batch", "joints", "height", "width")
    spec = describe_network('family = "heatmap"', {"heatmaps": shape})
    with pytest.raises(InputError, match=r'write keypoint_set = "coco-17", or keypoint_names'):
        decode_with(spec, {"heatmaps": np.ones((1, 17, 64, 48), np.float32)}, WHOLE)
