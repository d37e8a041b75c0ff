"""A small TOML that says what a network made by others expects and gives, in place of a manifest.

::

    family = "lightweight-openpose-2d"     # whose decoding turns the outputs into poses; may be left out
    variant = "human-pose-estimation-0001"

    [input]
    name = "data"
    shape = [1, 3, "height", "width"]      # a string is an axis of free length
    embedded = ["normalisation"]           # steps that the model holds inside; all else as the family has it

    [outputs]                              # role = the output's name, in the order the network gives them
    heatmaps = "Mconv7_stage2_L2"
    pafs = "Mconv7_stage2_L1"
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import msgspec

from posedeploy import plugins
from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, family_named, published_joint_set
from posedeploy.specs import family_spec, unit_of
from posedeploy.text_files import read_toml
from posedeploy.types import (
    ColourOrder,
    Dimension,
    Embedded,
    Fit,
    InputContract,
    JointsContract,
    Layout,
    ModelSpec,
    TensorSpec,
)

UNKNOWN = "unknown"
"""The family of a model that nobody has described."""

_IMAGE_FIELDS = (
    "height", "width", "mean", "deviation", "colour_order", "fit", "multiple", "embedded", "margin",
)  # fmt: skip


_Length: TypeAlias = Annotated[int, msgspec.Meta(ge=1)]
_Deviation: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]
_Margin: TypeAlias = Annotated[float, msgspec.Meta(gt=0)]


class _Input(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    name: str = "data"
    shape: tuple[Dimension, ...] = ("batch", 3, "height", "width")
    dtype: Literal["float32", "uint8"] = "float32"
    layout: Layout = "NCHW"
    height: _Length | None = None
    width: _Length | None = None
    mean: tuple[float, float, float] | None = None
    deviation: tuple[_Deviation, _Deviation, _Deviation] | None = None
    colour_order: ColourOrder | None = None
    fit: Fit | None = None
    multiple: _Length | None = None
    embedded: tuple[Embedded, ...] | None = None
    margin: _Margin | None = None


class _Document(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    family: str = UNKNOWN
    variant: str = ""
    input: _Input = _Input()
    outputs: Mapping[str, str] = msgspec.field(default_factory=dict)
    keypoint_names: tuple[str, ...] = ()
    skeleton: tuple[tuple[int, int], ...] = ()
    cells: _Length | None = None


def read(path: Path) -> ModelSpec:
    """The spec that a contract file describes; the shapes of its outputs are (), until something has run.

    Raises:
        InputError: the file is missing, not TOML, of other fields, or leaves out what its family cannot
            fill in.
    """
    document = read_toml(path, "a contract", _Document, hint="README.md, 'Your own network', shows one")
    base = (
        described(document.family) if document.family in FAMILIES else ModelSpec(document.family, "", (), ())
    )
    spec = replace(
        base,
        variant=document.variant or path.stem,
        inputs=(
            TensorSpec(
                document.input.name, document.input.shape, document.input.dtype, document.input.layout
            ),
        ),
        outputs=tuple(TensorSpec(name, ()) for name in document.outputs.values()),
        contract=_contract(path, base.contract, document.input),
        roles=dict(document.outputs),
        cells=document.cells,
    )
    if document.family in FAMILIES:
        spec = replace(spec, unit=unit_of(document.family, document.outputs))
    if document.keypoint_names:
        spec = replace(spec, keypoint_names=document.keypoint_names, skeleton=document.skeleton)
    return spec


def _contract(path: Path, base: InputContract | None, table: _Input) -> InputContract | None:
    given = {name: getattr(table, name) for name in _IMAGE_FIELDS if getattr(table, name) is not None}
    if base is not None:
        return replace(base, **given)
    if not given:
        return None
    try:
        return InputContract(**given)
    except TypeError as error:
        raise InputError(
            f"{path}: [input] gives {', '.join(given)} but without a known family it must also give height, "
            "width, mean and deviation"
        ) from error


def described(family: str) -> ModelSpec:
    """What a family's name alone says of a model: contract and keypoints, neither inputs nor outputs.

    Raises:
        InputError: there is no such family.
    """
    return family_spec(family, "", (), (), {})


def applied(
    described: ModelSpec, inputs: tuple[TensorSpec, ...], outputs: tuple[TensorSpec, ...], where: str
) -> ModelSpec:
    """A description laid over the tensors that a model file really has.

    Roles that the description leaves open go to the last output whose name contains the role.

    Raises:
        InputError: the input that the description gives is another than the model's, an output that it names
            is not in the model, a role finds no output, or no joint set has the number that the model takes.
    """
    if described.inputs and inputs:
        _check_input(described.inputs[0], inputs[0], where)
    names = [spec.name for spec in outputs]
    wanted = described.roles or dict.fromkeys(_roles(described.family))
    roles = {}
    for role, name in wanted.items():
        found = [
            candidate for candidate in names if (role in candidate if name is None else name == candidate)
        ]
        if not found:
            raise InputError(
                f"{where}: no output for {role!r}; wanted {name or f'a name with {role} in it'}, and the "
                f"outputs are {', '.join(names)}. Name it under [outputs] in a --contract file"
            )
        roles[role] = found[-1]
    if described.joints is not None:
        return replace(_of_its_joints(described, inputs), inputs=inputs, outputs=outputs, roles=roles)
    layout = described.inputs[0].layout if described.inputs else "NCHW"
    return replace(
        described, inputs=tuple(replace(spec, layout=layout) for spec in inputs), outputs=outputs, roles=roles
    )


def _of_its_joints(described: ModelSpec, inputs: tuple[TensorSpec, ...]) -> ModelSpec:
    """The description with the joint set that has as many joints as the model takes."""
    count = inputs[0].shape[1] if inputs and len(inputs[0].shape) == 3 else None
    if not isinstance(count, int) or count == len(described.keypoint_names):
        return described
    found = published_joint_set(described.family, count)
    return replace(
        described,
        joints=JointsContract(found.name),
        keypoint_names=found.joints,
        skeleton=found.bones,
    )


def _check_input(given: TensorSpec, found: TensorSpec, where: str) -> None:
    """Refuse a name, shape or dtype that the file contradicts; what is as by default was not given."""
    usual = _Input()
    lengths = list(zip(given.shape, found.shape, strict=False))
    fits = len(given.shape) == len(found.shape) and all(
        want == got or isinstance(want, str) or isinstance(got, str) for want, got in lengths
    )
    if (
        given.name not in (usual.name, found.name)
        or given.dtype not in (usual.dtype, found.dtype)
        or not (fits or given.shape == usual.shape)
    ):
        raise InputError(
            f"{where}: its contract gives the input {given}, and the file has {found}; correct [input], or "
            "leave name, shape and dtype out"
        )


def _roles(family: str) -> tuple[str, ...]:
    roles: tuple[str, ...] = plugins.module(family_named(family).poses).ROLES if family in FAMILIES else ()
    return roles
