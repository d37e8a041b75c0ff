"""What the command line asks and says of TensorRT: the flags of an export, and what of an engine made."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields
from pathlib import Path

from posedeploy.console.options import chosen
from posedeploy.console.output import say
from posedeploy.errors import InputError
from posedeploy.tensorrt.build_info import MAX_WORKSPACE_MIB, build_info_of
from posedeploy.tensorrt.options import TensorRtOptions, Wrap
from posedeploy.types import Artifact

WRAPS: dict[str, Wrap] = {"torch2trt": "torch2trt"}


@dataclass(frozen=True)
class EngineFlags:
    """The flags as they are written."""

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
        """What was given, by the flag's name; None where it was not."""
        return {f"--{field.name.replace('_', '-')}": getattr(self, field.name) for field in fields(self)}


def engine_options(flags: EngineFlags) -> TensorRtOptions:
    """What the flags ask.

    Raises:
        InputError: one is written otherwise than it is to be.
    """
    if flags.workspace is not None and not 1 <= flags.workspace <= MAX_WORKSPACE_MIB:
        raise InputError(
            f"--workspace {flags.workspace}: expected MiB, at least 1 and at most {MAX_WORKSPACE_MIB}"
        )
    return TensorRtOptions(
        flags.trt_library,
        parse_gpus(flags.gpu),
        _shapes("--min-shapes", flags.min_shapes),
        _shapes("--opt-shapes", flags.opt_shapes),
        _shapes("--max-shapes", flags.max_shapes),
        flags.timing_cache,
        flags.workspace,
        None if flags.wrap is None else chosen("--wrap", flags.wrap, WRAPS),
    )


def tell(artifact: Artifact) -> None:
    """Say what else there is to know of an engine that was made."""
    info = build_info_of(artifact) if artifact.target == "tensorrt" else None
    if info is None:
        return
    built_for = ", ".join(info.compute_capabilities)
    say(f"built with {info.builder} for compute capability {built_for}")
    say(f"kept {info.onnx}, to build it again from")
    if info.wrapped:
        say(f"wrote {artifact.path.with_name(info.wrapped)} for torch2trt's TRTModule")
        if info.library != "tensorrt":
            say(
                f"torch2trt imports tensorrt, and this engine is of {info.library}; it finds that after: "
                "import sys, tensorrt_rtx; sys.modules['tensorrt'] = tensorrt_rtx"
            )


def parse_gpus(text: str | None) -> tuple[str, ...]:
    """``sm86,sm120`` or ``8.6,12.0`` as compute capabilities.

    Raises:
        InputError: it is written otherwise.
    """
    if text is None:
        return ()
    found = []
    for name in text.split(","):
        match = re.fullmatch(r"(?:sm_?)?(\d{1,2})\.?(\d)", name.strip().lower())
        if match is None:
            raise InputError(f"--gpu {text}: expected compute capabilities, as sm86,sm120")
        found.append(f"{match[1]}.{match[2]}")
    return tuple(dict.fromkeys(found))


def _shapes(flag: str, text: str | None) -> dict[str, tuple[int, ...]]:
    """``1x3x256x256``, or ``NAME:1x17x2,OTHER:1x4``, as shapes by name."""
    shapes: dict[str, tuple[int, ...]] = {}
    for part in text.split(",") if text is not None else ():
        name, _, shape = part.strip().rpartition(":")
        lengths = shape.lower().split("x")
        if not all(length.isdecimal() for length in lengths) or name in shapes:
            raise InputError(
                f"{flag} {text}: expected a shape, such as 1x3x256x256, or NAME:SHAPE with commas between"
            )
        shapes[name] = tuple(int(length) for length in lengths)
    return shapes
