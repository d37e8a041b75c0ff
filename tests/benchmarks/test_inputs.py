from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from posedeploy.benchmarks.inputs import (
    drawn_images,
    image_samples,
    image_size,
    plain,
    random_images,
    random_tensors,
    resized,
    sized,
)
from posedeploy.errors import InputError
from posedeploy.types import Model, ModelSpec, TensorSpec
from tests.support.networks import two_input_model


@pytest.fixture
def spec(tiny: Model) -> ModelSpec:
    return tiny.spec


def _embedded(spec: ModelSpec) -> ModelSpec:
    assert spec.contract is not None
    raw = TensorSpec("data", ("batch", "height", "width", 3), "uint8", "NHWC")
    contract = replace(spec.contract, embedded=("color", "normalization"))
    return replace(spec, inputs=(raw,), contract=contract)


def test_drawn_images_are_of_the_inputs_size_but_not_too_small_to_draw(spec: ModelSpec) -> None:
    images = drawn_images(sized(spec, None, (128, 160)), 2)
    assert [image.shape for image in images] == [(128, 160, 3)] * 2
    assert images[0].tobytes() != images[1].tobytes()
    assert drawn_images(sized(spec), 1)[0].shape == (64, 64, 3)


def test_free_axes_take_the_working_size_or_what_is_asked(spec: ModelSpec) -> None:
    assert sized(spec).inputs[0].shape == (1, 3, 32, 40)
    assert sized(spec, 2, (64, 48)).inputs[0].shape == (2, 3, 64, 48)
    assert sized(_embedded(spec), 2, (64, 48)).inputs[0].shape == (2, 64, 48, 3)
    assert image_size(sized(spec)) == image_size(sized(_embedded(spec))) == (32, 40)


def test_a_fixed_size_stays_and_another_is_refused(spec: ModelSpec) -> None:
    fixed = sized(spec, 1, (64, 48))
    assert sized(fixed).inputs[0].shape == (1, 3, 64, 48)
    assert sized(fixed, 1, (64, 48)).inputs[0].shape == (1, 3, 64, 48)
    with pytest.raises(InputError, match=r"`batch=5`: the input data float32 1x3x64x48 NCHW is of another"):
        sized(fixed, 5)
    with pytest.raises(InputError, match=r"`input_size=32x48`: the input data float32 1x3x64x48 NCHW is of "):
        sized(fixed, 1, (32, 48))


def test_free_axes_can_be_given_another_size(spec: ModelSpec) -> None:
    assert resized(spec).inputs[0].shape == (2, 3, 64, 72)
    ranges = {"data": ((1, 3, 8, 80), (1, 3, 40, 100))}
    assert resized(spec, ranges).inputs[0].shape == (1, 3, 40, 80)
    assert sized(spec, ranges=ranges).inputs[0].shape == (1, 3, 32, 80)
    only_batch = replace(spec, inputs=(replace(spec.inputs[0], shape=("batch", 3, 32, 40)),))
    assert resized(only_batch).inputs[0].shape == (2, 3, 32, 40)


def test_free_axes_that_nothing_gives_are_refused() -> None:
    foreign = ModelSpec("unknown", "", (TensorSpec("x", ("axis0", 3, "axis2", "axis3")),), ())
    assert random_tensors(foreign, 4, (16, 24)).tensors["x"].shape == (4, 3, 16, 24)
    with pytest.raises(InputError, match=r"free axes of the input x .* are; give `input_size=HxW`"):
        random_tensors(foreign)
    with pytest.raises(InputError, match="give fixed shapes when it is exported"):
        random_tensors(replace(foreign, inputs=(TensorSpec("x", (1, "tokens")),)))


def test_pictures_are_the_same_every_time_and_unlike_each_other(spec: ModelSpec) -> None:
    images = random_images(sized(spec, size=(36, 44)), 3)
    assert [image.shape for image in images] == [(36, 44, 3)] * 3
    assert images[0].dtype == np.uint8
    assert all(
        np.array_equal(a, b)
        for a, b in zip(images, random_images(sized(spec, size=(36, 44)), 3), strict=True)
    )
    assert not np.array_equal(images[0], images[1])
    assert (images[0][:8, :8] == images[0][0, 0]).all()


def test_the_same_picture_reaches_both_sides_however_they_want_it(spec: ModelSpec) -> None:
    theirs = sized(_embedded(spec), 2)
    ours = plain(spec, theirs)
    named = [("one", random_images(theirs, 1)[0])]
    (raw,), (normal,) = image_samples(theirs, named), image_samples(ours, named)
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


def test_inputs_that_are_no_image_are_seeded_noise() -> None:
    spec = two_input_model("frames").spec
    sample = random_tensors(spec, 3)
    assert {name: array.shape for name, array in sample.tensors.items()} == {
        "joints": (3, 5, 2),
        "scale": (1,),
    }
    assert sample.placements == ()
    assert random_tensors(spec).tensors["joints"].shape == (1, 5, 2)
    again = random_tensors(spec, 3).tensors
    assert all(np.array_equal(again[name], array) for name, array in sample.tensors.items())
    whole = replace(spec, inputs=(TensorSpec("ids", (4,), "int64"),))
    assert random_tensors(whole).tensors["ids"].dtype == "int64"
    assert plain(spec, whole).inputs == whole.inputs
