"""The options that several commands share."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias, TypeVar

import typer

from posedeploy.errors import InputError
from posedeploy.types import Precision, StageCount

if TYPE_CHECKING:
    from posedeploy.api.model_args import ModelKeywords

Choice = TypeVar("Choice")
ARTIFACTS = Path("artifacts")
"""The default folder of artifacts."""

MODEL = "Model"
"""The panel of the options that describe the model."""
PEOPLE = "People"
"""The panel of the options that say who is in an image."""
ONNX, TENSORRT, TFLITE, AOTI = "ONNX", "TensorRT", "TFLite", "AOTInductor"
"""The panels of the options of one target."""

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
    Precision,
    typer.Option(
        "--precision",
        help="The precision of the arithmetic; auto leaves it to the runtime. Quantized models keep theirs.",
    ),
]
FamilyName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--family",
        metavar="NAME",
        help="The network's name, if the file does not determine it; `posedeploy families` lists them.",
        rich_help_panel=MODEL,
    ),
]
Network: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="FILE.py:FUNCTION",
        help="Your own network. This EXECUTES the Python file.",
        rich_help_panel=MODEL,
    ),
]
Mesh: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The triangles of the mesh of pose2mesh or gtrs: .npy, .npz, .obj or .pkl.",
        rich_help_panel=MODEL,
    ),
]
StagesText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="N|all",
        help="The number of refinement stages of lightweight-openpose-2d to use.",
        show_default="1, as published",
        rich_help_panel=MODEL,
    ),
]
WeightsKey: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="KEY",
        help="The weights to use if the checkpoint holds several, such as state_dict_ema.",
        show_default="as the published code",
        rich_help_panel=MODEL,
    ),
]
Refine: TypeAlias = Annotated[
    bool,
    typer.Option(
        "--refine",
        help="Place keypoints between the cells of the heatmaps. Published results are without this.",
    ),
]
Detector: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="The model that finds the people, for networks of one person or on 2D joints.",
        rich_help_panel=PEOPLE,
    ),
]
DetectorSpec: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml", help="The description of a third-party --detector.", rich_help_panel=PEOPLE
    ),
]
Contract: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help="The description of your own keypoints, or of a third-party model.",
        rich_help_panel=MODEL,
    ),
]
Json: TypeAlias = Annotated[
    Path | None,
    typer.Option("--json", metavar="FILE", help="Also write the result, raw data included, as JSON."),
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
InputSize: TypeAlias = Annotated[
    str | None, typer.Option(metavar="HxW", help="Height and width of the network's input, such as 256x456.")
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
TimeLimit: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="The time limit of --converter onnx2tf.",
        show_default="3600",
        rich_help_panel=TFLITE,
    ),
]
Checkpoint: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.pth",
        help="The checkpoint to compare with.",
        show_default="the one in the manifest",
        rich_help_panel=MODEL,
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
ExportPrecisionName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="fp32, fp16, bf16, int8 or mixed. Softmaxes, normalizations, sums, inputs and outputs are FP32.",
    ),
]
Calibration: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="DIR|VIDEO|FILE",
        help="Images that an int8 or mixed model is calibrated with. Repeat the option for several sources.",
        show_default="synthetic people",
    ),
]
CalibrationImages: TypeAlias = Annotated[
    int | None,
    typer.Option(metavar="N", help="The most images to take of them, evenly spaced.", show_default="128"),
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


def parse_size(text: str | None, option: str = "--input-size") -> tuple[int, int] | None:
    """``256x456`` as (256, 456).

    Raises:
        InputError: it is written otherwise.
    """
    if text is None:
        return None
    height, cross, width = text.lower().partition("x")
    if not cross or not height.isdecimal() or not width.isdecimal():
        raise InputError(f"{option} {text}: expected HEIGHTxWIDTH in pixels, such as 256x456")
    return int(height), int(width)


def parse_stages(text: str | None) -> StageCount | None:
    """``2`` as 2, and ``all`` as it is.

    Raises:
        InputError: it is neither a number nor ``all``.
    """
    if text is None:
        return None
    if text.lower() == "all":
        return "all"
    if not text.isdecimal():
        raise InputError(f"--stages {text}: expected a number of refinement stages, such as 1, or all")
    return int(text)


def chosen(option: str, text: str, choices: Mapping[str, Choice]) -> Choice:
    """What the text means, by the names there are.

    Raises:
        InputError: it is none of them.
    """
    if text not in choices:
        raise InputError(f"{option} {text}: expected {' or '.join(choices)}")
    return choices[text]


def model_keywords(
    family: str | None,
    network: str | None,
    contract: Path | None,
    mesh: Path | None,
    stages: str | None,
    weights: str | None,
    height: int | None = None,
) -> ModelKeywords:
    """Return what a command was given about its model, as the library's calls take it.

    Raises:
        InputError: ``stages`` is neither a number nor ``all``.
    """
    return {
        "family": family,
        "network": network,
        "contract": contract,
        "mesh": mesh,
        "height": height,
        "stages": parse_stages(stages),
        "weights": weights,
    }
