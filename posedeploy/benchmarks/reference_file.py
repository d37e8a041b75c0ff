"""Reference files: the inputs of a comparison with PyTorch's outputs, to compare without PyTorch.

A reference file is a safetensors file. Its metadata holds a ``ReferenceDocument`` as JSON, under the key
``posedeploy.reference``. The arrays of the input number N, counted from 0, are ``N/image`` (the image,
height x width x 3, uint8, BGR; or batch x height x width x 3), ``N/box`` (x, y, width and height in px of the
person), ``N/joints`` (people x joints x 3: x px, y px, score), ``N/input/NAME`` and ``N/output/NAME`` (the
tensors of the reference network). ``N/image`` and ``N/joints`` exist where the network takes images or
joints, ``N/box`` where the input is not the whole image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
from safetensors import SafetensorError, safe_open

from posedeploy.benchmarks.inputs import VideoFrame
from posedeploy.benchmarks.noise_floor import OutputNoise, PoseNoise
from posedeploy.errors import InputError
from posedeploy.input_files import check_regular
from posedeploy.limits import MAX_TEXT_BYTES
from posedeploy.spec_checks import find_invalid_value
from posedeploy.text_files import convert, parse_json
from posedeploy.types import Array, ModelSpec, Tensors, TensorSpec

KEY = FORMAT = "posedeploy.reference"
VERSION = 1
WHAT = "a reference file"


@dataclass(frozen=True)
class StoredFloor:
    """The noise floor of the reference: on a device, in a precision, by output."""

    device: str
    precision: str
    outputs: Mapping[str, OutputNoise]
    inputs: int
    runs: int
    pose_noise: PoseNoise | None = None


@dataclass(frozen=True, kw_only=True)
class ReferenceDocument:
    """The metadata of a reference file.

    spec: the spec of the PyTorch network. checkpoint: its path when the file was written; None for the
    built-in sample. precision: that of PyTorch, ``fp32`` or ``fp64``. names: the names of the inputs, in
    order. digests: a hash of all arrays of each input. floor: None if it was not measured. frames: for each
    input, its place in a video, or None; empty without videos.
    """

    format: str = FORMAT
    version: int = VERSION
    spec: ModelSpec
    checkpoint: str | None
    checkpoint_sha256: str
    precision: str
    packages: Mapping[str, str]
    created: str
    names: tuple[str, ...] = ()
    digests: tuple[str, ...] = ()
    floor: StoredFloor | None = None
    frames: tuple[VideoFrame | None, ...] = ()


@dataclass(frozen=True)
class StoredInput:
    """One input of a reference file. image, joints: None for a network that takes no such input. box: None
    for the whole image. frame: None for an image that does not belong to a video."""

    name: str
    inputs: Tensors
    outputs: Tensors
    image: Array | None = None
    joints: Array | None = None
    box: Array | None = None
    frame: VideoFrame | None = None

    def arrays(self, number: int) -> Tensors:
        """Return all arrays by their names in the file."""
        named = {"image": self.image, "joints": self.joints, "box": self.box}
        named |= {f"input/{name}": array for name, array in self.inputs.items()}
        named |= {f"output/{name}": array for name, array in self.outputs.items()}
        return {f"{number}/{name}": array for name, array in named.items() if array is not None}


@dataclass(frozen=True)
class ReferenceFile:
    """An open reference file, whose arrays are read when they are used."""

    path: Path
    document: ReferenceDocument
    _keys: tuple[str, ...] = field(repr=False)

    def __len__(self) -> int:
        return len(self.document.names)

    def __iter__(self) -> Iterator[StoredInput]:
        return (self.read(number) for number in range(len(self)))

    def read(self, number: int) -> StoredInput:
        """Return the input with this number.

        Raises:
            InputError: its arrays were changed since the file was written.
        """
        arrays = load_arrays(self.path, WHAT, [key for key in self._keys if key.startswith(f"{number}/")])
        named = {key.partition("/")[2]: array for key, array in arrays.items()}
        stored = StoredInput(
            self.document.names[number],
            {key.removeprefix("input/"): named[key] for key in named if key.startswith("input/")},
            {key.removeprefix("output/"): named[key] for key in named if key.startswith("output/")},
            named.get("image"),
            named.get("joints"),
            named.get("box"),
            self.document.frames[number] if self.document.frames else None,
        )
        if digest_of(stored.arrays(number)) != self.document.digests[number]:
            raise _damaged(self.path, f"the arrays of input {number} do not have their recorded hash")
        if invalid := _find_invalid_array(stored, self.document.spec):
            raise _damaged(self.path, f"input {number}: {invalid}")
        return stored


def _find_invalid_array(stored: StoredInput, spec: ModelSpec) -> str:
    """Return why the arrays of an input are not those of the network; empty if they are."""
    joints = stored.joints
    if invalid := _find_invalid_image(stored):
        return invalid
    if joints is not None and (joints.ndim != 3 or joints.shape[2] != 3 or joints.dtype.kind != "f"):
        return f"the joints have the shape {joints.shape} and the dtype {joints.dtype}"
    if not stored.inputs or any(0 in array.shape for array in stored.inputs.values()):
        return "its inputs are missing or empty"
    for tensor in spec.outputs:
        array = stored.outputs.get(tensor.name)
        if array is None or array.ndim != len(tensor.shape) or not has_dtype_of(array, tensor):
            return f"the output {tensor.name} is missing, or has another number of axes or another dtype"
    return ""


def has_dtype_of(array: Array, tensor: TensorSpec) -> bool:
    """Return whether an array has real numbers, integers or booleans as the output does, in any precision."""
    dtype = tensor.dtype if tensor.quantization is None else "float32"
    kinds = "b" if dtype == "bool" else "iu" if "int" in dtype else "f"
    return array.dtype.kind in kinds


def _find_invalid_image(stored: StoredInput) -> str:
    """Return why the image and the box of an input are not valid; empty if they are."""
    image, box = stored.image, stored.box
    if image is None:
        return "" if box is None else "it has a box, and no image"
    shapes = [array.shape for array in stored.inputs.values()]
    if image.dtype != np.uint8 or image.ndim not in (3, 4) or image.shape[-1] != 3:
        return f"the image has the shape {image.shape} and the dtype {image.dtype}"
    if list(map(len, shapes)) != [4] or (image.ndim == 4 and len(image) != shapes[0][0]):
        return "it has an image, and not one input of four axes and the same batch"
    if box is not None and (box.shape != (4,) or box.dtype.kind != "f"):
        return f"the box has the shape {box.shape} and the dtype {box.dtype}"
    return ""


def digest_of(arrays: Tensors) -> str:
    """Return a hash of arrays: of their names, dtypes, shapes and content, in the order of the names."""
    digest = hashlib.sha256()
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape} ".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def is_reference_file(path: Path) -> bool:
    """Return whether a file is a reference file, of any version and perhaps damaged."""
    try:
        with safe_open(path, "np") as opened:
            return KEY in (opened.metadata() or {})
    except (SafetensorError, OSError):
        return False


def open_reference(path: Path) -> ReferenceFile:
    """Open a reference file.

    Raises:
        InputError: it is missing, damaged, of a newer version, or no reference file.
    """
    check_regular(path, WHAT)
    try:
        with safe_open(path, "np") as opened:
            metadata, keys = opened.metadata() or {}, tuple(opened.keys())
    except (SafetensorError, OSError) as error:
        raise _other_file(path, f"it cannot be read as a safetensors file: {error}") from error
    if KEY not in metadata:
        raise _other_file(path, f"its metadata has no field {KEY}")
    document = _parse(path, metadata[KEY])
    if invalid := _find_invalid_field(document):
        raise _damaged(path, invalid)
    return ReferenceFile(path, document, keys)


def _find_invalid_field(document: ReferenceDocument) -> str:
    """Return what is invalid or missing in a document; empty if nothing is."""
    names, digests, frames = map(len, (document.names, document.digests, document.frames))
    if names != digests or not names:
        return f"it has {names} names and {digests} hashes of inputs"
    if frames not in (0, names):
        return f"it has {names} names of inputs and {frames} frames"
    if document.floor is not None:
        for output in document.spec.outputs:
            if output.name not in document.floor.outputs:
                return f"its noise floor lacks the output {output.name}"
    return find_invalid_value(document.spec)


@dataclass(frozen=True)
class _Head:
    format: str = ""
    version: int = 0


def _parse(path: Path, text: str) -> ReferenceDocument:
    if len(text) > MAX_TEXT_BYTES:
        raise _damaged(path, f"its metadata has {len(text)} bytes, expected at most {MAX_TEXT_BYTES}")
    content: dict[str, Any] = parse_json(text.encode(), path, WHAT, dict[str, Any])
    try:
        head = convert(content, _Head)
        if head.format == FORMAT and head.version != VERSION:
            remedy = "upgrade posedeploy" if head.version > VERSION else "save it again"
            raise InputError(
                f"{path}: the version of the reference file is {head.version}, expected {VERSION}; {remedy}"
            )
        return convert(content, ReferenceDocument)
    except (msgspec.ValidationError, RecursionError) as error:
        raise _damaged(path, str(error)) from error


def list_arrays(path: Path, what: str) -> frozenset[str]:
    """Return the names of the arrays in a safetensors file.

    Raises:
        InputError: as in ``load_arrays``.
    """
    try:
        with safe_open(path, "np") as opened:
            return frozenset(opened.keys())
    except (SafetensorError, OSError) as error:
        raise _not_loaded(path, what, error) from error


def load_arrays(path: Path, what: str, keys: Iterable[str] | None = None) -> Tensors:
    """Return the arrays with these names in a safetensors file, or all.

    Args:
        what: a noun phrase for messages.

    Raises:
        InputError: the file is damaged, or is not a safetensors file.
    """
    try:
        with safe_open(path, "np") as opened:
            return {key: opened.get_tensor(key) for key in (opened.keys() if keys is None else keys)}
    except (SafetensorError, OSError, TypeError, AttributeError) as error:  # also for dtypes NumPy lacks
        raise _not_loaded(path, what, error) from error


def _not_loaded(path: Path, what: str, error: Exception) -> InputError:
    return InputError(f"{path}: not {what}, or a damaged one: {error}; copy or save it again")


def _other_file(path: Path, reason: str) -> InputError:
    return InputError(
        f"{path}: not {WHAT}: {reason}; write one where PyTorch is installed: posedeploy parity MODEL "
        "--save-reference FILE"
    )


def _damaged(path: Path, reason: str) -> InputError:
    return InputError(f"{path}: the reference file is damaged: {reason}; copy or save it again")
