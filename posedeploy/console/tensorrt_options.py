"""Parse the TensorRT options of an export, and print remarks on the engine."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from posedeploy.console.output import inform
from posedeploy.console.parsing import choose, is_number
from posedeploy.errors import InputError
from posedeploy.tensorrt.build_info import MAX_WORKSPACE_MIB, build_info_of
from posedeploy.tensorrt.options import TensorRtOptions, Wrap
from posedeploy.types import Artifact

WRAPS: dict[str, Wrap] = {"torch2trt": "torch2trt"}


@dataclass(frozen=True)
class EngineFlags:
    """The TensorRT options as text."""

    trt_library: str | None = None
    gpu: str | None = None
    min_shapes: str | None = None
    opt_shapes: str | None = None
    max_shapes: str | None = None
    timing_cache: Path | None = None
    workspace: int | None = None
    wrap: str | None = None

    @property
    def by_name(self) -> dict[str, object]:
        """The values by option; None if not passed."""
        return {f"--{field.name.replace('_', '-')}": getattr(self, field.name) for field in fields(self)}


def parse_engine_flags(flags: EngineFlags) -> TensorRtOptions:
    """Parse the TensorRT options.

    Raises:
        InputError: a value is invalid.
    """
    if flags.workspace is not None and not 1 <= flags.workspace <= MAX_WORKSPACE_MIB:
        raise InputError(f"--workspace {flags.workspace}: expected 1 to {MAX_WORKSPACE_MIB} MiB")
    return TensorRtOptions(
        flags.trt_library,
        parse_gpus(flags.gpu),
        _parse_shapes("--min-shapes", flags.min_shapes),
        _parse_shapes("--opt-shapes", flags.opt_shapes),
        _parse_shapes("--max-shapes", flags.max_shapes),
        flags.timing_cache,
        flags.workspace,
        None if flags.wrap is None else choose("--wrap", flags.wrap, WRAPS),
    )


def print_build_info(artifact: Artifact) -> None:
    """Print remarks on an engine; nothing for other targets."""
    info = build_info_of(artifact) if artifact.target == "tensorrt" else None
    if info is None:
        return
    built_for = ", ".join(info.compute_capabilities)
    inform(f"built with {info.builder} for compute capability {built_for}")
    inform(f"wrote {info.onnx}, for `posedeploy engine rebuild`")
    if info.wrapped:
        inform(f"wrote {artifact.path.with_name(info.wrapped)} for torch2trt's TRTModule")
        if info.library != "tensorrt":
            inform(
                f"torch2trt imports tensorrt, but this engine needs {info.library}; before importing "
                "torch2trt, run: import sys, tensorrt_rtx; sys.modules['tensorrt'] = tensorrt_rtx"
            )


def parse_gpus(text: str | None) -> tuple[str, ...]:
    """Parse compute capabilities such as ``sm86,sm120`` or ``8.6,12.0``.

    Raises:
        InputError: the text has another form.
    """
    if text is None:
        return ()
    capabilities = []
    for name in text.split(","):
        match = re.fullmatch(r"(?:sm_?)?(\d{1,2})\.?(\d)", name.strip().lower())
        if match is None:
            raise InputError(f"--gpu {text}: expected compute capabilities, such as sm86,sm120")
        capabilities.append(f"{match[1]}.{match[2]}")
    return tuple(dict.fromkeys(capabilities))


def _parse_shapes(flag: str, text: str | None) -> dict[str, tuple[int, ...]]:
    """Parse shapes by name, such as ``1x3x256x256`` or ``NAME:1x17x2,OTHER:1x4``."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in text.split(",") if text is not None else ():
        name, _, shape = part.strip().rpartition(":")
        lengths = shape.lower().split("x")
        if not all(map(is_number, lengths)) or name in shapes:
            raise InputError(
                f"{flag} {text}: expected a shape, such as 1x3x256x256, or NAME:SHAPE,NAME:SHAPE"
            )
        shapes[name] = tuple(int(length) for length in lengths)
    return shapes
