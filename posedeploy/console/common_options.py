"""Options of how to run a model, and where to write the result."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

from posedeploy.types import Precision

ARTIFACTS = Path("artifacts")
"""The default folder of artifacts."""

Device: TypeAlias = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="cpu, cuda, intel-gpu, npu or auto. posedeploy never uses another device instead.",
    ),
]
RuntimeName: TypeAlias = Annotated[
    str | None,
    typer.Option("--runtime", metavar="NAME", help="The runtime to use, such as openvino for an .onnx file."),
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option(metavar="N", help="CPU threads.", show_default="one per physical core")
]
PrecisionName: TypeAlias = Annotated[
    Precision | None,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Precision of the arithmetic of all models: fp32, tf32, fp16, bf16, or auto for the choice of "
        "the runtime.",
        show_default="that of each file, or fp32",
    ),
]
InputSize: TypeAlias = Annotated[
    str | None, typer.Option(metavar="HxW", help="Height and width of the network's input, such as 256x456.")
]
Height: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="PX",
        help="Scale images to this height, if the model has dynamic axes. A larger height finds more people "
        "and takes longer.",
        show_default="that of the family",
    ),
]
Refine: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--refine",
        help="Place keypoints between the cells of the heatmaps. Published results do not use this.",
    ),
]
Json: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the result, raw data included, as JSON."),
]
