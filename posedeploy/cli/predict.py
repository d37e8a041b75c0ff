"""``posedeploy predict``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from posedeploy.console import common_options, model_options, parsing, people_options, ray_options
from posedeploy.console.output import show_progress

CAMERA = "Camera, for 3D networks"
JOINTS = "2D joints from a file"


def predict(
    model: Annotated[Path, typer.Argument(help="An artifact or a checkpoint.", show_default=False)],
    source: Annotated[
        str,
        typer.Argument(
            help="An image, a folder, a video, 'frames/%06d.png', 'photos/*.jpg', the URL of a stream, the "
            "number of a camera, or a file of 2D joints. With --ray, also a list of paths (.txt, .parquet) "
            "or a URL of object storage.",
            show_default=False,
        ),
    ],
    output: Annotated[
        Path, typer.Option("-o", "--output", help="The folder for pictures and poses.json.")
    ] = Path("poses"),
    device: common_options.Device = "cpu",
    threads: common_options.Threads = None,
    precision: common_options.PrecisionName = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", help="Also read the subfolders of a folder of images.")
    ] = False,
    draw: Annotated[
        bool, typer.Option(help="Write the pictures or the video; poses.json is always written.")
    ] = True,
    show: Annotated[
        bool | None,
        typer.Option(
            "--show/--no-show",
            show_default="for cameras, if a display exists",
            help="Also show the pictures in a window (q closes it).",
        ),
    ] = None,
    min_keypoints: Annotated[
        int | None,
        typer.Option(
            metavar="N", help="Leave out people with fewer keypoints.", rich_help_panel=people_options.PEOPLE
        ),
    ] = None,
    min_score: Annotated[
        float | None,
        typer.Option(
            metavar="X", help="Leave out people with a lower score.", rich_help_panel=people_options.PEOPLE
        ),
    ] = None,
    refine: common_options.Refine = False,
    fps: Annotated[
        float | None,
        typer.Option(
            metavar="N",
            help="Frames per second of images, of joints with --sequence, and of formats without times. "
            "Turns a folder of images into a video.",
        ),
    ] = None,
    track: Annotated[bool, typer.Option(help="Track people in a video by ids; smoothing needs them.")] = True,
    smooth: Annotated[bool, typer.Option(help="Smooth the keypoints of a video (one-euro filter).")] = True,
    fx: Annotated[
        float | None,
        typer.Option(
            metavar="PX",
            help="The focal length.",
            show_default="0.8 x image width",
            rich_help_panel=CAMERA,
        ),
    ] = None,
    extrinsics: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="JSON with R and t (cm), world to camera; positions are then in world coordinates.",
            rich_help_panel=CAMERA,
        ),
    ] = None,
    boxes: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The boxes of people, for single-person networks (docs/joints-and-boxes.md).",
            rich_help_panel=people_options.PEOPLE,
        ),
    ] = None,
    box_format: Annotated[
        str | None,
        typer.Option(
            metavar="xywh|xyxy|cxcywh|yolo",
            help="The format of the boxes.",
            show_default="that of the file",
            rich_help_panel=people_options.PEOPLE,
        ),
    ] = None,
    box_label: Annotated[
        str | None,
        typer.Option(
            metavar="LABEL",
            help="The label of boxes of people.",
            show_default="person",
            rich_help_panel=people_options.PEOPLE,
        ),
    ] = None,
    box_score: Annotated[
        float | None,
        typer.Option(
            metavar="MIN", help="The minimum score of boxes.", rich_help_panel=people_options.PEOPLE
        ),
    ] = None,
    height: common_options.Height = None,
    detector: people_options.Detector = None,
    detector_spec: people_options.DetectorSpec = None,
    joints: Annotated[
        str | None,
        typer.Option(
            metavar="SET",
            help="The joint set of the file, such as coco or body25 (docs/joints-and-boxes.md).",
            show_default="that of the file or network",
            rich_help_panel=JOINTS,
        ),
    ] = None,
    sequence: Annotated[
        bool,
        typer.Option(
            "--sequence", help="The joints are a sequence of frames in time.", rich_help_panel=JOINTS
        ),
    ] = False,
    joints_key: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The name of the array in a file with several.", rich_help_panel=JOINTS
        ),
    ] = None,
    image_size: Annotated[
        str | None,
        typer.Option(
            metavar="HxW", help="The size of the image in px, for joints from 0 to 1.", rich_help_panel=JOINTS
        ),
    ] = None,
    runtime: common_options.RuntimeName = None,
    family: model_options.FamilyName = None,
    network: model_options.Network = None,
    stages: model_options.StagesText = None,
    mesh: model_options.Mesh = None,
    weights: model_options.WeightsKey = None,
    mesh_format: Annotated[
        str, typer.Option(metavar="obj|glb", help="With --mesh: the file format of the meshes.")
    ] = "obj",
    contract: model_options.Contract = None,
    ray: ray_options.Ray = None,
    resume: ray_options.Resume = False,
    shard_size: ray_options.ShardSize = None,
    workers: ray_options.Workers = None,
    poses_json: ray_options.PosesJson = False,
) -> None:
    """Estimate poses in images, videos or a camera; write pictures with skeletons and poses.json.

    Example: posedeploy predict out/human.xml photo.jpg -o poses/
    """
    from posedeploy.api.person_sources import PersonArgs
    from posedeploy.api.writing_poses import PredictSettings, write_poses
    from posedeploy.commands import predict as command
    from posedeploy.predict.box_files.box_content import BoxOptions
    from posedeploy.predict.joint_files.joint_source import JointsOptions
    from posedeploy.predict.threshold import Threshold

    size = parsing.parse_size(image_size, "--image-size")
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
            BoxOptions(command.parse_box_format(box_format), box_label, box_score),
            Threshold(min_keypoints, min_score),
        ),
        mesh_format=command.parse_mesh_format(mesh_format),
        fps=fps,
        joints=JointsOptions(joints, sequence, key=joints_key, image_size=size),
        recursive=recursive,
        refine=refine,
    )
    ray_settings = ray_options.to_settings(
        ray, resume=resume, shard_size=shard_size, workers=workers, poses_json=poses_json
    )
    with show_progress() as on_progress:
        arguments: dict[str, Any] = {
            "device": device,
            "precision": precision,
            "threads": threads,
            "runtime": runtime,
            "on_progress": on_progress,
            **model_options.model_keywords(family, network, contract, mesh, stages, weights, height),
        }
        if ray_settings is not None:
            from posedeploy.commands.predict_shards import show_shards
            from posedeploy.scaling.predicting import write_pose_shards

            shards = write_pose_shards(model, source, output, settings, ray_settings, **arguments)
        else:
            result = write_poses(model, source, output, settings, **arguments)
    if ray_settings is not None:
        show_shards(shards)
        raise typer.Exit(1 if shards.problems else 0)
    command.show_prediction(result)
    raise typer.Exit(1 if result.problems else 0)
