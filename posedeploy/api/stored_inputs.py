"""The inputs of a reference file that an artifact accepts."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace

from posedeploy.benchmarks.inputs import NetworkInput, build_image_input
from posedeploy.benchmarks.reference_file import ReferenceFile, StoredInput
from posedeploy.benchmarks.reference_form import add_reference_form
from posedeploy.benchmarks.row_pairing import find_row_axes
from posedeploy.calibration.overlap import OverlapCheck
from posedeploy.errors import InputError
from posedeploy.poses.crops import BOX_FITS
from posedeploy.printable import counted, listed
from posedeploy.types import Artifact, ModelSpec, PlacedJoints, Ranges, Tensors

logger = logging.getLogger(__name__)


class StoredPairs:
    """The inputs of a reference file that an artifact accepts, as pairs; each is read when it is used."""

    def __init__(self, reference: ReferenceFile, numbers: tuple[int, ...], spec: ModelSpec) -> None:
        self._reference, self._numbers, self._spec = reference, numbers, spec

    @property
    def numbers(self) -> tuple[int, ...]:
        """The numbers of the inputs in the reference file."""
        return self._numbers

    def __len__(self) -> int:
        return len(self._numbers)

    def read_outputs(self, number: int) -> Tensors:
        """Return the outputs of PyTorch for the input with this number in the reference file."""
        return self._reference.read(number).outputs

    def find_row_axes(self) -> dict[str, int]:
        """Return, by output, the axis whose length depends on the values of the input."""
        return find_row_axes(self._reference.document.spec, self._spec)

    def __iter__(self) -> Iterator[tuple[NetworkInput, NetworkInput]]:
        for number in self._numbers:
            stored = self._reference.read(number)
            theirs = _candidate_input(stored, self._spec, self._reference.document.spec)
            placements = (theirs.as_reference or theirs).placements
            yield (
                NetworkInput(stored.name, stored.inputs, placements, frame=stored.frame),
                replace(theirs, frame=stored.frame),
            )


def select_inputs(
    artifact: Artifact, reference: ReferenceFile, spec: ModelSpec, ranges: Ranges
) -> StoredPairs:
    """Return the inputs of a shape that an artifact accepts; none of them may have calibrated it."""
    accepted, others = list[int](), list[str]()
    overlap = OverlapCheck(artifact.calibration)
    for number, stored in enumerate(reference):
        if not _accepts(spec, ranges, stored, reference.document.spec):
            others.append(_describe_shapes(stored))
            continue
        accepted.append(number)
        if stored.image is not None and stored.image.ndim == 3:  # batches are of generated images
            overlap.add(stored.name, stored.image)
    if not accepted:
        raise InputError(
            f"{reference.path}: its inputs have other shapes ({listed(list(dict.fromkeys(others)))}) than "
            f"{artifact.path} accepts ({', '.join(map(str, spec.inputs))}); to write a reference "
            "file with these shapes, compare this artifact with PyTorch and pass `save_reference=FILE`"
        )
    if others:
        logger.info(
            f"not used, because {artifact.path} does not take them: {counted(len(others), 'input')} of "
            f"{reference.path}"
        )
    fix = "save a reference file with other images"
    overlap.report(f"`reference={reference.path}`", len(accepted), fix)
    return StoredPairs(reference, tuple(accepted), spec)


def _shape(spec: ModelSpec, stored: StoredInput, reference: ModelSpec) -> tuple[int, ...]:
    """Return the shape of a candidate's image input that has the batch and size of a stored input."""
    (array,) = stored.inputs.values()
    batch = array.shape[0]
    height, width = map(int, replace(reference.inputs[0], shape=array.shape).image_size)
    return (batch, height, width, 3) if spec.inputs[0].layout == "NHWC" else (batch, 3, height, width)


def _is_image(spec: ModelSpec, stored: StoredInput) -> bool:
    """Return whether the candidate prepares the image itself."""
    return spec.contract is not None and stored.image is not None


def _takes_boxes(spec: ModelSpec) -> bool:
    return spec.contract is not None and spec.contract.fit in BOX_FITS


def _accepts(spec: ModelSpec, ranges: Ranges, stored: StoredInput, reference: ModelSpec) -> bool:
    """Return whether a candidate accepts a stored input, or its image in that batch and size."""
    if _is_image(spec, stored):
        if stored.box is not None and not _takes_boxes(spec):
            return False
        shapes = {spec.inputs[0].name: _shape(spec, stored, reference)}
    else:
        shapes = {name: array.shape for name, array in _renamed(spec, stored).items()}
    if shapes.keys() != {tensor.name for tensor in spec.inputs}:
        return False
    return all(
        tensor.accepts(shapes[tensor.name]) and _is_within(shapes[tensor.name], ranges.get(tensor.name))
        for tensor in spec.inputs
    )


def _is_within(shape: tuple[int, ...], limits: tuple[tuple[int, ...], tuple[int, ...]] | None) -> bool:
    if limits is None:
        return True
    return all(low <= length <= high for length, low, high in zip(shape, *limits, strict=True))


def _renamed(spec: ModelSpec, stored: StoredInput) -> Tensors:
    """Return the stored tensors with the candidate's names: a third-party model has its own name for one."""
    if len(stored.inputs) == len(spec.inputs) == 1:
        return dict(zip((spec.inputs[0].name,), stored.inputs.values(), strict=True))
    return stored.inputs


def _describe_shapes(stored: StoredInput) -> str:
    return ", ".join(f"{name} {'x'.join(map(str, array.shape))}" for name, array in stored.inputs.items())


def _candidate_input(stored: StoredInput, spec: ModelSpec, reference: ModelSpec) -> NetworkInput:
    if _is_image(spec, stored):
        assert stored.image is not None, "checked above"
        fixed = replace(spec, inputs=(replace(spec.inputs[0], shape=_shape(spec, stored, reference)),))
        own = build_image_input(fixed, stored.name, stored.image, stored.box)
        return add_reference_form(reference, fixed, own)
    joints = stored.joints
    people = () if joints is None else tuple(joints[index : index + 1] for index in range(len(joints)))
    return NetworkInput(stored.name, _renamed(spec, stored), tuple(map(PlacedJoints, people)))
