from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.input_shapes import (
    find_batches,
    get_image_size,
    match_candidate,
    with_batch,
    with_common_batch,
    with_end_of_ranges,
    with_fixed_size,
)
from posedeploy.benchmarks.inputs import (
    build_image_input,
    build_image_inputs,
    build_noise_input,
    build_noise_inputs,
    generate_noise_images,
)
from posedeploy.benchmarks.synthetic_inputs import generate_images, generate_images_of_input_size
from posedeploy.errors import InputError
from posedeploy.types import Model, ModelSpec, Ranges, TensorSpec
from tests.support.networks import two_input_model


@pytest.fixture
def spec(tiny: Model) -> ModelSpec:
    return tiny.spec


def _embedded(spec: ModelSpec) -> ModelSpec:
    assert spec.contract is not None
    raw = TensorSpec("data", ("batch", "height", "width", 3), "uint8", "NHWC")
    contract = replace(spec.contract, embedded=("color", "normalization"))
    return replace(spec, inputs=(raw,), contract=contract)


def test_synthetic_images_have_the_input_size_and_a_minimum_size(spec: ModelSpec) -> None:
    first, second = generate_images_of_input_size(with_fixed_size(spec, None, (128, 160)), 2)
    assert first.image.shape == second.image.shape == (128, 160, 3)
    assert first.image.tobytes() != second.image.tobytes()
    assert generate_images_of_input_size(with_fixed_size(spec), 1)[0].image.shape == (64, 64, 3)


def test_synthetic_images_of_a_single_person_network_have_a_box_of_a_person(spec: ModelSpec) -> None:
    assert spec.contract is not None
    single = with_fixed_size(replace(spec, contract=replace(spec.contract, fit="box")), 2, (256, 192))
    images = generate_images_of_input_size(single, 2)
    for name, image, box in images:
        assert box is not None and min(box[2:]) > 4
        (tensor,) = build_image_input(single, name, image, box).tensors.values()
        (whole,) = build_image_input(single, name, image).tensors.values()
        assert not np.array_equal(tensor, whole)
        # Published crops are not symmetric to the pixel.
        assert np.corrcoef(tensor[1].ravel(), tensor[0][..., ::-1].ravel())[0, 1] > 0.9, "another person"
    assert [each.box for each in generate_images(spec, 1, 3)] == [None]


def test_dynamic_axes_have_the_default_or_the_requested_size(spec: ModelSpec) -> None:
    assert with_fixed_size(spec).inputs[0].shape == (1, 3, 32, 40)
    assert with_fixed_size(spec, 2, (64, 48)).inputs[0].shape == (2, 3, 64, 48)
    assert with_fixed_size(_embedded(spec), 2, (64, 48)).inputs[0].shape == (2, 64, 48, 3)
    assert (
        get_image_size(with_fixed_size(spec)) == get_image_size(with_fixed_size(_embedded(spec))) == (32, 40)
    )


def test_a_fixed_size_cannot_be_changed(spec: ModelSpec) -> None:
    fixed = with_fixed_size(spec, 1, (64, 48))
    assert with_fixed_size(fixed).inputs[0].shape == (1, 3, 64, 48)
    assert with_fixed_size(fixed, 1, (64, 48)).inputs[0].shape == (1, 3, 64, 48)
    with pytest.raises(InputError, match=r"`batch=5`: the input data float32 1x3x64x48 NCHW has another"):
        with_fixed_size(fixed, 5)
    with pytest.raises(InputError, match=r"`input_size=32x48`: the input data float32 1x3x64x48 NCHW has "):
        with_fixed_size(fixed, 1, (32, 48))


def test_dynamic_axes_have_both_ends_of_their_ranges(spec: ModelSpec) -> None:
    ends = [with_batch(with_end_of_ranges(spec, largest=largest), 2) for largest in (False, True)]
    assert [end.inputs[0].shape for end in ends] == [(2, 3, 16, 16), (2, 3, 64, 72)]
    ranges = {"data": ((2, 3, 8, 80), (4, 3, 40, 100))}
    ends = [with_end_of_ranges(spec, ranges, largest=largest) for largest in (False, True)]
    assert [end.inputs[0].shape for end in ends] == [("batch", 3, 8, 80), ("batch", 3, 40, 100)]
    assert find_batches(spec.inputs[0], ranges, 3) == (2, 4)
    assert find_batches(spec.inputs[0], {}, 3) == (1, 3)
    assert with_fixed_size(spec, ranges=ranges).inputs[0].shape == (2, 3, 32, 80)
    only_batch = replace(spec, inputs=(replace(spec.inputs[0], shape=("batch", 3, 32, 40)),))
    assert with_end_of_ranges(only_batch, largest=True).inputs[0].shape == ("batch", 3, 32, 40)
    assert find_batches(with_batch(spec, 5).inputs[0], {}, 3) == (5, 5)


