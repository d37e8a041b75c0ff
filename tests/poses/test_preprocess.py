from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.preprocess import MAX_FREE_LENGTH, prepare, to_bgr, with_height
from posedeploy.types import InputContract, ModelSpec
from tests.poses.helpers import FAMILIES, image_spec

CONTRACT = FAMILIES["2d"].CONTRACT
CROP = FAMILIES["3d"].CONTRACT
TINTED = InputContract(height=64, width=96, mean=(10.0, 20.0, 30.0), std=(2.0, 4.0, 8.0), color_order="RGB")


def photo(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def check_golden(case: Any, family: str) -> None:
    tensors, placement = prepare(case["image"], image_spec(FAMILIES[family].CONTRACT))
    np.testing.assert_array_equal(tensors["data"], case["input"])
    assert placement.scale == case["scale"]
    assert placement.image_size == case["image"].shape[1::-1]
    assert placement.input_size == case["input"].shape[:1:-1]
    if "pad" in case:
        assert placement.offset == (case["pad"][1], case["pad"][0])


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_the_published_input(data: Path, family: str) -> None:
    folder = data / "preprocess"
    # One photograph for both: it does not compress.
    case = dict(np.load(folder / f"lightweight-openpose-{family}_tall.npz"))
    check_golden({**np.load(folder / "tall.npz"), **case}, family)


@pytest.mark.parametrize("shape", ["wide", "tall"])
@pytest.mark.parametrize("family", FAMILIES)
def test_equals_every_published_input(reference: Path, family: str, shape: Any) -> None:
    check_golden(np.load(reference / "preprocess" / f"lightweight-openpose-{family}_{shape}.npz"), family)


@pytest.mark.parametrize("contract", [CONTRACT, CROP])
@pytest.mark.parametrize("size", [(360, 641), (480, 360), (100, 130)])
def test_a_fixed_size_equal_to_the_published_one_changes_nothing(contract: InputContract, size: Any) -> None:
    image = photo(*size)
    free, where = prepare(image, image_spec(contract))
    fixed, same = prepare(image, image_spec(contract, free["data"].shape))
    np.testing.assert_array_equal(fixed["data"], free["data"])
    assert same == where


def test_less_than_one_multiple_is_cropped() -> None:
    image = photo(256, 455)
    tensors, placement = prepare(image, image_spec(CROP, (1, 3, 256, 450)))
    assert (placement.scale, placement.offset) == (1.0, (0, 0))
    free, _ = prepare(image[:, :450], image_spec(CROP, (1, 3, 256, 450)))
    np.testing.assert_array_equal(tensors["data"], free["data"])


@pytest.mark.parametrize("contract", [CONTRACT, CROP])
def test_another_fixed_size_shows_the_whole_image_centered(contract: InputContract) -> None:
    tensors, placement = prepare(
        np.full((100, 400, 3), 255, np.uint8), image_spec(contract, (1, 3, 256, 448))
    )
    assert placement.scale == 1.12
    assert placement.offset == (0, 72)
    array = tensors["data"][0]
    assert (array[:, :72] == 0).all() and (array[:, 184:] == 0).all()
    assert (array[:, 72:184] == (255 - 128) * np.float32(1 / contract.std[0])).all()


def test_a_dynamic_width_follows_the_fixed_height() -> None:
    tensors, placement = prepare(photo(360, 640), image_spec(CONTRACT, (1, 3, 128, "w")))
    assert tensors["data"].shape == (1, 3, 128, 232)
    assert placement.input_size == (232, 128)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("embedded", [(), ("color",), ("normalization",), ("color", "normalization")])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_layouts_types_and_embedded_steps(dtype: str, layout: str, embedded: Any) -> None:
    check_every_pixel(dtype, layout, embedded)


@pytest.mark.parametrize("layout", ["NCHW", "NHWC"])
@pytest.mark.parametrize("embedded", [("normalization",), ("color", "normalization")])
def test_uint8_inputs_are_not_normalized(layout: str, embedded: Any) -> None:
    check_every_pixel("uint8", layout, embedded)


def check_every_pixel(dtype: str, layout: str, embedded: Any) -> None:
    image = photo(64, 70)
    shape = (1, 3, 64, 80) if layout == "NCHW" else (1, 64, 80, 3)
    tensors, placement = prepare(image, image_spec(replace(TINTED, embedded=embedded), shape, dtype, layout))
    array = tensors["data"]
    assert (array.dtype, array.shape, array.flags.c_contiguous) == (dtype, shape, True)
    assert placement.offset == (5, 0)

    in_rgb = image[..., ::-1].astype(np.float32)
    padded = np.tile(np.float32(TINTED.mean), (64, 80, 1))
    padded[:, 5:75] = in_rgb
    if "normalization" not in embedded:
        padded = (padded - np.float32(TINTED.mean)) / np.float32(TINTED.std)
    wanted = padded[..., ::-1] if "color" in embedded else padded
    got = array[0] if layout == "NHWC" else array[0].transpose(1, 2, 0)
    np.testing.assert_array_equal(got, wanted.astype(dtype))


def test_each_call_returns_its_own_memory() -> None:
    image, spec = photo(64, 64), image_spec(CONTRACT, (1, 3, 64, 64))
    before = image.copy()
    first, _ = prepare(image, spec)
    kept = first["data"].copy()
    prepare(photo(64, 64, seed=1), spec)
    np.testing.assert_array_equal(first["data"], kept)
    np.testing.assert_array_equal(image, before)


@pytest.mark.parametrize("contract", [CONTRACT, CROP])
def test_an_image_of_one_pixel_is_accepted(contract: InputContract) -> None:
    tensors, placement = prepare(np.full((1, 1, 3), 128, np.uint8), image_spec(contract))
    assert tensors["data"].shape == (1, 3, 256, 256)
    assert (tensors["data"] == 0).all() and placement.scale == 256


@pytest.mark.parametrize(
    ("size", "contract", "shape", "message"),
    [
        ((1, 20000), CONTRACT, (1, 3, "h", "w"), "5120000x256 px, more than 4096"),
        ((100, 20000), CROP, (1, 3, "h", "w"), "export the network with a fixed input size"),
        (
            (1, 20000),
            CONTRACT,
            (1, 3, 256, 456),
            "too long and thin: at the network's scale it has 456x0",
        ),
        ((20000, 1), CONTRACT, (1, 3, "h", "w"), "has 0x256 px"),
        ((300, 5), CROP, (1, 3, "h", "w"), "4x256 px, in an input of 0x256"),
    ],
)
def test_unusable_image_sizes_are_rejected(
    size: Any, contract: InputContract, shape: Any, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        prepare(np.zeros((*size, 3), np.uint8), image_spec(contract, shape))


def test_a_wide_image_fits_a_fixed_size() -> None:
    tensors, placement = prepare(photo(100, 20000), image_spec(CONTRACT, (1, 3, 256, 456)))
    assert tensors["data"].shape == (1, 3, 256, 456)
    assert placement.offset == (0, 127)


def test_the_longest_dynamic_input_is_accepted() -> None:
    tensors, _ = prepare(np.zeros((16, MAX_FREE_LENGTH // 16, 3), np.uint8), image_spec(CONTRACT))
    assert tensors["data"].shape == (1, 3, 256, MAX_FREE_LENGTH)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        (image_spec(None), "some-network has no input contract"),
        (image_spec(CONTRACT, (4, 3, 256, 456)), "is not one image; expected 1x3xHxW NCHW or"),
        (image_spec(CONTRACT, (1, 1, 256, 456)), "is not one image"),
        (image_spec(CONTRACT, layout=None), "is not one image"),
        (image_spec(CONTRACT, dtype="int64"), "expected the type float32 or float16 or int32"),
        (
            image_spec(CONTRACT, dtype="uint8"),
            "holds integers whose scale and zero point are unknown; write both under",
        ),
    ],
)
def test_networks_without_an_image_input_are_rejected(spec: ModelSpec, message: str) -> None:
    with pytest.raises(InputError, match=message):
        prepare(photo(64, 64), spec)


def test_images_of_every_kind_are_converted_to_bgr() -> None:
    gray = np.arange(256, dtype=np.uint8).reshape(16, 16)
    np.testing.assert_array_equal(to_bgr(gray), np.repeat(gray[..., None], 3, axis=2))
    np.testing.assert_array_equal(to_bgr(gray[..., None]), to_bgr(gray))
    np.testing.assert_array_equal(to_bgr(gray.astype(np.uint16) * 256 + 255), to_bgr(gray))
    color = photo(4, 5)
    assert to_bgr(color) is color
    np.testing.assert_array_equal(to_bgr(np.dstack([color, gray[:4, :5]])), color)


@pytest.mark.parametrize(
    ("image", "message"),
    [
        (np.zeros((0, 5, 3), np.uint8), "not empty"),
        (np.zeros((5, 5, 2), np.uint8), "1, 3 or 4 channels"),
        (np.zeros((1, 5, 5, 3), np.uint8), r"expected \(height, width\)"),
        (np.zeros((5, 5, 3), np.float32), "float32 values cannot be used"),
    ],
)
def test_invalid_images_are_rejected(image: np.ndarray, message: str) -> None:
    with pytest.raises(InputError, match=message):
        to_bgr(image)


@pytest.mark.parametrize("mean", [(103.53, 116.28, 123.675), (-3.0, 0.5, 300.0)])
def test_the_padding_does_not_depend_on_embedded_normalization(
    mean: tuple[float, float, float],
) -> None:
    contract = replace(TINTED, mean=mean)
    image = photo(64, 70)
    raw, _ = prepare(
        image,
        image_spec(replace(contract, embedded=("color", "normalization")), (1, 64, 80, 3), "uint8", "NHWC"),
    )
    normalized, _ = prepare(image, image_spec(contract, (1, 3, 64, 80)))
    inside = (raw["data"][..., ::-1].astype(np.float32) - np.float32(mean)) / np.float32(contract.std)
    np.testing.assert_allclose(normalized["data"], inside.transpose(0, 3, 1, 2), rtol=1e-6, atol=1e-6)


def test_images_are_scaled_to_another_height() -> None:
    spec = with_height(image_spec(CONTRACT), 368)
    assert spec.contract is not None
    assert (spec.contract.height, spec.contract.width) == (368, 656)
    tensors, placement = prepare(photo(184, 200), spec)
    assert tensors["data"].shape == (1, 3, 368, 400)
    assert placement.scale == 2


@pytest.mark.parametrize("height", [0, -8, 100, MAX_FREE_LENGTH + 8])
def test_invalid_heights_are_rejected(height: int) -> None:
    with pytest.raises(InputError, match=rf"^`height={height}`: expected a multiple of 8, at most 4096$"):
        with_height(image_spec(CONTRACT), height)


def test_a_height_needs_a_dynamic_input_of_whole_images() -> None:
    fixed = image_spec(CONTRACT, shape=(1, 3, 256, 456))
    with pytest.raises(InputError, match=r"^`height=368`: the input is data .*, of a fixed height; leave"):
        with_height(fixed, 368)
    joints = image_spec(CONTRACT, shape=(1, 17, 2), layout=None)
    with pytest.raises(InputError, match="is not one image"):
        with_height(joints, 368)
    with pytest.raises(InputError, match=r"does not take whole images; leave it out$"):
        with_height(image_spec(replace(CONTRACT, fit="box")), 368)
