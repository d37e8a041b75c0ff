"""The decoder of networks with a vector for each axis of a keypoint."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from posedeploy.errors import InputError
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Placement, Tensors
from tests.support.decoder_specs import decode_with, describe_network

WHOLE = Placement(1.0, (0.0, 0.0), (192, 256), (192, 256))
SHAPES = {"simcc_x": (1, 17, 384), "simcc_y": (1, 17, 512)}


def vectors(x: float, y: float) -> Tensors:
    """Return vectors with a Gaussian at a position in px for each of 17 keypoints."""
    return {
        name: np.exp(-((np.arange(length) - 2 * position) ** 2) / 32)[None, None]
        .repeat(17, axis=1)
        .astype(np.float32)
        for name, length, position in (("simcc_x", 384, x), ("simcc_y", 512, y))
    }


def test_equals_the_published_positions(data: Path) -> None:
    case = np.load(data / "decode" / "simcc.npz")
    shapes = {name: case[name].shape for name in SHAPES}
    names = ", ".join(f'"{number}"' for number in range(shapes["simcc_x"][1]))
    spec = describe_network(f'family = "simcc"\nkeypoint_names = [{names}]', shapes)
    x, y, right, bottom = case["box_xyxy"].tolist()
    width, height = case["image_size"].tolist()
    image = np.zeros((height, width, 3), np.uint8)
    _, placement = prepare(image, spec, np.array([x, y, right - x, bottom - y]))
    poses = decode_with(spec, {name: case[name] for name in SHAPES}, placement)
    np.testing.assert_allclose(poses.keypoints[0, :, :2], case["keypoints"][0], rtol=0, atol=1e-4)
    np.testing.assert_allclose(poses.keypoints[0, :, 2], case["scores"][0], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("refine", "error_px"), [(False, 0.25), (True, 1e-3)])
def test_refined_positions_lie_between_the_elements(refine: bool, error_px: float) -> None:
    spec = describe_network('family = "simcc"', SHAPES)
    poses = decode_with(spec, vectors(70.2, 130.4), WHOLE, refine=refine)
    assert np.abs(poses.keypoints[0, :, :2] - (70.2, 130.4)).max() <= error_px
    assert poses.keypoints.shape == (1, 17, 3)


def test_vectors_without_a_value_above_zero_are_missing_keypoints() -> None:
    spec = describe_network('family = "simcc"', SHAPES)
    outputs = vectors(70, 130)
    for array in outputs.values():
        array[0, 5] = -1
    keypoints = decode_with(spec, outputs, WHOLE).keypoints[0]
    assert (keypoints[5] == -1).all()
    assert (keypoints[[0, 1, 16], 2] > 0).all()


@pytest.mark.parametrize(
    ("options", "shapes", "message"),
    [
        (
            "",
            {"simcc_x": (1, 17, 400), "simcc_y": (1, 17, 512)},
            "net.onnx: simcc_x has 400 elements for an input width of 192 px, a split ratio of 2.08333, but "
            "split_ratio is 2, which requires 384; correct split_ratio",
        ),
        (
            "[decoding]\nsplit_ratio = 3",
            SHAPES,
            "simcc_x has 384 elements for an input width of 192 px, a split ratio of 2, but split_ratio is 3",
        ),
        (
            '[outputs]\nsimcc_x = "simcc_y"\nsimcc_y = "simcc_x"',
            SHAPES,
            "simcc_x has 512 elements .* or exchange simcc_x and simcc_y",
        ),
        ("", {"simcc_x": (1, 17, 384)}, "no output for 'simcc_y': expected a name that contains simcc_y"),
        (
            "",
            {"simcc_x": (1, 17, 384), "simcc_y": (1, 17, 64, 48)},
            "simcc_y is simcc_y float32 1x17x64x48.*; simcc expects two outputs",
        ),
        (
            "",
            {"simcc_x": (1, 17, 384), "simcc_y": (1, 26, 512)},
            "simcc_x has 17 keypoints, but simcc_y has 26; expected the same number",
        ),
        ("[decoding]\nsplit_ratio = 0", SHAPES, "split_ratio: Expected `float` > 0"),
    ],
)
def test_a_contract_that_does_not_fit_is_refused(
    options: str, shapes: dict[str, tuple[int, ...]], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        describe_network(f'family = "simcc"\n{options}', shapes)


def test_a_ratio_that_does_not_fit_a_dynamic_output_is_refused_when_decoding() -> None:
    spec = describe_network('family = "simcc"', {"simcc_x": (1, 17, "x"), "simcc_y": (1, 17, "y")})
    outputs = {"simcc_x": np.ones((1, 17, 400), np.float32), "simcc_y": np.ones((1, 17, 512), np.float32)}
    with pytest.raises(InputError, match="simcc_x has 400 elements for an input width of 192 px"):
        decode_with(spec, outputs, WHOLE)
