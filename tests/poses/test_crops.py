"""Inputs cropped to boxes, compared with the published ones."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses import mobile_human_pose, pose_hg_3d
from posedeploy.poses.crops import clip_box, find_region, find_transform
from posedeploy.poses.preprocess import prepare
from posedeploy.types import InputContract
from tests.poses.helpers import FAMILIES, image_spec

BOX = mobile_human_pose.CONTRACT
CENTER = pose_hg_3d.CONTRACT
SQUARE = (1, 3, 256, 256)
BLACK = np.float32(0)


def photo(height: int = 120, width: int = 90) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@pytest.mark.parametrize("shape", ["wide", "tall"])
@pytest.mark.parametrize(
    ("family", "contract"), [("mobile-human-pose", BOX), ("pose-hg-3d", CENTER)], ids=["box", "center"]
)
def test_equals_the_published_input(
    reference: Path, family: str, contract: InputContract, shape: str
) -> None:
    case = np.load(reference / "preprocess" / f"{family}_{shape}.npz")
    box = case.get("box")
    tensors, placement = prepare(case["image"], image_spec(contract), box)
    span = np.ptp(case["input"])
    assert np.abs(tensors["data"] - case["input"]).max() < 1e-6 * span
    size = (256, 256)
    part = find_region(contract, case["image"], box, size)
    np.testing.assert_allclose(find_transform(part, size), case["affine"], rtol=0, atol=1e-12)
    if "box_processed" in case:
        x, y, width, height = case["box_processed"]
        assert part.size == pytest.approx((width, height))
        assert part.center == pytest.approx((x + width / 2, y + height / 2))
    corner = np.array([30.0, 40.0, 1.0])
    np.testing.assert_allclose(
        corner[:2] * placement.scale + placement.offset, case["affine"] @ corner, rtol=0, atol=1e-4
    )
    assert placement.image_size == case["image"].shape[1::-1]
    assert placement.input_size == size


def test_without_a_box_the_whole_image_is_cropped() -> None:
    image = photo()
    whole, where = prepare(image, image_spec(BOX, SQUARE))
    boxed, same = prepare(image, image_spec(BOX, SQUARE), np.array([0, 0, 90, 120]))
    np.testing.assert_array_equal(whole["data"], boxed["data"])
    assert where == same
    assert where.scale == pytest.approx(256 / (119 * 1.25))


def test_only_boxes_are_widened_by_the_margin() -> None:
    image = photo()
    _, whole = prepare(image, image_spec(CENTER, SQUARE))
    assert whole.scale == pytest.approx(256 / 120)
    _, boxed = prepare(image, image_spec(CENTER, SQUARE), np.array([10, 10, 41, 31]))
    assert boxed.scale == pytest.approx(256 / 50)
    assert np.multiply((30, 25), boxed.scale) + boxed.offset == pytest.approx((128, 128))


@pytest.mark.parametrize("size", [(256, 192), (96, 128)])
@pytest.mark.parametrize("box", [(20, 10, 21, 61), (5, 60, 81, 11)])
@pytest.mark.parametrize("is_dynamic", [False, True])
def test_a_box_is_widened_to_the_aspect_of_the_input(
    size: tuple[int, int], box: tuple[int, ...], is_dynamic: bool
) -> None:
    contract = replace(CENTER, height=size[0], width=size[1], margin=1.0)
    spec = image_spec(contract) if is_dynamic else image_spec(contract, (1, 3, *size))
    tensors, placement = prepare(photo(), spec, np.array(box))
    assert tensors["data"].shape == (1, 3, *size)
    assert placement.scale == pytest.approx(min(size[1] / (box[2] - 1), size[0] / (box[3] - 1)))


def test_pixels_outside_the_image_are_black() -> None:
    image = np.full((40, 40, 3), 200, np.uint8)
    plain, _ = prepare(image, image_spec(BOX, SQUARE))
    black = (BLACK - np.float32(BOX.mean)) / np.float32(BOX.std)
    np.testing.assert_allclose(plain["data"][0, :, 0, 0], black, rtol=1e-6)
    inside = replace(BOX, embedded=("color", "normalization"))
    raw, _ = prepare(image, image_spec(inside, (1, 256, 256, 3), "uint8", "NHWC"))
    assert raw["data"][0, 0, 0].tolist() == [0, 0, 0]
    assert raw["data"][0, 128, 128].tolist() == [200, 200, 200]


@pytest.mark.parametrize(("contract", "blue"), [(BOX, 2), (CENTER, 0)])
def test_the_color_order_is_that_of_the_contract(contract: InputContract, blue: int) -> None:
    image = np.zeros((40, 40, 3), np.uint8)
    image[..., 0] = 255
    tensors, _ = prepare(image, image_spec(contract, SQUARE))
    middle = tensors["data"][0, :, 128, 128]
    lit = (255 - contract.mean[blue]) / contract.std[blue]
    assert middle[blue] == pytest.approx(lit, rel=1e-5)
    assert sorted(range(3), key=lambda channel: middle[channel])[-1] == blue


def test_clipping_counts_pixels_as_published() -> None:
    assert clip_box(np.array([90.5, 60.2, 140, 220]), 360, 480).tolist() == pytest.approx(
        [90.5, 60.2, 139, 219]
    )
    assert clip_box(np.array([-10, -10, 30, 1000]), 100, 100).tolist() == [0, 0, 29, 99]


@pytest.mark.parametrize(
    ("box", "message"),
    [
        (
            (90, 10, 20, 20),
            r"the box \[90, 10, 20, 20\] \(x, y, width, height\) lies outside the image of 90x120 px",
        ),
        ((-30, 10, 20, 20), "lies outside the image of 90x120 px"),
        ((10, 500, 20, 20), "lies outside the image"),
        ((1e308, 1e308, 1e308, 1e308), "lies outside the image"),
        ((-1e308, 1e308, 1e308, 1e308), "lies outside the image"),
        ((10, 10, 0, 20), "has no size: its width and height must be above 0 px"),
        ((10, 10, -5, 20), "has no size"),
        ((89, 10, 20, 20), "less than 2 px wide or high in the image of 90x120 px"),
        ((10, 10, 1, 20), "less than 2 px wide or high"),
        ((10, 10, float("nan"), 20), "is not x, y, width, height: four finite numbers"),
        ((10, 10, float("inf"), 20), "four finite numbers"),
        ((10, 10, 20), r"the box \[10, 10, 20\] is not x, y, width, height"),
    ],
)
@pytest.mark.parametrize("contract", [BOX, CENTER], ids=["box", "center"])
def test_invalid_boxes_are_rejected(contract: InputContract, box: tuple[float, ...], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(photo(), image_spec(contract, SQUARE), np.array(box))


def test_networks_on_whole_images_reject_boxes() -> None:
    with pytest.raises(InputError, match="takes whole images, so a box cannot be used; leave it out"):
        prepare(photo(), image_spec(FAMILIES["2d"].CONTRACT), np.array([0, 0, 10, 10]))
