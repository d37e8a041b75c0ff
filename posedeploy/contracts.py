"""A contract: a TOML file that describes a third-party model, which has no manifest.

An output is a name, or a table ``[outputs.heatmaps]`` with ``name``, ``layout``, ``scale``, ``zero_point``,
``stride``, ``shape`` and ``dtype``. The input has the same fields except ``stride``.

::

    family = "lightweight-openpose-2d"     # whose decoding applies; optional
    variant = "human-pose-estimation-0001"

    [input]
    name = "data"
    shape = [1, 3, "height", "width"]      # a string is a dynamic axis
    embedded = ["normalization"]           # steps inside the model; the rest is as in the family

    [outputs]                              # role = output name, in the order of the network
    heatmaps = "Mconv7_stage2_L2"
    pafs = "Mconv7_stage2_L1"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, TypeAlias, get_type_hints

import msgspec

from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.decoding_options import read_options
from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of, has_decoding, joint_set
from posedeploy.joint_sets import set_named
from posedeploy.keypoint_descriptions import KeypointDescription, check_described, describe
from posedeploy.normalization_units import check_units
from posedeploy.output_roles import channels_by_name, resolve_roles
from posedeploy.own_keypoints import GUIDE, OWN_JOINTS
from posedeploy.printable import printable
from posedeploy.specs import family_spec, unit_of
from posedeploy.tensor_contracts import resolve_input, resolve_outputs
from posedeploy.tensor_tables import (
    DEFAULT_SHAPES,
    OutputTable,
    TensorTable,
    describe_outputs,
    infer_image_layout,
)
from posedeploy.text_files import convert, read_toml
from posedeploy.type_values import list_values
from posedeploy.types import (
    ColorOrder,
    Embedded,
    Fit,
    InputContract,
    JointsContract,
    ModelSpec,
    TensorSpec,
)

HINT = "docs/third-party-models.md has an example"
UNKNOWN = "unknown"
"""The family of a model without a description."""

_IMAGE_FIELDS = (
    "height", "width", "mean", "std", "color_order", "fit", "multiple", "embedded", "margin", "padding",
)  # fmt: skip


_Length: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Std: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_Margin: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_PixelValue: TypeAlias = Annotated[int, msgspec.Meta(ge=0, le=255)]


class _Input(TensorTable, frozen=True, kw_only=True):
    height: _Length | None = None
    width: _Length | None = None
    mean: tuple[float, float, float] | None = None
    std: tuple[_Std, _Std, _Std] | None = None
    color_order: ColorOrder | None = None
    fit: Fit | None = None
    multiple: _Length | None = None
    embedded: tuple[Embedded, ...] | None = None
    margin: _Margin | None = None
    padding: _PixelValue | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    family: str = UNKNOWN
    variant: str = ""
    input: _Input = _Input()
    outputs: Mapping[str, str | OutputTable] = msgspec.field(default_factory=dict)
    decoding: Mapping[str, Any] = msgspec.field(default_factory=dict)
    keypoint_set: str = ""
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    paf_channels: tuple[tuple[int, int], ...] = ()
    heatmap_names: tuple[str, ...] = ()
    cells: _Length | None = None

    def keypoints(self, where: str) -> KeypointDescription:
        """Return the keypoints, with the names and bones of ``keypoint_set``."""
        names, skeleton = self.keypoint_names, self.skeleton
        if self.keypoint_set:
            if names:
                raise InputError(f"{where}: keypoint_set and keypoint_names exclude each other; remove one")
            joints = set_named(self.keypoint_set, f"{where}: keypoint_set")
            names, skeleton = joints.joints, skeleton or joints.bones
        return KeypointDescription(names, skeleton, self.paf_channels, self.heatmap_names)


_KEYPOINT_FIELDS = (
    "family", "keypoint_set", "keypoint_names", "skeleton", "paf_channels", "heatmap_names",
)  # fmt: skip
"""The fields that a contract for a checkpoint or for a file with a manifest may have."""


def read(path: Path) -> ModelSpec:
    """Return the spec that a contract file describes.

    Missing shapes of outputs are (). The layout of the input is None if the file has neither layout nor
    shape.

    Raises:
        InputError: the file is missing or not TOML, has unknown fields, lacks fields that its family does not
            have either, or has invalid values.
    """
    document = _read_document(path)
    base = (
        family_defaults(document.family)
        if has_decoding(document.family)
        else ModelSpec(document.family, "", (), ())
    )
    outputs = describe_outputs(str(path), document.outputs)
    spec = replace(
        base,
        decoding=_decoding(document, str(path)),
        variant=document.variant or printable(path.stem),
        inputs=(_input(path, document.input),),
        outputs=tuple(outputs.values()),
        contract=_contract(path, base.contract, document.input),
        roles={role: output.name for role, output in outputs.items()},
        cells=document.cells,
    )
    if has_decoding(document.family):
        spec = replace(spec, unit=unit_of(document.family, document.outputs))
    return describe(spec, document.keypoints(str(path)), str(path))


def describe_keypoints(spec: ModelSpec, path: Path) -> ModelSpec:
    """Return the spec of a checkpoint, or of a file with a manifest, with the keypoints of a contract file.

    Raises:
        InputError: the file cannot be read, has other fields, or does not fit the network.
    """
    document = _read_document(path)
    empty = _Document()
    others = [
        name
        for name in document.__struct_fields__
        if name not in _KEYPOINT_FIELDS and getattr(document, name) != getattr(empty, name)
    ]
    if others:
        raise InputError(
            f"{path}: {', '.join(others)}: the model already defines these; keep only "
            f"{', '.join(_KEYPOINT_FIELDS)}"
        )
    if document.family not in (UNKNOWN, spec.family):
        raise InputError(
            f"{path}: family is {document.family}, but the model's family is {spec.family}; correct it, or "
            "remove the line"
        )
    keypoints = document.keypoints(str(path))
    if keypoints == KeypointDescription():
        raise InputError(
            f"{path}: no keypoints to add to the model; write keypoint_names and skeleton, as in {GUIDE}"
        )
    return describe(spec, keypoints, str(path))


def _decoding(document: _Document, where: str) -> Mapping[str, Any]:
    """Return the checked options of the decoding, with the defaults of those that the file lacks."""
    decoder = decoder_poses_of(document.family)
    if decoder is not None:
        options: Mapping[str, Any] = msgspec.to_builtins(
            read_options(decoder.OPTIONS, document.decoding, where)
        )
        return options
    if document.decoding:
        raise InputError(
            f"{where}: [decoding]: the family {document.family} has no options; remove the table. The "
            f"families with options are {', '.join(DECODER_FAMILIES)}"
        )
    return {}


def _read_document(path: Path) -> _Document:
    table = read_toml(path, "a contract", dict[str, Any], hint=HINT)
    try:
        return convert(table, _Document)
    except msgspec.ValidationError as error:
        raise InputError(f"{path}: not a contract: {error}{_list_allowed(str(error))}; {HINT}") from error


def _input(path: Path, table: _Input) -> TensorSpec:
    layout = table.layout or infer_image_layout(table.shape or ())
    shape = table.shape or DEFAULT_SHAPES[layout or "NCHW"]
    quantization = table.quantization(f"{path}: [input]")
    return TensorSpec(table.name or "data", shape, table.dtype, layout, quantization)


_TABLES: dict[str, type[msgspec.Struct]] = {
    "$": _Document, "$.input": _Input, "$.outputs[...]": OutputTable,
}  # fmt: skip


def _list_allowed(error: str) -> str:
    """Return the valid fields or values after an error of msgspec; '' if its message has them."""
    problem, _, path = error.partition(" - at `")
    table, _, field = path.removesuffix("`").rpartition(".")
    if problem.startswith("Object contains unknown field"):
        known = _TABLES.get(path.removesuffix("`") or "$", _Document)
        return f"; the fields are {', '.join(known.__struct_fields__)}"
    if problem.startswith("Invalid enum value"):
        name = field.partition("[")[0]
        values = list_values(get_type_hints(_TABLES[table])[name])
        return f"; allowed are {', '.join(values)}"
    return ""


def _contract(path: Path, base: InputContract | None, table: _Input) -> InputContract | None:
    fields = {name: getattr(table, name) for name in _IMAGE_FIELDS if getattr(table, name) is not None}
    is_published = base is not None and table.std == base.std
    if not is_published and table.scale is None and "normalization" not in (table.embedded or ()):
        check_units(table.mean, table.std, f"{path}: [input]")
    if base is not None:
        return replace(base, **fields)
    if not fields:
        return None
    try:
        return InputContract(**fields)
    except TypeError as error:
        raise InputError(
            f"{path}: [input] has {', '.join(fields)}; without a known family it also needs height, width, "
            "mean and std"
        ) from error


def family_defaults(family: str) -> ModelSpec:
    """Return the spec of a family without inputs and outputs: its contract and keypoints.

    Raises:
        InputError: no family has this name.
    """
    spec = family_spec(family, "", (), (), {})
    # The outputs determine the keypoints of a decoder, unless a contract names them.
    return replace(spec, keypoint_names=(), skeleton=()) if family in DECODER_FAMILIES else spec


def apply_contract(
    described: ModelSpec, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], where: str
) -> ModelSpec:
    """Return the description merged with the tensors of a model file.

    Raises:
        InputError: a described tensor differs from the model's, a named output is not in the model, a role
            has no output or is unknown to the decoding of the family, or no joint set has the model's number
            of joints.
    """
    roles = resolve_roles(described, outputs, where)
    first = next(iter(described.inputs), None)
    resolved = tuple(resolve_input(first, tensor, where) for tensor in inputs[:1])
    image = next((tensor for tensor in resolved if tensor.layout is not None), None)
    if described.joints is not None:
        described = _with_joint_set(described, inputs)
    spec = replace(
        described,
        inputs=(*resolved, *inputs[1:]),
        outputs=resolve_outputs(described, image, outputs, channels_by_name(described, roles), where),
        roles=roles,
    )
    if has_decoding(spec.family):
        spec = replace(spec, unit=unit_of(spec.family, roles))
    return check_described(spec, where)


def _with_joint_set(described: ModelSpec, inputs: tuple[TensorSpec, ...]) -> ModelSpec:
    """Return the description with the joint set that has the model's number of joints."""
    count = inputs[0].shape[1] if inputs and len(inputs[0].shape) == 3 else None
    is_own = described.joints is not None and described.joints.joint_set == OWN_JOINTS
    if is_own or not isinstance(count, int) or count == len(described.keypoint_names):
        return described
    joints = joint_set(described.family, count)
    return replace(
        described,
        joints=JointsContract(joints.name or OWN_JOINTS),
        keypoint_names=joints.joints,
        skeleton=joints.bones,
    )
