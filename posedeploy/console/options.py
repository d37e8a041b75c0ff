"""The options that several commands share, each said once."""

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
"""Where artifacts go, and are looked for, unless the user says otherwise."""

Device: TypeAlias = Annotated[
    str,
    typer.Option(metavar="NAME", help="cpu, cuda, intel-gpu, npu or auto: never replaced by another."),
]
RuntimeName: TypeAlias = Annotated[
    str | None, typer.Option("--runtime", help="Run on this runtime, such as an ONNX file on openvino.")
]
Threads: TypeAlias = Annotated[
    int | None, typer.Option(help="CPU threads; one per physical core if not given.")
]
PrecisionName: TypeAlias = Annotated[
    Precision,
    typer.Option(
        "--precision",
        help="What the runtime computes a float32 file in; auto leaves it to the runtime. A quantized file "
        "runs as it is, and that is told.",
    ),
]
FamilyName: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--family", help="The network's name, where it is not told by the file: see `posedeploy families`."
    ),
]
Network: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="FILE.py:FUNCTION", help="Your own network. This RUNS that Python file."),
]
Mesh: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="The triangles of pose2mesh's mesh, and of what predict draws: .npy, .npz, .obj or .pkl.",
    ),
]
StagesText: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--stages",
        metavar="N|all",
        help="lightweight-openpose-2d: how many refinement stages of the checkpoint to use.",
        show_default="1, as published",
    ),
]
WeightsKey: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--weights",
        metavar="KEY",
        help="Which weights of a checkpoint that holds several, such as state_dict_ema.",
        show_default="those that the published code loads",
    ),
]
Detector: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="MODEL",
        help="Networks of one person or of joints: another model that finds the people first.",
    ),
]
DetectorSpec: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE.toml", help="Describes a --detector made by others, which has no manifest."),
]
Contract: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.toml",
        help="Names the keypoints and limbs of a network trained on its own set; or describes a third-party "
        "model, which has no manifest.",
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
        help="Scale images to this height, where the model leaves it free; larger finds more, slower.",
        show_default="the family's, 256",
    ),
]
InputSize: TypeAlias = Annotated[
    str | None, typer.Option(metavar="HxW", help="Height and width of the network's input, such as 256x456.")
]
Converter: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="litert-torch|onnx2tf", help="TFLite: what converts to it.", show_default="litert-torch"
    ),
]
IoLayout: TypeAlias = Annotated[
    str | None,
    typer.Option(
        metavar="nchw|nhwc",
        help="TFLite: how the file's own images and maps lie, channels first or last.",
        show_default="nchw",
    ),
]
TimeLimit: TypeAlias = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS", help="With --converter onnx2tf: how long it may take.", show_default="3600"
    ),
]
Checkpoint: TypeAlias = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE.pth", help="The checkpoint to compare with, in place of the one in the manifest."
    ),
]

Opset: TypeAlias = Annotated[
    int | None,
    typer.Option(
        metavar="N",
        help="ONNX: the opset of the .onnx file, checked in ONNX Runtime against PyTorch.",
        show_default="18",
    ),
]
TrtLibrary: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--trt-library",
        metavar="tensorrt|tensorrt-rtx",
        help="TensorRT: the library; the one that is installed if not given.",
        show_default=False,
    ),
]
Gpus: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--gpu", metavar="sm86,...", help="tensorrt-rtx: the GPUs to build for; none needs to be here."
    ),
]
ExportPrecisionName: TypeAlias = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="fp32|fp16|bf16",
        help="What to compute in. Softmaxes, normalizations and sums, inputs and outputs stay FP32.",
    ),
]
MinShapes: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="SHAPE", help="TensorRT, --dynamic: the smallest input, as 1x3x256x256."),
]
OptShapes: TypeAlias = Annotated[
    str | None, typer.Option(metavar="SHAPE", help="The same: the input to be fastest with.")
]
MaxShapes: TypeAlias = Annotated[
    str | None, typer.Option(metavar="SHAPE", help="The same: the largest input.")
]
TimingCache: TypeAlias = Annotated[
    Path | None,
    typer.Option(metavar="FILE", help="tensorrt: remembers what was timed; read, and written."),
]
Workspace: TypeAlias = Annotated[
    int | None, typer.Option(metavar="MiB", help="TensorRT: the most memory that a layer may use to work in.")
]
Wrap: TypeAlias = Annotated[
    str | None,
    typer.Option(metavar="torch2trt", help="TensorRT: also write the .pth that its TRTModule loads."),
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
        raise InputError(f"{option} {text}: wanted HEIGHTxWIDTH in pixels, such as 256x456")
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
        raise InputError(f"{option} {text}: wanted {' or '.join(choices)}")
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
