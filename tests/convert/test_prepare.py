"""Options that a network does not support are errors before the conversion."""

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
def test_the_error_about_a_bad_size_names_the_nearest(
    tiny: Model, size: tuple[int, int], nearest: str
) -> None:
    options = f"`input_size={size[0]}x{size[1]}`"
    with pytest.raises(
        ExportError, match=f"{options}: height and width must be multiples of 8; the nearest is {nearest}$"
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
def test_options_of_dynamic_axes_are_an_error_for_a_fixed_shape(options: ExportOptions, flag: str) -> None:
    with pytest.raises(
        ExportError, match=rf"{flag}: the input shape of this network is fixed \(joints float32 1x5x2"
    ):
        prepare(two_input_model(), options)


def test_an_axis_of_unknown_length_is_an_error() -> None:
    with pytest.raises(ExportError, match="the length of the axis frames is unknown; pass"):
        prepare(two_input_model("frames"), ExportOptions())


def test_a_network_without_contract_has_the_requested_size() -> None:
    spec = ModelSpec(
        "unknown",
        "",
        (TensorSpec("data", (1, 3, "height", "width")),),
        (TensorSpec("maps", (1, 3, "dynamic", "width/8")),),
    )
    model = Model(nn.MaxPool2d(8).eval(), spec, None, "")
    with pytest.raises(ExportError, match="the length of the axis height and width is"):
        prepare(model, ExportOptions())
    prepared = prepare(model, ExportOptions(input_size=(17, 24)))
    assert prepared.spec.inputs[0].shape == tuple(prepared.example[0].shape) == (1, 3, 17, 24)
    assert prepared.spec.outputs[0].shape == (1, 3, 2, 3)


def test_preprocessing_without_an_image_input_is_an_error(tiny: Model) -> None:
    no_contract = replace(tiny, spec=replace(tiny.spec, contract=None))
    for model, size in ((two_input_model(), None), (no_contract, (32, 40))):
        with pytest.raises(
            ExportError, match="`embed_preprocessing`: the input of this network is not one NCHW image"
        ):
            prepare(model, ExportOptions(input_size=size, embed_preprocessing=True))


def test_the_last_outputs_need_roles() -> None:
    with pytest.raises(ExportError, match="`outputs=last`: the contract of this network has no roles"):
        prepare(two_input_model(), ExportOptions(outputs="last"))


def test_the_example_has_the_shapes_of_the_spec(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions(batch=2, embed_preprocessing=True))
    (example,) = prepared.example
    assert example.dtype == torch.uint8
    assert tuple(example.shape) == prepared.spec.inputs[0].shape == (2, 32, 40, 3)
    assert prepared.axes == ()


def test_dynamic_axes_are_named_by_position(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions(dynamic=True, embed_preprocessing=True))
    assert prepared.axes == ({0: "batch", 1: "height", 2: "width"},)
    assert prepared.spec.inputs[0].shape == ("batch", "height", "width", 3)


def test_a_dynamic_input_with_a_batch_is_an_error(tiny: Model) -> None:
    with pytest.raises(ExportError, match="`dynamic` and `batch=4`: a dynamic input accepts any batch size"):
        prepare(tiny, ExportOptions(batch=4, dynamic=True))
