"""Options of an export, by target."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, TypeAlias

import typer

ONNX, TENSORRT, TFLITE, AOTI = "ONNX", "TensorRT", "TFLite", "AOTInductor"
"""The panels of the targets."""

ExportPrecisionName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="Precision of the model: fp32, fp16, bf16, int8 or mixed. Inputs and outputs stay FP32.",
    ),
]
Calibration: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIR|VIDEO|FILE",
        help="Images for the calibration of an int8 or mixed model. Repeat the option for several sources.",
        show_default="synthetic people",
    ),
]
CalibrationImages: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="The maximum number of these images, evenly spaced.", show_default="128"),
]
ExportBudget: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="LIMIT",
        help="Limit the differences of poses from PyTorch: 1px, 0.5mm, 0.99oks or 2%, as in parity. Layers "
        "are put back to floating point until the poses are within them, or the export fails. Repeatable.",
    ),
]
BudgetImages: TypeAlias = Annotated[
    list[Path] | None,
    typer.Option(
        metavar="FILE|DIR",
        help="Images of people to measure the poses on, for --budget and --recover. Repeatable.",
        show_default="a quarter of the calibration images",
    ),
]
BudgetMinutes: TypeAlias = Annotated[
    float,
    typer.Option(
        metavar="MINUTES",
        help="End the search for layers after this time, with the best choice until then.",
    ),
]
Recover: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="MINUTES",
        help="Train the weights of an int8 or mixed model for this time, on the calibration images without "
        "labels, to bring it closer to PyTorch.",
    ),
]
RecoverSteps: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="End the training of --recover after this number of steps, which gives the same weights "
        "each time.",
    ),
]
Opset: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="The opset of the .onnx file, which is then run and compared with PyTorch.",
        show_default="18",
        rich_help_panel=ONNX,
    ),
]
TrtLibrary: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--trt-library",
        metavar="NAME",
        help="tensorrt or tensorrt-rtx.",
        show_default="the installed one",
        rich_help_panel=TENSORRT,
    ),
]
Gpus: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--gpu",
        metavar="sm86,...",
        help="The GPUs to build for, with tensorrt-rtx. This machine needs none.",
        rich_help_panel=TENSORRT,
    ),
]
MinShapes: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SHAPE",
        help="With --dynamic: the smallest input shape, such as 1x3x256x256.",
        rich_help_panel=TENSORRT,
    ),
]
OptShapes: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="SHAPE", help="With --dynamic: the shape to optimize for.", rich_help_panel=TENSORRT
    ),
]
MaxShapes: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="SHAPE", help="With --dynamic: the largest input shape.", rich_help_panel=TENSORRT),
]
TimingCache: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The file with layer timings to read and update, with tensorrt.",
        rich_help_panel=TENSORRT,
    ),
]
Workspace: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="MiB", help="The most memory that a layer may use as its workspace.", rich_help_panel=TENSORRT
    ),
]
Wrap: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="torch2trt",
        help="Also write the .pth file that TRTModule of torch2trt loads.",
        rich_help_panel=TENSORRT,
    ),
]
Converter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="litert-torch or onnx2tf (in an isolated environment).",
        show_default="litert-torch",
        rich_help_panel=TFLITE,
    ),
]
IoLayout: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="nchw|nhwc",
        help="The layout of the file's images and maps: channels first or last.",
        show_default="nchw",
        rich_help_panel=TFLITE,
    ),
]
Activations: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="int8|int16|dynamic",
        help="With --precision int8: the activations, with measured ranges or (dynamic) those of each run.",
        show_default="int8",
        rich_help_panel=TFLITE,
    ),
]
TimeLimit: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="The time limit of --converter onnx2tf.",
        show_default="3600",
        rich_help_panel=TFLITE,
    ),
]
