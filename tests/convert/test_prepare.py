"""What is asked of a network that it does not allow is refused before anything is converted."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from torch import nn

from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.prepare import prepare
from posedeploy.errors import ExportError
from posedeploy.types import Model, ModelSpec, TensorSpec
from tests.support.networks import two_input_model


@pytest.mark.parametrize(
    ("size", "nearest"),
    [
        ((257, 456), "256x456"),
        ((256, 450), "256x448"),
        ((0, 456), "8x456"),
        ((-256, -456), "8x8"),
        ((3, 3), "8x8"),
    ],
)
def test_a_size_that_the_stride_does_not_divide_is_refused_with_the_nearest(
    tiny: Model, size: tuple[int, int], nearest: str
) -> None:
    asked = f"`input_size={size[0]}x{size[1]}`"
    with pytest.raises(
        ExportError, match=f"{asked}: height and width must be multiples of 8; the nearest is {nearest}$"
    ):
        prepare(tiny, ExportOptions(input_size=size))


@pytest.mark.parametrize("batch", [0, -1])
def test_a_batch_of_no_image_is_refused(tiny: Model, batch: int) -> None:
    with pytest.raises(ExportError, match=f"`batch={batch}`: expected at least 1"):
        prepare(tiny, ExportOptions(batch=batch))


@pytest.mark.parametrize(
    ("options", "flag"),
    [
        (ExportOptions(dynamic=True), "`dynamic`"),
        (ExportOptions(batch=2), "`batch=2`"),
        (ExportOptions(input_size=(64, 64)), "`input_size`"),
    ],
)
def test_a_network_of_fixed_shape_is_not_stretched(options: ExportOptions, flag: str) -> None:
    with pytest.raises(
        ExportError, match=rf"{flag}: the input shape of this network is fixed \(joints float32 1x5x2"
    ):
        prepare(two_input_model(), options)


def test_an_axis_whose_length_no_one_says_is_refused() -> None:
    with pytest.raises(ExportError, match="the length of the axis frames is unknown; pass"):
        prepare(two_input_model("frames"), ExportOptions())


def test_a_network_without_contract_takes_the_size_that_is_asked_for() -> None:
    spec = ModelSpec(
        "unknown",
        "",
        (TensorSpec("data", (1, 3, "height", "width")),),
        (TensorSpec("maps", (1, 3, "free", "width/8")),),
    )
    model = Model(nn.MaxPool2d(8).eval(), spec, None, "")
    with pytest.raises(ExportError, match="the length of the axis height and width is"):
        prepare(model, ExportOptions())
    prepared = prepare(model, ExportOptions(input_size=(17, 24)))
    assert prepared.spec.inputs[0].shape == tuple(prepared.example[0].shape) == (1, 3, 17, 24)
    assert prepared.spec.outputs[0].shape == (1, 3, 2, 3)


def test_preprocessing_cannot_be_embedded_where_the_input_is_no_image(tiny: Model) -> None:
    no_contract = replace(tiny, spec=replace(tiny.spec, contract=None))
    for model, size in ((two_input_model(), None), (no_contract, (32, 40))):
        with pytest.raises(
            ExportError, match="`embed_preprocessing`: the input of this network is not one NCHW image"
        ):
            prepare(model, ExportOptions(input_size=size, embed_preprocessing=True))


def test_the_last_outputs_cannot_be_told_without_roles() -> None:
    with pytest.raises(ExportError, match="`outputs=last`: the contract of this network has no roles"):
        prepare(two_input_model(), ExportOptions(outputs="last"))


def test_the_example_is_what_the_spec_says(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions(batch=2, embed_preprocessing=True))
    (example,) = prepared.example
    assert example.dtype == torch.uint8
    assert tuple(example.shape) == prepared.spec.inputs[0].shape == (2, 32, 40, 3)
    assert prepared.axes == ()


def test_free_axes_are_named_by_position(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions(dynamic=True, embed_preprocessing=True))
    assert prepared.axes == ({0: "batch", 1: "height", 2: "width"},)
    assert prepared.spec.inputs[0].shape == ("batch", "height", "width", 3)


def test_a_dynamic_input_and_a_batch_are_not_both_asked_for(tiny: Model) -> None:
    with pytest.raises(ExportError, match="`dynamic` and `batch=4`: a dynamic input accepts any batch size"):
        prepare(tiny, ExportOptions(batch=4, dynamic=True))
