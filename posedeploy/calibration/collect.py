"""Collect the inputs that a network is calibrated with: the user's images, or synthetic people."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeAlias

import numpy as np

from posedeploy.benchmarks.input_shapes import with_batch
from posedeploy.benchmarks.synthetic_inputs import (
    NamedImage,
    build_people_inputs,
    generate_images,
    has_synthetic_joints,
    takes_one_person,
)
from posedeploy.calibration.held_out import check_split, count_calibrating, is_held_out
from posedeploy.calibration.image_hashes import count_near_duplicates, perceptual_hash, pixel_hash
from posedeploy.calibration.image_selection import select_images
from posedeploy.calibration.spilled_tensors import SpilledTensors
from posedeploy.calibration.weaknesses import describe_weaknesses
from posedeploy.errors import InputError
from posedeploy.own_keypoints import joint_set_of
from posedeploy.poses.preprocess import prepare
from posedeploy.types import Array, Calibration, CalibrationSet, ModelSpec

SEED = 20260801
MAX_CHECKED = 32
"""The most images in which the FP32 network looks for people, since each takes a run."""
FindPeople: TypeAlias = Callable[[Array], int]
"""Returns the number of people that the FP32 network finds in an (H, W, 3) uint8 image."""
logger = logging.getLogger(__name__)


def collect(
    spec: ModelSpec,
    sources: Sequence[str],
    count: int,
    find_people: FindPeople | None = None,
    *,
    holds_out: bool = False,
) -> CalibrationSet:
    """Return the calibration inputs of a network: of images, or of synthetic people without any source.

    What makes the set a poor one is logged as a warning.

    Args:
        spec: the spec of the exported network.
        sources: images, folders of images and videos.
        count: the maximum number of images.
        find_people: None for a network that does not find people in whole images.
        holds_out: leave out the images of ``held_out.read_held_out``.

    Raises:
        InputError: the count is below 1, no image can be used, the network takes none, or there are too few
            images to hold some out.
    """
    if count < 1:
        raise InputError(f"`calibration_images={count}`: expected at least 1")
    if spec.joints is not None:
        check_sources(spec, sources)
        calibration = _collect_joints(spec, count)
    elif spec.contract is not None:
        _check_single_input(spec)
        select = _calibrating_images if holds_out else _user_images
        images = select(sources, count) if sources else (count, generate_images(spec, count, SEED))
        calibration = _collect_images(spec, sources, *images, find_people)
    else:
        raise InputError(
            "this network cannot be calibrated: it has no image contract that describes the "
            "preprocessing; describe the image with `contract`, or choose another `precision`"
        )
    for weakness in describe_weaknesses(calibration.record, takes_one_person=takes_one_person(spec)):
        logger.warning(weakness)
    return calibration


def check_sources(spec: ModelSpec, sources: Sequence[str]) -> None:
    """Check that images, if any were passed, can calibrate a network.

    Raises:
        InputError: it takes 2D joints.
    """
    if sources and spec.joints is not None:
        raise InputError(
            f"`calibration={sources[0]}`: this network takes 2D joints, so images cannot calibrate it; leave "
            "it out"
        )


def _check_single_input(spec: ModelSpec) -> None:
    if len(spec.inputs) != 1:
        names = ", ".join(tensor.name for tensor in spec.inputs)
        raise InputError(
            f"this network cannot be calibrated: it has {len(spec.inputs)} inputs ({names}), and an image is "
            "the value of one; choose another `precision`"
        )


def _collect_images(
    spec: ModelSpec,
    sources: Sequence[str],
    number: int,
    images: Iterator[NamedImage],
    find_people: FindPeople | None,
) -> CalibrationSet:
    tensor = spec.inputs[0]
    batch = tensor.shape[0] if isinstance(tensor.shape[0], int) else 1
    single = replace(spec, inputs=(replace(tensor, shape=(1, *tensor.shape[1:])),))
    inputs, pending = SpilledTensors(), list[Array]()
    pixels, perceptual, problems = list[str](), list[str](), list[str]()
    people_counts = list[int]()
    step = -(-number // MAX_CHECKED)
    for name, image, box in images:
        try:
            prepared, _ = prepare(image, single, box)
        except InputError as error:  # such as an image that is too thin
            problems.append(f"{name}: {error}")
            continue
        if find_people is not None and len(pixels) % step == 0:
            people_counts += _count_people(find_people, image)
        pixels.append(pixel_hash(image))
        perceptual.append(perceptual_hash(image))
        pending.append(prepared[tensor.name])
        if len(pending) == batch:
            inputs.append({tensor.name: np.concatenate(pending)})
            pending.clear()
    for problem in problems:
        logger.warning(f"left out of the calibration set: {problem}")
    if not pixels:
        origin = f"`calibration={sources[0]}`" if sources else "calibration with synthetic people"
        raise InputError(f"{origin}: no image can be used: {problems[0]}")
    if pending:  # fill the last batch
        rows = [pending[index % len(pending)] for index in range(batch)]
        inputs.append({tensor.name: np.concatenate(rows)})
    record = Calibration(
        source="images" if sources else "synthetic people",
        sha256=inputs.sha256,
        count=len(pixels),
        pixels=tuple(pixels),
        perceptual=tuple(perceptual),
        near_duplicates=count_near_duplicates(perceptual),
        checked=len(people_counts),
        with_people=sum(map(bool, people_counts)) if people_counts else None,
    )
    return CalibrationSet(inputs, record)


def _count_people(find_people: FindPeople, image: Array) -> list[int]:
    """Return the number of people in an image, in a list; an empty list if it cannot be counted.

    PyTorch looks for them at the published size, which may not take an image that the exported size takes.
    """
    try:
        return [find_people(image)]
    except InputError:
        return []


def _user_images(sources: Sequence[str], count: int) -> tuple[int, Iterator[NamedImage]]:
    """Return the number of selected images, some of which may not be readable, and the readable ones."""
    selection = select_images(sources, count)
    return selection.number, (NamedImage(frame.label, frame.image) for frame in selection.frames)


def _calibrating_images(sources: Sequence[str], count: int) -> tuple[int, Iterator[NamedImage]]:
    """Return the same without the images that are held out for a budget."""
    selection = select_images(sources, count)
    check_split(sources, selection)
    number = selection.number
    frames = (frame for place, frame in enumerate(selection.frames) if not is_held_out(place, number))
    return count_calibrating(number), (NamedImage(frame.label, frame.image) for frame in frames)


def _collect_joints(spec: ModelSpec, count: int) -> CalibrationSet:
    """Return the 2D joints of synthetic people, or random ones for a joint set that those do not have."""
    tensor, inputs = spec.inputs[0], SpilledTensors()
    batch = tensor.shape[0] if isinstance(tensor.shape[0], int) else 1
    for people in build_people_inputs(with_batch(spec, batch), count, seed=SEED):
        inputs.append(people.tensors)
    is_synthetic = has_synthetic_joints(joint_set_of(spec))
    record = Calibration(
        source="synthetic people" if is_synthetic else "random 2D joints",
        sha256=inputs.sha256,
        count=len(inputs) * batch,
    )
    return CalibrationSet(inputs, record)
