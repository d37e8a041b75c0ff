"""``posedeploy predict``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from posedeploy.console import options as shared
from posedeploy.console.output import advancing


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
    device: shared.Device = "cpu",
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
    from posedeploy.api.person_sources import PersonArgs
    from posedeploy.api.writing_poses import PredictSettings, write_poses
    from posedeploy.commands import predict as command
    from posedeploy.predict.box_files.box_content import BoxOptions
    from posedeploy.predict.joint_files.joint_source import JointsOptions
    from posedeploy.predict.threshold import Threshold

    size = shared.parse_size(image_size, "--image-size")
    settings = PredictSettings(
        show=show,
        draw=draw,
        track=track,
        smooth=smooth,
        fx=fx,
        extrinsics=extrinsics,
        persons=PersonArgs(
            boxes,
            detector,
            detector_spec,
            BoxOptions(command.box_format(box_format), box_label, box_score),
            Threshold(min_keypoints, min_score),
        ),
        mesh_format=command.mesh_format(mesh_format),
        fps=fps,
        joints=JointsOptions(joints, sequence, key=joints_key, image_size=size),
        recursive=recursive,
    )
    with advancing() as on_progress:
        result = write_poses(
            model,
            source,
            output,
            settings,
            device=device,
            precision=precision,
            threads=threads,
            runtime=runtime,
            on_progress=on_progress,
            **shared.model_keywords(family, network, contract, mesh, stages, weights, height),
        )
    command.show_prediction(result)
    raise typer.Exit(1 if result.problems else 0)
