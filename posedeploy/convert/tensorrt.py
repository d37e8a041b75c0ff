"""A network becomes a TensorRT engine, through ONNX, which is kept beside it to build it again elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import onnx

from posedeploy import engines, plugins
from posedeploy.backends import TARGETS
from posedeploy.convert import engine
from posedeploy.convert.export_options import ExportOptions
from posedeploy.convert.onnx import graph, where
from posedeploy.convert.prepare import Prepared
from posedeploy.engines import Shapes
from posedeploy.errors import ExportError
from posedeploy.types import TensorSpec

Sides: TypeAlias = Mapping[str, Mapping[str, tuple[int, ...]]]
"""Shapes by the name of their input, by the option that gave them."""
KEPT, WRAPPED = TARGETS["tensorrt"].sidecar_suffixes
"""How the names of the ONNX and of the file for torch2trt end, the second as in the published 3D demo."""


def convert(prepared: Prepared, path: Path) -> Mapping[str, Any]:
    """Write ``path`` (.engine) and the ``.engine.onnx`` that it is built from, in half precision where that
    is asked; with ``wrap`` also the file for the other loader. Gives the engine's passport.

    Raises:
        ExportError: the network holds something that ONNX or TensorRT cannot express, or a range of shapes is
            missing, or does not fit.
        DeviceError: the flavour needs a GPU and there is none, or does not know the one that was named.
        MissingPackageError: the flavour is not installed.
    """
    asked = prepared.options.tensorrt
    engines.choose(asked.flavour, asked.gpus)  # before the minutes that the ONNX may take
    profile = profile_of(prepared.spec.inputs, prepared.options)
    model = graph(prepared)
    kept = path.with_name(path.stem + KEPT)
    onnx.save(_without_notes(model), kept)
    onnx.checker.check_model(kept, full_check=True)
    built, passport = engine.build(
        kept,
        asked,
        profile,
        prepared.on_progress,
        lambda name: where(model, name),
        precision=prepared.options.precision,
    )
    path.write_bytes(built)
    details = engines.details(passport)
    if prepared.options.precision == "fp16":
        details["packages"] = (*TARGETS["tensorrt"].packages, "onnxruntime")
    if asked.wrap is not None:
        wrapped = path.with_name(path.stem + WRAPPED)
        plugins.load(f"posedeploy.convert.{asked.wrap}:wrap")(built, prepared.spec, wrapped)
        details["wrapped"] = wrapped.name
    return details


def profile_of(inputs: tuple[TensorSpec, ...], options: ExportOptions) -> dict[str, Shapes]:
    """The range of every dynamic input, by its name.

    Raises:
        ExportError: one is missing, or does not fit the input.
    """
    asked = options.tensorrt
    free = {tensor.name: tensor for tensor in inputs if tensor.is_dynamic}
    sides = {"--min": asked.smallest, "--opt": asked.usual, "--max": asked.largest}
    if not free:
        if given := [side for side, shapes in sides.items() if shapes]:
            raise ExportError(
                f"{' and '.join(given)}: no input has free axes; give --dynamic too, or leave them out"
            )
        return {}
    if any(not shapes for shapes in sides.values()):
        raise ExportError(
            "--dynamic: TensorRT tunes an engine for a range of shapes; give --min, --opt and --max for "
            f"{', '.join(map(str, free.values()))}"
        )
    _check_names(sides, free)
    return {name: _shapes(tensor, sides) for name, tensor in free.items()}


def _check_names(sides: Sides, free: Mapping[str, TensorSpec]) -> None:
    """Every shape that was given must be that of an input with free axes."""
    for side, shapes in sides.items():
        for name in shapes:
            if name not in free and (name or len(free) > 1):
                raise ExportError(
                    f"{side} {name or 'without a name'}: the inputs with free axes are {', '.join(free)}; "
                    "write NAME:SHAPE, with commas between"
                )


def _shapes(tensor: TensorSpec, sides: Sides) -> Shapes:
    found = []
    for side, shapes in sides.items():
        shape = shapes.get(tensor.name) or shapes.get("")
        if shape is None or not tensor.accepts(shape) or min(shape) < 1:
            given = "x".join(map(str, shape)) if shape else "nothing"
            raise ExportError(
                f"{side}: given is {given} for the input {tensor}; wanted a shape that it can have"
            )
        found.append(shape)
    smallest, usual, largest = found
    for low, middle, high in zip(*found, strict=True):
        if not low <= middle <= high:
            raise ExportError(
                f"--min, --opt and --max of {tensor.name}: no axis may be longer in an earlier one than in a "
                f"later, and one goes {low}, {middle}, {high}"
            )
    return Shapes(smallest, usual, largest)


def _without_notes(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without the exporter's notes, which hold paths of this machine."""
    copied = onnx.ModelProto()
    copied.CopyFrom(model)
    for node in copied.graph.node:
        del node.metadata_props[:]
    return copied
