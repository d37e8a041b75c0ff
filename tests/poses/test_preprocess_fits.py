"""The inputs of ``affine``, ``affine-udp``, ``letterbox`` and ``letterbox-corner``."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.poses.top_down import CONTRACT
from posedeploy.types import Array, Fit, InputContract
from tests.poses.helpers import image_spec

LETTERBOX = InputContract(
    height=64, width=64, mean=(0.0,) * 3, std=(255.0,) * 3, color_order="RGB", fit="letterbox", padding=114
)


def gradient(height: int, width: int) -> Array:
    """Return an image whose blue channel is the column and whose green channel is the row."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0], image[..., 1] = np.arange(width), np.arange(height)[:, None]
    return image


def with_fit(fit: Fit) -> InputContract:
    return InputContract(64, 48, (0.0,) * 3, (1.0,) * 3, fit=fit, margin=1.0)


def test_an_affine_crop_equals_the_published_input(data: Path) -> None:
    case = np.load(data / "preprocess" / "affine.npz")
    x, y, right, bottom = case["box_xyxy"].tolist()
    # rtmlib takes OpenCV's BGR with the mean of RGB.
    contract = InputContract(256, 192, CONTRACT.mean, CONTRACT.std, "BGR", "affine")
    spec = image_spec(contract, shape=(1, 3, 256, 192))
    tensors, _ = prepare(case["image"], spec, np.array([x, y, right - x, bottom - y]))
    np.testing.assert_allclose(tensors["data"][0].transpose(1, 2, 0), case["input"], rtol=0, atol=1e-6)


@pytest.mark.parametrize("fit", ["affine", "affine-udp"])
def test_a_crop_contains_the_pixels_of_its_placement(fit: Fit) -> None:
    image = gradient(200, 200)
    tensors, placement = prepare(
        image, image_spec(with_fit(fit), (1, 3, 64, 48)), np.array([50, 60, 48, 64.0])
    )
    row, column = 30, 20
    x, y = placement.to_image(np.array([column, row]))
    np.testing.assert_allclose(tensors["data"][0, :2, row, column], (x, y), rtol=0, atol=0.6)
    corners = placement.to_image(np.array([[0, 0], [47, 63], [48, 64]]))
    assert corners[0].tolist() == pytest.approx([50, 60])
    assert corners[1 if fit == "affine-udp" else 2].tolist() == pytest.approx([98, 124])


def test_an_affine_crop_does_not_clip_the_box_to_the_image() -> None:
    spec = image_spec(with_fit("affine"), (1, 3, 64, 48))
    tensors, placement = prepare(gradient(100, 100), spec, np.array([-24.0, -32.0, 48.0, 64.0]))
    assert placement.to_image(np.zeros(2)).tolist() == pytest.approx([-24, -32])
    assert (tensors["data"][0, :, :31, :23] == 0).all()


@pytest.mark.parametrize(
    ("box", "message"),
    [
        ([200, 0, 10, 10], "lies outside the image of 100x100 px"),
        ([0, 0, 0, 10], "has no size"),
        ([0, 0, float("nan"), 10], "four finite numbers"),
    ],
)
def test_an_affine_crop_refuses_an_invalid_box(box: list[float], message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(gradient(100, 100), image_spec(with_fit("affine"), (1, 3, 64, 48)), np.array(box))


@pytest.mark.parametrize(
    ("fit", "size", "top", "left"),
    [
        ("letterbox", (100, 200), 16, 0),
        ("letterbox", (200, 101), 0, 16),
        ("letterbox-corner", (100, 200), 0, 0),
        ("letterbox-corner", (200, 101), 0, 0),
    ],
)
def test_a_letterbox_scales_the_image_onto_padding(
    fit: Fit, size: tuple[int, int], top: int, left: int
) -> None:
    contract = InputContract(64, 64, (0.0,) * 3, (255.0,) * 3, "RGB", fit, padding=114)
    tensors, placement = prepare(np.full((*size, 3), 255, np.uint8), image_spec(contract, (1, 3, 64, 64)))
    pixels = np.rint(tensors["data"][0, 0] * 255)
    rows, columns = (round(length * 64 / 200) for length in size)
    assert placement.offset == (left, top)
    assert placement.scale == pytest.approx(64 / 200)
    assert (pixels[top : top + rows, left : left + columns] == 255).all()
    assert (pixels == 114).sum() == 64 * 64 - rows * columns


def test_a_letterbox_of_dynamic_size_has_the_size_of_the_contract() -> None:
    tensors, _ = prepare(gradient(100, 200), image_spec(LETTERBOX))
    assert tensors["data"].shape == (1, 3, 64, 64)


def test_a_letterbox_takes_no_box() -> None:
    with pytest.raises(InputError, match="takes whole images, so a box cannot be used"):
        prepare(gradient(100, 200), image_spec(LETTERBOX), np.array([0, 0, 10, 10]))


def test_an_input_of_int32_takes_pixels_only() -> None:
    image = gradient(64, 48)
    spec = image_spec(with_fit("center"), (1, 64, 48, 3), "int32", "NHWC")
    with pytest.raises(InputError, match=r'write embedded = \["normalization"\] under'):
        prepare(image, spec)
    contract = InputContract(64, 48, (0.0,) * 3, (1.0,) * 3, fit="center", embedded=("normalization",))
    tensors, _ = prepare(image, image_spec(contract, (1, 64, 48, 3), "int32", "NHWC"))
    assert tensors["data"].dtype == np.int32
    np.testing.assert_array_equal(tensors["data"][0], image)
