"""Options for building a TensorRT engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, TypeAlias

from posedeploy.argument_types import check_fields

Wrap: TypeAlias = Literal["torch2trt"]


@check_fields
@dataclass(frozen=True)
class TensorRtOptions:
    """The options of a build.

    library: a name of ``libraries.LIBRARIES``, None for the installed one. gpus: compute capabilities to
    build for, such as ``8.6``; empty for the library's default. min_shapes, opt_shapes, max_shapes: the range
    of each dynamic input's shape by the input's name, "" for the only dynamic input. timing_cache: a file
    that is read if it exists, and written. workspace_mib: the memory limit of a layer besides its tensors.
    wrap: the loader to write another file for.
    """

    library: str | None = None
    gpus: tuple[str, ...] = ()
    min_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    opt_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    max_shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    timing_cache: Path | None = None
    workspace_mib: int | None = None
    wrap: Wrap | None = None
