from __future__ import annotations

import numpy as np
import pytest

from posedeploy.types import ModelSpec, Poses, TensorSpec


def test_a_spec_accepts_shapes_with_equal_fixed_axes() -> None:
    spec = TensorSpec("data", ("batch", 3, "height", 8))
    assert spec.is_dynamic
    assert spec.accepts((2, 3, 5, 8))
    assert not spec.accepts((2, 4, 5, 8))
    assert not spec.accepts((2, 3, 5, 9))
    assert not spec.accepts((3, 5, 8))


def test_an_axis_may_be_a_fraction_of_another() -> None:
    spec = TensorSpec("maps", ("batch", 19, "height/8", "width/8", "dynamic"))
    assert spec.fixed({"batch": 2, "height": 256, "width": 456}).shape == (2, 19, 32, 57, "dynamic")


def test_a_spec_prints_as_one_line() -> None:
    assert str(TensorSpec("data", (1, 3, "height"), layout="NCHW")) == "data float32 1x3xheight NCHW"
    assert str(TensorSpec("cells", (), "int64")) == "cells int64 "


def test_outputs_are_kept_in_the_order_of_the_network() -> None:
    outputs = tuple(TensorSpec(name, (1,)) for name in "abc")
    kept = ModelSpec("x", "", (), outputs).with_outputs(("c", "a"))
    assert [output.name for output in kept.outputs] == ["a", "c"]


def test_boxes_are_tight_around_the_present_keypoints() -> None:
    keypoints = np.array([[[10.0, 20.0, 0.5], [-1.0, -1.0, -1.0], [30.0, 25.0, 0.9]]])
    poses = Poses(keypoints, np.array([1.0]))
    assert len(poses) == 1
    assert poses.boxes == pytest.approx(np.array([[10.0, 20.0, 20.0, 5.0]]))
    assert Poses(np.empty((0, 3, 3)), np.empty(0)).boxes.shape == (0, 4)


def test_height_and_width_depend_on_the_layout() -> None:
    assert TensorSpec("x", (1, 3, "height", 40)).image_size == ("height", 40)
    assert TensorSpec("x", (1, 32, 40, 3), layout="NHWC").image_size == (32, 40)
