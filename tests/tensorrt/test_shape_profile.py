from __future__ import annotations

import pytest

from posedeploy.errors import ExportError
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.tensorrt.shape_profile import shape_profile
from posedeploy.types import TensorSpec

FREE = (TensorSpec("data", ("batch", 3, "height", 8)), TensorSpec("scale", ("batch",)), TensorSpec("k", (3,)))


def _options(
    min_shapes: dict[str, tuple[int, ...]],
    opt_shapes: dict[str, tuple[int, ...]],
    max_shapes: dict[str, tuple[int, ...]],
) -> TensorRtOptions:
    return TensorRtOptions(min_shapes=min_shapes, opt_shapes=opt_shapes, max_shapes=max_shapes)


def test_every_input_with_dynamic_axes_has_a_range() -> None:
    min_shapes, opt_shapes, max_shapes = ({"data": (n, 3, 8 * n, 8), "scale": (n,)} for n in (1, 2, 4))
    profile = shape_profile(FREE, _options(min_shapes, opt_shapes, max_shapes))
    assert profile.keys() == {"data", "scale"}
    assert (profile["data"].min, profile["scale"].opt, profile["data"].max) == (
        (1, 3, 8, 8),
        (2,),
        (4, 3, 32, 8),
    )


DATA, SCALE = {"data": (1, 3, 8, 8)}, {"scale": (1,)}


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        (
            FREE,
            _options({}, {}, {}),
            r"^`dynamic`: TensorRT tunes an engine for a range of shapes; pass `min_shapes`, `opt_shapes`",
        ),
        (
            FREE[:1],
            _options(DATA, DATA, {}),
            r"^`dynamic`: .* pass `min_shapes`, `opt_shapes` and `max_shapes` for data float32 batchx3x",
        ),
        (
            FREE,
            _options(DATA, DATA, DATA),
            r"^`min_shapes`: no shape for the input scale float32 batch; pass a",
        ),
        (
            FREE,
            _options({"": (1,)}, DATA, DATA),
            r"^`min_shapes` without a name: the inputs with dynamic axes are data, scale;",
        ),
        (
            FREE[:1],
            _options({"x": (1,)}, DATA, DATA),
            r"^`min_shapes` x: the inputs with dynamic axes are data; write NAME:SH",
        ),
        (
            FREE[:1],
            _options({"": (1, 4, 8, 8)}, DATA, DATA),
            r"^`min_shapes`: 1x4x8x8 does not fit the input data float32 batchx3xheightx8; pass a shape",
        ),
        (FREE[:1], _options({"": (1, 3, 8)}, DATA, DATA), r"^`min_shapes`: 1x3x8 does not fit"),
        (FREE[:1], _options({"": (0, 3, 8, 8)}, DATA, DATA), r"^`min_shapes`: 0x3x8x8 does not fit"),
        (
            FREE[:1],
            _options(DATA, {"": (1, 3, 4, 8)}, DATA),
            r"^`min_shapes`, `opt_shapes`, `max_shapes` of data: expected min .*, got 8, 4, 8$",
        ),
    ],
)
def test_a_range_that_does_not_fit_is_an_error(
    inputs: tuple[TensorSpec, ...], options: TensorRtOptions, message: str
) -> None:
    with pytest.raises(ExportError, match=message):
        shape_profile(inputs, options)