def test_dynamic_axes_without_a_known_size_are_refused() -> None:
    foreign = ModelSpec("unknown", "", (TensorSpec("x", ("axis0", 3, "axis2", "axis3")),), ())
    assert build_noise_input(foreign, 4, (16, 24)).tensors["x"].shape == (4, 3, 16, 24)
    with pytest.raises(
        InputError, match=r"dynamic axes of the input x .* are unknown; pass `input_size=HxW`"
    ):
        build_noise_input(foreign)
    with pytest.raises(InputError, match="export it with fixed shapes"):
        build_noise_input(replace(foreign, inputs=(TensorSpec("x", (1, "tokens")),)))


def test_pictures_are_reproducible_and_differ_from_each_other(spec: ModelSpec) -> None:
    images = generate_noise_images(with_fixed_size(spec, size=(36, 44)), 3)
    assert [image.shape for image in images] == [(36, 44, 3)] * 3
    assert images[0].dtype == np.uint8
    assert all(
        np.array_equal(a, b)
        for a, b in zip(images, generate_noise_images(with_fixed_size(spec, size=(36, 44)), 3), strict=True)
    )
    assert not np.array_equal(images[0], images[1])
    assert (images[0][:8, :8] == images[0][0, 0]).all()


def test_both_sides_receive_the_same_picture_in_their_own_format(spec: ModelSpec) -> None:
    theirs = with_fixed_size(_embedded(spec), 2)
    ours = match_candidate(spec, theirs)
    named = [("one", generate_noise_images(theirs, 1)[0])]
    (raw,), (normal,) = build_image_inputs(theirs, named), build_image_inputs(ours, named)
    assert (raw.name, raw.tensors["data"].dtype, raw.tensors["data"].shape) == (
        "one",
        "uint8",
        (2, 32, 40, 3),
    )
    assert np.array_equal(raw.tensors["data"][0], named[0][1])
    assert np.array_equal(raw.tensors["data"][1], named[0][1][:, ::-1]), "a batch is the image and its mirror"
    assert spec.contract is not None
    by_hand = (raw.tensors["data"][..., ::-1] - np.array(spec.contract.mean)) / spec.contract.std
    assert np.allclose(normal.tensors["data"], by_hand.transpose(0, 3, 1, 2), atol=1e-5)
    assert raw.placements == normal.placements
    assert len(raw.placements) == 2


@pytest.mark.parametrize(
    ("ranges", "shapes"),
    [
        ({}, ["1x5x2", "3x5x2"]),
        ({"joints": ((2, 5, 2), (8, 5, 2)), "scale": ((1,), (1,))}, ["2x5x2", "8x5x2"]),
        ({"joints": ((4, 5, 2), (4, 5, 2))}, [""]),
    ],
)
def test_noise_has_both_ends_of_the_batch(ranges: Ranges, shapes: list[str]) -> None:
    inputs = build_noise_inputs(two_input_model("frames").spec, 3, ranges)
    assert [each.name for each in inputs] == [f"random {shape}".strip() for shape in shapes]
    joints = inputs[-1].tensors["joints"]
    assert len({item.tobytes() for item in joints}) == len(joints), "all people of a batch differ"


def test_noise_has_both_ends_of_other_axes_if_their_range_is_known() -> None:
    spec = ModelSpec("unknown", "", (TensorSpec("x", ("n", 3, "h", "w")),), ())
    ranges = {"x": ((1, 3, 8, 16), (4, 3, 32, 64))}
    inputs = build_noise_inputs(spec, 3, ranges)
    assert [each.tensors["x"].shape for each in inputs] == [(1, 3, 32, 64), (4, 3, 8, 16)]
    with pytest.raises(InputError) as caught:
        build_noise_inputs(spec, 3)
    assert str(caught.value).endswith(
        "are unknown; describe it with `contract=FILE.toml`, or export it with fixed shapes"
    )


@pytest.mark.parametrize(("name", "batch"), [("x", 2), ("other", 5)])
def test_noise_has_the_fixed_batch_of_the_reference(name: str, batch: int) -> None:
    spec = ModelSpec("unknown", "", (TensorSpec("x", ("n", 3)),), ())
    fixed = replace(spec, inputs=(TensorSpec(name, (batch, 3)),))
    (only,) = build_noise_inputs(with_common_batch(spec, fixed), 3)
    assert only.tensors["x"].shape == (batch, 3)
    assert with_common_batch(spec, spec) == spec


def test_inputs_that_are_not_images_are_seeded_noise() -> None:
    spec = two_input_model("frames").spec
    sample = build_noise_input(spec, 3)
    assert {name: array.shape for name, array in sample.tensors.items()} == {
        "joints": (3, 5, 2),
        "scale": (1,),
    }
    assert sample.placements == ()
    assert build_noise_input(spec).tensors["joints"].shape == (1, 5, 2)
    again = build_noise_input(spec, 3).tensors
    assert all(np.array_equal(again[name], array) for name, array in sample.tensors.items())
    whole = replace(spec, inputs=(TensorSpec("ids", (4,), "int64"),))
    assert build_noise_input(whole).tensors["ids"].dtype == "int64"
    assert match_candidate(spec, whole).inputs == whole.inputs
