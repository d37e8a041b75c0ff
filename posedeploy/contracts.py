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
from typing import Any

from posedeploy.contract_document import (
    IMAGE_FIELDS,
    KEYPOINT_FIELDS,
    RECORDED_FIELDS,
    UNKNOWN,
    ContractDocument,
    InputTable,
    read_document,
)
from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.decoding_options import read_options, to_table
from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of, has_decoding, joint_set
from posedeploy.keypoint_descriptions import KeypointDescription, check_described, describe
from posedeploy.normalization_units import check_units
from posedeploy.output_roles import channels_by_name, resolve_roles
from posedeploy.own_keypoints import GUIDE, OWN_JOINTS
from posedeploy.printable import printable
from posedeploy.specs import family_spec, unit_of
from posedeploy.tensor_contracts import resolve_input, resolve_outputs
from posedeploy.tensor_tables import DEFAULT_SHAPES, describe_outputs, infer_image_layout
from posedeploy.types import Dimension, InputContract, JointsContract, Layout, ModelSpec, TensorSpec


def read(path: Path) -> ModelSpec:
    """Return the spec that a contract file describes.

    Missing shapes of outputs are (). The layout of the input is None if the file has neither layout nor
    shape.

    Raises:
        InputError: no file or preset has this name, or it is not TOML, has unknown fields, lacks
            fields that its family does not have either, or has invalid values.
    """
    return _describe(read_document(path), path)


def _describe(document: ContractDocument, path: Path) -> ModelSpec:
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


def add_description(spec: ModelSpec, path: Path, where: str) -> ModelSpec:
    """Return the spec of a checkpoint, or of a file with a manifest, with what a contract file adds: the
    keypoints or, for a network of an unknown family, all that the spec lacks.

    Args:
        where: the described model, for messages.

    Raises:
        InputError: the file cannot be read, has fields that the spec has too, or does not fit the network.
    """
    document = read_document(path)
    if has_decoding(spec.family) or not has_decoding(document.family):
        return _add_keypoints(spec, document, path)
    written = {name: getattr(document.input, name) for name in IMAGE_FIELDS}
    for name in RECORDED_FIELDS if spec.contract is not None else ():
        recorded = getattr(spec.contract, name)
        if written[name] not in (None, recorded):
            raise InputError(
                f"{path}: [input] has {name} = {_toml(written[name])}, but {where} was exported with "
                f"{_toml(recorded)}; remove the line, or correct the contract and export the network again"
            )
    return add_family(spec, _describe(document, path), where)


def add_family(spec: ModelSpec, described: ModelSpec, where: str) -> ModelSpec:
    """Return the recorded spec of a network of an unknown family, with the decoding of a description.

    The tensors, and the size, normalization and color order of the images, remain as recorded.

    Raises:
        InputError: the description does not fit the recorded tensors.
    """
    recorded, contract = spec.contract, described.contract
    merged = apply_contract(described, spec.inputs, spec.outputs, where)
    if recorded is not None and contract is not None:
        contract = replace(contract, **{name: getattr(recorded, name) for name in RECORDED_FIELDS})
    layouts = {tensor.name: tensor for tensor in spec.outputs if tensor.layout is not None}
    outputs = tuple(layouts.get(tensor.name, tensor) for tensor in merged.outputs)
    return replace(merged, variant=spec.variant, inputs=spec.inputs, outputs=outputs, contract=contract)


def _toml(value: object) -> str:
    """Return a value as it is written in a contract."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(_toml, value))}]"
    return f'"{value}"' if isinstance(value, str) else f"{value:g}"


def _add_keypoints(spec: ModelSpec, document: ContractDocument, path: Path) -> ModelSpec:
    empty = ContractDocument()
    others = [
        name
        for name in document.__struct_fields__
        if name not in KEYPOINT_FIELDS and getattr(document, name) != getattr(empty, name)
    ]
    if others:
        raise InputError(
            f"{path}: {', '.join(others)}: the model already defines these, in its manifest or in the TOML "
            f"file of its `network`; leave `contract` out, or keep only {', '.join(KEYPOINT_FIELDS)}"
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


def _decoding(document: ContractDocument, where: str) -> Mapping[str, Any]:
    """Return the checked options of the decoding, with the defaults of those that the file lacks."""
    decoder = decoder_poses_of(document.family)
    if decoder is not None:
        return to_table(read_options(decoder.OPTIONS, document.decoding, where))
    if document.decoding:
        raise InputError(
            f"{where}: [decoding]: the family {document.family} has no options; remove the table. The "
            f"families with options are {', '.join(DECODER_FAMILIES)}"
        )
    return {}


def _input(path: Path, table: InputTable) -> TensorSpec:
    layout = table.layout or infer_image_layout(table.shape or ())
    shape = table.shape or DEFAULT_SHAPES[layout or "NCHW"]
    _check_shape(path, table, shape, layout)
    quantization = table.quantization(f"{path}: [input]")
    return TensorSpec(table.name or "data", shape, table.dtype, layout, quantization)


def _check_shape(path: Path, table: InputTable, shape: tuple[Dimension, ...], layout: Layout | None) -> None:
    """Check the shape of an image against the layout, the height and the width beside it."""
    if len(shape) != 4 or layout is None:
        return
    lengths = {"C": 3, "H": table.height, "W": table.width}
    for axis, length in zip(layout, shape, strict=True):
        expected = lengths.get(axis)
        if expected is not None and isinstance(length, int) and length != expected:
            raise InputError(
                f"{path}: [input] has shape = {_toml(shape)}, whose axis {axis} in the layout {layout} is "
                f"{length}, expected {expected}; correct shape, layout, height or width"
            )


def _contract(path: Path, base: InputContract | None, table: InputTable) -> InputContract | None:
    fields = {name: getattr(table, name) for name in IMAGE_FIELDS if getattr(table, name) is not None}
    is_published = base is not None and (table.mean or base.mean, table.std) == (base.mean, base.std)
    if not is_published and table.scale is None and "normalization" not in (table.embedded or ()):
        std = table.std if base is None else table.std or (base.std if table.mean else None)
        check_units(table.mean, std, f"{path}: [input]")
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
