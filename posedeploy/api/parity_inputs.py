"""The inputs of a comparison: hard images or people, and the user's images."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from posedeploy.api.converted_inputs import convert_input
from posedeploy.api.model_args import format_paths
from posedeploy.api.readable_images import VideoFile, list_readable, list_videos, split_videos
from posedeploy.benchmarks.hard_images import HardImage, generate_hard_images, pack_images, repeat_image
from posedeploy.benchmarks.hard_joints import build_hard_joint_inputs, generate_hard_people
from posedeploy.benchmarks.input_shapes import (
    check_inputs_fit,
    find_batches,
    get_image_size,
    match_candidate,
    with_batch,
    with_batch_of_one,
    with_common_batch,
    with_end_of_ranges,
    with_fixed_size,
)
from posedeploy.benchmarks.inputs import (
    NetworkInput,
    VideoFrame,
    build_image_input,
    build_noise_inputs,
)
from posedeploy.benchmarks.reference_form import add_reference_form
from posedeploy.errors import InputError
from posedeploy.poses.crops import BOX_FITS
from posedeploy.predict.images import read_picture
from posedeploy.synthetic.jpeg import round_trip_jpeg
from posedeploy.types import Array, Calibration, ModelSpec, Ranges

MAX_BATCH = 3
"""The largest batch of images or of noise where the batch is dynamic and has no range."""
JPEG_QUALITY = 95
"""The quality of the images that show the effect of JPEG compression alone."""
MAX_JPEGS = 3
"""The number of these images."""


@dataclass(frozen=True)
class InputPairs:
    """Pairs of inputs: each in the form of the reference and in that of the candidate.

    The user's images are read each time they are used, so that memory does not grow with their number.

    generated: hard images or people, or noise. files: the name and path of each image. specs: the specs of
    both networks. videos: each with consecutive frames.
    """

    generated: tuple[tuple[NetworkInput, NetworkInput], ...]
    files: tuple[tuple[str, Path], ...] = ()
    specs: tuple[ModelSpec, ModelSpec] | None = None
    videos: tuple[VideoFile, ...] = ()

    def __len__(self) -> int:
        return len(self.generated) + len(self.files) + sum(video.frames for video in self.videos)

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]:
        yield from self.generated
        for name, path in self.files:
            yield self._prepare(name, read_picture(path).pixels)
        for video in self.videos:
            for frame, image in video.read():
                yield self._prepare(frame.label, image, frame)

    def _prepare(
        self, name: str, image: Array, frame: VideoFrame | None = None
    ) -> tuple[NetworkInput, NetworkInput]:
        assert self.specs is not None, "images have specs"
        reference, candidate = make_pair(*self.specs, name, image)
        return replace(reference, frame=frame), replace(candidate, frame=frame)


@dataclass(frozen=True)
class ParityInputs:
    """The inputs of a comparison.

    noise_floor_inputs: the reference's inputs for its noise floor: those of the default size and the smallest
    batch. jpegs: for the first of those with people, the reference's input and that of the images as JPEG.
    """

    pairs: InputPairs
    noise_floor_inputs: list[NetworkInput]
    jpegs: list[tuple[NetworkInput, NetworkInput]]


def build_parity_inputs(
    reference: ModelSpec,
    candidate: ModelSpec,
    images: Sequence[Path],
    ranges: Ranges,
    calibration: Calibration | None = None,
    readable: Sequence[tuple[str, Path]] = (),
    frames: int | None = None,
) -> ParityInputs:
    """Return the inputs, within these ranges, for networks on images, on 2D joints or on any tensors.

    Args:
        readable: the names and paths of images that were already read once, instead of ``images``.
        frames: the number of frames to take from each video among ``images``; None refuses videos.

    Raises:
        InputError: the network takes no images, its inputs do not fit the reference, none of the images can
            be read, or some of them calibrated the candidate.
    """
    if candidate.joints is not None:
        _reject_images(images, "takes 2D joints")
        return _without_images(_build_people(candidate, ranges), len(generate_hard_people(candidate)))
    if candidate.contract is not None and reference.contract is None:
        _reject_images(images, "has no description of its input in PyTorch")
        return _build_undescribed(reference, candidate, ranges)
    if candidate.contract is None:
        _reject_images(images, "has no image contract")
        check_inputs_fit(reference, candidate)
        noise = build_noise_inputs(with_common_batch(candidate, reference), MAX_BATCH, ranges)
        return _without_images(noise, 1)
    pictures, videos = (images, ()) if frames is None else split_videos(images)
    files = readable
    if pictures:
        one = with_batch_of_one(candidate)
        files = list_readable(
            pictures, calibration, lambda name, image: make_pair(reference, one, name, image)
        )
    played = list_videos(videos, frames, calibration, has_images=bool(files)) if frames is not None else ()
    base = with_fixed_size(candidate, ranges=ranges)
    hard = pack_images(_list_hard_images(reference, base), int(base.inputs[0].shape[0]))
    generated = [_make_hard_pair(reference, base, each) for each in hard]
    originals = [pair[0] for pair, image in zip(generated, hard, strict=True) if image.has_people]
    jpegs = [(each, _compress(match_candidate(reference, base), each)) for each in originals[:MAX_JPEGS]]
    floor_inputs = [pair[0] for pair in generated]
    for spec, image in _list_ends(candidate, ranges):
        generated.append(_make_hard_pair(reference, spec, image))
    pairs = InputPairs(tuple(generated), tuple(files), (reference, candidate), tuple(played))
    return ParityInputs(pairs, floor_inputs, jpegs)


def _list_hard_images(reference: ModelSpec, candidate: ModelSpec) -> list[HardImage]:
    """Return the hard images of a candidate, which are whole images if the reference takes these."""
    if reference.contract is None or candidate.contract is None or reference.contract.fit in BOX_FITS:
        return generate_hard_images(candidate)
    whole = replace(candidate.contract, fit=reference.contract.fit)
    return generate_hard_images(replace(candidate, contract=whole))


def _without_images(inputs: list[NetworkInput], measured: int) -> ParityInputs:
    """Return inputs that both networks take unchanged; the first ``measured`` are for the noise floor."""
    return ParityInputs(InputPairs(tuple(zip(inputs, inputs, strict=True))), inputs[:measured], [])


def _build_undescribed(reference: ModelSpec, candidate: ModelSpec, ranges: Ranges) -> ParityInputs:
    """Return noise for a candidate that takes images and a reference that does not describe its input."""
    hint = "describe the input of the network in PyTorch with a contract too"
    spec = with_fixed_size(with_common_batch(candidate, reference), ranges=ranges)
    noise = build_noise_inputs(spec, MAX_BATCH, ranges)
    pairs = tuple((convert_input(each, spec, reference, hint), each) for each in noise)
    return ParityInputs(InputPairs(pairs), [pair[0] for pair in pairs], [])


def _build_people(candidate: ModelSpec, ranges: Ranges) -> list[NetworkInput]:
    count = len(generate_hard_people(candidate))
    return build_hard_joint_inputs(candidate, find_batches(candidate.inputs[0], ranges, count))


def _reject_images(images: Sequence[Path], why: str) -> None:
    if images:
        raise InputError(f"`images={format_paths(images)}`: this network {why}; leave it out")


def make_pair(
    reference: ModelSpec, candidate: ModelSpec, name: str, image: Array, box: Array | None = None
) -> tuple[NetworkInput, NetworkInput]:
    """Return an image as the inputs of both networks.

    Args:
        image, box: as in ``build_image_input``.
    """
    first = build_image_input(match_candidate(reference, candidate), name, image, box)
    second = build_image_input(candidate, name, image, box)
    return first, add_reference_form(reference, candidate, second)


def _make_hard_pair(
    reference: ModelSpec, candidate: ModelSpec, image: HardImage
) -> tuple[NetworkInput, NetworkInput]:
    return make_pair(reference, candidate, image.name, image.image, image.box)


def _compress(spec: ModelSpec, original: NetworkInput) -> NetworkInput:
    """Return the input of the images as JPEG."""
    image = original.image
    assert image is not None, "the inputs are images"
    if image.ndim == 3:
        compressed = round_trip_jpeg(image, JPEG_QUALITY)
    else:
        compressed = np.stack([round_trip_jpeg(each, JPEG_QUALITY) for each in image])
    return build_image_input(spec, original.name, compressed, original.box)


def _list_ends(candidate: ModelSpec, ranges: Ranges) -> Iterator[tuple[ModelSpec, HardImage]]:
    """Yield images for the ends of the dynamic ranges, each with a spec of that size and batch.

    The largest batch has the smallest height and width, and the reverse, to bound memory and time.
    """
    tensor = candidate.inputs[0]
    smallest, largest = find_batches(tensor, ranges, MAX_BATCH)
    is_dynamic = any(isinstance(length, str) for length in tensor.image_size)
    small = with_batch(with_end_of_ranges(candidate, ranges, largest=False), largest)
    if largest > 1:
        by_name = {each.name: each for each in generate_hard_images(small)}
        person = by_name["one person"]
        if largest > smallest:
            mixed = [by_name["a crowd"], person, *by_name.values()]
            yield small, _with_size(pack_images(mixed, largest)[0], small if is_dynamic else None)
        yield small, _with_size(repeat_image(person, largest), small if is_dynamic else None)
    if is_dynamic:
        large = with_batch(with_end_of_ranges(candidate, ranges, largest=True), smallest)
        for spec in (large,) if largest > 1 else (small, large):
            person = next(each for each in generate_hard_images(spec) if each.name == "one person")
            yield spec, _with_size(pack_images([person], smallest)[0], spec)


def _with_size(image: HardImage, spec: ModelSpec | None) -> HardImage:
    """Return the image with the size of a spec in its name, if there is one."""
    if spec is None:
        return image
    height, width = get_image_size(spec)
    return replace(image, name=f"{image.name}, at {height}x{width} px")
