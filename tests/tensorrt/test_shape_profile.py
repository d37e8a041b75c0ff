from __future__ import annotations

import pytest

from posedeploy.errors import ExportError
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.tensorrt.shape_profile import shape_profile
from posedeploy.types import TensorSpec

FREE = (TensorSpec("data", ("batch", 3, "height", 8)), TensorSpec("scale", ("batch",)), TensorSpec("k", (3,)))


def _asked(
    low: dict[str, tuple[int, ...]], mid: dict[str, tuple[int, ...]], top: dict[str, tuple[int, ...]]
) -> TensorRtOptions:
    return TensorRtOptions(min_shapes=low, opt_shapes=mid, max_shapes=top)


def test_every_input_with_free_axes_has_its_range() -> None:
    low, mid, top = ({"data": (n, 3, 8 * n, 8), "scale": (n,)} for n in (1, 2, 4))
    found = shape_profile(FREE, _asked(low, mid, top))
    assert found.keys() == {"data", "scale"}
    assert (found["data"].min, found["scale"].opt, found["data"].max) == (
        (1, 3, 8, 8),
        (2,),
        (4, 3, 32, 8),
    )


DATA, SCALE = {"data": (1, 3, 8, 8)}, {"scale": (1,)}


@pytest.mark.parametrize(
    ("inputs", "asked", "said"),
    [
        (
            FREE,
            _asked({}, {}, {}),
            r"^`dynamic`: TensorRT tunes an engine for a range of shapes; give `min_shapes`, `opt_shapes`",
        ),
        (
            FREE[:1],
            _asked(DATA, DATA, {}),
            r"^`dynamic`: .* give `min_shapes`, `opt_shapes` and `max_shapes` for data float32 batchx3x",
        ),
        (
            FREE,
            _asked(DATA, DATA, DATA),
            r"^`min_shapes`: no shape for the input scale float32 batch; give a",
        ),
        (
            FREE,
            _asked({"": (1,)}, DATA, DATA),
            r"^`min_shapes` without a name: the inputs with free axes are data, scale;",
        ),
        (
            FREE[:1],
            _asked({"x": (1,)}, DATA, DATA),
            r"^`min_shapes` x: the inputs with free axes are data; write NAME:SH",
        ),
        (
            FREE[:1],
            _asked({"": (1, 4, 8, 8)}, DATA, DATA),
            r"^`min_shapes`: 1x4x8x8 does not fit the input data float32 batchx3xheightx8; give a shape",
        ),
        (FREE[:1], _asked({"": (1, 3, 8)}, DATA, DATA), r"^`min_shapes`: 1x3x8 does not fit"),
        (FREE[:1], _asked({"": (0, 3, 8, 8)}, DATA, DATA), r"^`min_shapes`: 0x3x8x8 does not fit"),
        (
            FREE[:1],
            _asked(DATA, {"": (1, 3, 4, 8)}, DATA),
            r"^`min_shapes`, `opt_shapes`, `max_shapes` of data: expected min .*, and one has 8, 4, 8$",
        ),
    ],
)
def test_a_range_that_does_not_fit_is_refused(
    inputs: tuple[TensorSpec, ...], asked: TensorRtOptions, said: str
) -> None:
    with pytest.raises(ExportError, match=said):
        shape_profile(inputs, asked)
