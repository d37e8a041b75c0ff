"""The command line: each command parses, calls one function of ``commands/`` and leaves the printing to it.

What a command needs is imported when it runs, so that ``--help`` loads no framework.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy import __version__
from posedeploy.backends import TARGETS
from posedeploy.cli_groups import engine, samples, toolchain
from posedeploy.console import options as shared
from posedeploy.console.error_handling import Boundary
from posedeploy.console.path_checks import CommandGroup

app = CommandGroup(
    cls=Boundary,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Takes a PyTorch human-pose checkpoint to any runtime and proves that the poses are still the same.",
)


def main() -> None:
    """Run the command line."""
    app()


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"posedeploy {__version__}")
        raise typer.Exit


@app.callback()
def start(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """Nothing but what holds for every command."""


@app.command()
def export(
    checkpoint: Annotated[
        Path | None, typer.Argument(help="Weights; the built-in sample if not given.")
    ] = None,
    to: Annotated[
        list[str] | None,
        typer.Option(metavar="|".join(TARGETS), help="A target; once for each.", show_default="openvino"),
    ] = None,
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for the artifacts.")
    ] = shared.ARTIFACTS,
    name: Annotated[
        str | None, typer.Option(help="What to call the artifacts; the checkpoint's name if not given.")
    ] = None,
    input_size: shared.InputSize = None,
    batch: Annotated[int, typer.Option(help="Images at once.")] = 1,
    dynamic: Annotated[
        bool,
        typer.Option("--dynamic", help="Leave batch, height and width free, where the network allows it."),
    ] = False,
    embed_preprocessing: Annotated[
        bool,
        typer.Option(
            "--embed-preprocessing", help="Raw uint8 BGR image in; mean, scale and colour order inside."
        ),
    ] = False,
    device: Annotated[
        str | None,
        typer.Option(metavar="CPU|cuda", help="What an aoti package is compiled for.", show_default="CPU"),
    ] = None,
    outputs: Annotated[
        str,
        typer.Option(metavar="all|last", help="Every published output, or only those that hold the poses."),
    ] = "all",
    precision: shared.ExportPrecisionName = "fp32",
    opset: shared.Opset = None,
    trt_library: shared.TrtLibrary = None,
    gpu: shared.Gpus = None,
    min_shapes: shared.MinShapes = None,
    opt_shapes: shared.OptShapes = None,
    max_shapes: shared.MaxShapes = None,
    workspace: shared.Workspace = None,
    timing_cache: shared.TimingCache = None,
    wrap: shared.Wrap = None,
    via: shared.Via = None,
    layout: shared.IoLayout = None,
    time_limit: shared.TimeLimit = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    contract: shared.Contract = None,
    weights: shared.WeightsKey = None,
) -> None:
    """Convert a checkpoint to other runtimes, with a manifest beside each file.

    Example: posedeploy export human.pth --to openvino --to onnx -o out/
    """
    from posedeploy.commands import export as command
    from posedeploy.console.load_model import Described
    from posedeploy.console.tensorrt_options import EngineFlags, engine_options
    from posedeploy.convert.export_options import AotiOptions, OnnxOptions

    targets = to or ["openvino"]
    engine = EngineFlags(trt_library, gpu, min_shapes, opt_shapes, max_shapes, timing_cache, workspace, wrap)
    command.check_flags(targets, "aoti", {"--device": device})
    command.check_flags(targets, "tensorrt", engine.by_name)
    command.check_flags(targets, "onnx", {"--opset": opset})
    command.check_flags(targets, "tflite", {"--via": via, "--layout": layout})
    command.run(
        checkpoint,
        targets,
        output,
        name,
        command.options(
            shared.parse_size(input_size),
            batch,
            dynamic,
            embed_preprocessing,
            outputs,
            precision,
            aoti=AotiOptions(device or "CPU"),
            onnx=OnnxOptions(opset),
            tensorrt=engine_options(engine),
            tflite=command.tflite_options(via, layout),
            toolchain=command.toolchain_options(via, time_limit),
        ),
        Described(family, network, contract, mesh, stages=shared.parse_stages(stages), weights=weights),
    )


@app.command()
def bench(
    models: Annotated[
        list[Path] | None, typer.Argument(help="Artifacts or checkpoints; all in ./artifacts if not given.")
    ] = None,
    device: shared.Device = "CPU",
    threads: shared.Threads = None,
    precision: shared.PrecisionName = "fp32",
    latency: Annotated[
        bool,
        typer.Option("--latency/--throughput", help="Tune for one image at a time, or for many in flight."),
    ] = True,
    runs: Annotated[
        int,
        typer.Option(help="Timed runs of each: p90 needs 100, p99 1000; with --throughput 10 times as many."),
    ] = 100,
    batch: Annotated[
        int | None, typer.Option(help="Images at once, where the model leaves that free.", show_default="1")
    ] = None,
    input_size: shared.InputSize = None,
    runtime: shared.RuntimeName = None,
    checkpoint: shared.Checkpoint = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    weights: shared.WeightsKey = None,
    contract: shared.Contract = None,
    json: shared.Json = None,
) -> None:
    """Time artifacts, all in the same rounds, with PyTorch on their checkpoint beside them.

    Example: posedeploy bench out/human.xml out/human.onnx --threads 2 --json bench.json
    """
    from posedeploy.commands import bench as command
    from posedeploy.console.load_model import Described

    command.run(
        models or [],
        shared.ARTIFACTS,
        shared.run_options(device, precision, threads, "latency" if latency else "throughput"),
        command.BenchOptions(runs, shared.parse_size(input_size), batch, runtime, checkpoint),
        Described(family, network, contract, mesh, stages=shared.parse_stages(stages), weights=weights),
        json,
    )


@app.command()
def parity(
    models: Annotated[list[Path], typer.Argument(help="Artifacts.", show_default=False)],
    images: Annotated[
        Path | None, typer.Option(help="Also compare on this image, or on the images of this folder.")
    ] = None,
    device: shared.Device = "CPU",
    threads: shared.Threads = None,
    precision: shared.PrecisionName = "fp32",
    max_relative: Annotated[
        float | None,
        typer.Option(
            help="Tolerance of an output's largest value; without it, 2 times the noise floor passes too.",
            show_default="1e-4 in fp32",
        ),
    ] = None,
    max_px: Annotated[
        float | None,
        typer.Option(
            help="Tolerance of keypoints at the 99th percentile, in px.", show_default="0.1 in fp32, else 1"
        ),
    ] = None,
    max_mm: Annotated[
        float | None,
        typer.Option(
            help="Tolerance of 3D joints and vertices at the 99th percentile, in mm.",
            show_default="1 in fp32, else 5",
        ),
    ] = None,
    noise_floor: Annotated[
        bool,
        typer.Option(help="Measure PyTorch's own noise also where the verdict does not need it."),
    ] = False,
    runtime: shared.RuntimeName = None,
    checkpoint: shared.Checkpoint = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    weights: shared.WeightsKey = None,
    contract: shared.Contract = None,
    json: shared.Json = None,
) -> None:
    """Compare artifacts with PyTorch, output by output and keypoint by keypoint; exit 1 where they differ.

    Example: posedeploy parity out/human.xml out/human.onnx --images photos/
    """
    from posedeploy.commands import parity as command
    from posedeploy.commands.parity_comparison import ParityOptions
    from posedeploy.console.load_model import Described

    same = command.run(
        models,
        shared.run_options(device, precision, threads),
        ParityOptions(images, checkpoint, runtime, max_relative, max_px, max_mm, noise_floor=noise_floor),
        Described(family, network, contract, mesh, stages=shared.parse_stages(stages), weights=weights),
        json,
    )
    raise typer.Exit(0 if same else 1)


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="An artifact or a checkpoint.", show_default=False)],
    source: Annotated[
        str,
        typer.Argument(
            help="An image, a folder, a video, 'frames/%06d.png', 'photos/*.jpg', a stream's URL, a camera "
            "number; or a file of 2D joints.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for pictures and poses.json.")
    ] = Path("poses"),
    device: shared.Device = "CPU",
    threads: shared.Threads = None,
    precision: shared.PrecisionName = "fp32",
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also read the folders inside a folder of images.")
    ] = False,
    draw: Annotated[
        bool, typer.Option(help="Write the pictures or the video; poses.json is always written.")
    ] = True,
    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--no-show",
            show_default="a camera's, where there is a display",
            help="Show the pictures in a window too (q leaves).",
        ),
    ] = None,
    min_keypoints: Annotated[
        int | None, typer.Option(metavar="N", help="Leave out people with fewer keypoints found.")
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(metavar="X", help="Leave out people with a lower score, as poses.json has it."),
    ] = None,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames per second of images and of formats without times; makes a video of a folder. "
            "Joints with --sequence: 30 if not given.",
        ),
    ] = None,
    track: Annotated[bool, typer.Option(help="Give the people of a video ids; smoothing needs them.")] = True,
    smooth: Annotated[bool, typer.Option(help="Smooth the keypoints of a video (one-euro filter).")] = True,
    fx: Annotated[
        float | None, typer.Option(help="3D: focal length in px.", show_default="0.8 x image width")
    ] = None,
    extrinsics: Annotated[
        Path | None,
        typer.Option(help="3D: JSON with R and t (cm), world to camera, to give world coordinates."),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="One-person networks: boxes as JSON, COCO, LabelMe, YOLO or CSV (docs/joints-and-boxes.md).",
        ),
    ] = None,
    box_format: Annotated[
        str | None,
        typer.Option(
            metavar="|".join(("xywh", "xyxy", "cxcywh", "yolo")),
            help="How boxes are written.",
            show_default="the file's",
        ),
    ] = None,
    box_label: Annotated[
        str | None,
        typer.Option(metavar="LABEL", help="The label of boxes of people.", show_default="person"),
    ] = None,
    box_score: Annotated[
        float | None, typer.Option(metavar="MIN", help="Use boxes of at least this score.")
    ] = None,
    height: shared.Height = None,
    detector: shared.Detector = None,
    detector_spec: shared.DetectorSpec = None,
    joints: Annotated[
        str | None,
        typer.Option(
            metavar="coco|openpose18|body25|...",
            help="2D joints from a file: their joint set (docs/joints-and-boxes.md lists all).",
            show_default="the file's, or the network's",
        ),
    ] = None,
    sequence: Annotated[
        bool, typer.Option("--sequence", help="2D joints from a file: its frames follow each other in time.")
    ] = False,
    joints_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="2D joints from a file of several arrays: which one.")
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(metavar="HxW", help="2D joints from 0 to 1: height and width of the image in px."),
    ] = None,
    runtime: shared.RuntimeName = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    weights: shared.WeightsKey = None,
    mesh_format: Annotated[
        str, typer.Option(metavar="obj|glb", help="With --mesh: what each person's mesh is written as.")
    ] = "obj",
    contract: shared.Contract = None,
) -> None:
    """Find the people in images, videos or a camera's view: pictures with skeletons, and poses.json.

    Example: posedeploy predict out/human.xml photo.jpg -o poses/
    """
    from posedeploy.commands import predict as command
    from posedeploy.console.load_model import Described
    from posedeploy.console.person_source import Where
    from posedeploy.predict.box_files.box_content import BoxOptions
    from posedeploy.predict.joint_files.joint_source import JointsOptions
    from posedeploy.predict.threshold import Threshold

    where = Where(
        boxes,
        detector,
        detector_spec,
        BoxOptions(command.box_format(box_format), box_label, box_score),
        Threshold(min_keypoints, min_score),
    )
    size = shared.parse_size(image_size, "--image-size")
    of_joints = JointsOptions(joints, sequence, key=joints_key, image_size=size)
    complete = command.run(
        model,
        source,
        output,
        shared.run_options(device, precision, threads),
        command.PredictSettings(
            show, draw, track, smooth, fx, extrinsics, runtime, where, mesh_format, fps, of_joints, recursive
        ),
        Described(
            family,
            network,
            contract,
            mesh,
            drawn=True,
            height=height,
            stages=shared.parse_stages(stages),
            weights=weights,
        ),
    )
    raise typer.Exit(0 if complete else 1)


@app.command()
def evaluate(
    annotations: Annotated[
        Path,
        typer.Option(metavar="FILE", help="Who is in the images, as COCO keypoints.", show_default=False),
    ],
    images: Annotated[
        Path, typer.Option(metavar="DIR", help="The folder of the images.", show_default=False)
    ],
    model: Annotated[
        Path | None, typer.Argument(help="An artifact or a checkpoint; the built-in sample if not given.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option(help="Only that many images, the first ones of the file.")
    ] = None,
    height: shared.Height = None,
    detector: shared.Detector = None,
    detector_spec: shared.DetectorSpec = None,
    device: shared.Device = "CPU",
    threads: shared.Threads = None,
    precision: shared.PrecisionName = "fp32",
    runtime: shared.RuntimeName = None,
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    weights: shared.WeightsKey = None,
    contract: shared.Contract = None,
    json: shared.Json = None,
) -> None:
    """Score a network on annotated images: COCO's keypoint AP and AR by OKS.

    Example: posedeploy evaluate human.xml --annotations coco.json --images coco/
    """
    from posedeploy.commands import evaluate as command
    from posedeploy.console.load_model import Described
    from posedeploy.console.person_source import Where

    command.run(
        model,
        annotations,
        images,
        shared.run_options(device, precision, threads, "throughput"),
        command.EvaluateOptions(limit, runtime, Where(None, detector, detector_spec)),
        Described(
            family, network, contract, height=height, stages=shared.parse_stages(stages), weights=weights
        ),
        json,
    )


@app.command()
def inspect(
    file: Annotated[Path, typer.Argument(help="A checkpoint or a model file.", show_default=False)],
    family: shared.FamilyName = None,
    network: shared.Network = None,
    stages: shared.StagesText = None,
    mesh: shared.Mesh = None,
    weights: shared.WeightsKey = None,
    contract: shared.Contract = None,
    json: shared.Json = None,
) -> None:
    """Show what a checkpoint or a model file is: family, tensors, contract, provenance.

    Example: posedeploy inspect out/human.xml
    """
    from posedeploy.commands import inspect as command
    from posedeploy.console.load_model import Described

    command.run(
        file,
        Described(family, network, contract, mesh, stages=shared.parse_stages(stages), weights=weights),
        json,
    )


@app.command()
def families(json: shared.Json = None) -> None:
    """List the networks that are known: joints, inputs, licences, where weights are published.

    Example: posedeploy families
    """
    from posedeploy.commands import families as command

    command.run(json)


@app.command()
def fetch(
    family: Annotated[str, typer.Argument(help="A family of `posedeploy families`.", show_default=False)],
    output: Annotated[Path, typer.Option("-o", "--output", help="The folder for the file.")] = Path(
        "checkpoints"
    ),
    url: Annotated[
        str | None, typer.Option(help="Fetch from here, in place of the published address.")
    ] = None,
) -> None:
    """Download a published checkpoint; resumes, records its hash, refuses a changed one.

    Example: posedeploy fetch lightweight-openpose-2d
    """
    from posedeploy.commands import fetch as command

    command.run(family, output, url)


@app.command()
def doctor(json: shared.Json = None) -> None:
    """Try every target and runtime here: each works, or what is missing and the command that installs it.

    Example: posedeploy doctor
    """
    from posedeploy.commands import doctor as command

    raise typer.Exit(0 if command.run(json) else 1)


for group in (engine, samples, toolchain):
    app.add_typer(group)
