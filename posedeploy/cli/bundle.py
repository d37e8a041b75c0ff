"""``posedeploy bundle``: its arguments and options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def bundle(
    artifact: Annotated[Path, typer.Argument(help="The model file, with its manifest.", show_default=False)],
    server: Annotated[
        str,
        typer.Option("--for", metavar="SERVER", help="triton, ovms or kserve.", show_default=False),
    ],
    output: Annotated[
        Path,
        typer.Option("-o", "--output", metavar="DIR", help="The new folder.", show_default=False),
    ],
    name: Annotated[
        str | None,
        typer.Option(
            metavar="NAME", help="The name of the model on the server.", show_default="that of the file"
        ),
    ] = None,
    device: Annotated[
        str | None,
        typer.Option(
            metavar="DEVICE",
            help="The device of the server: cpu or cuda; for ovms: cpu, intel-gpu, npu or auto.",
            show_default="cpu",
        ),
    ] = None,
    instances: Annotated[
        int, typer.Option(metavar="N", help="Copies of the network that run at the same time.")
    ] = 1,
    max_batch: Annotated[
        int,
        typer.Option(
            metavar="N",
            help="The largest batch that Triton forms from requests, if the batch is a dynamic axis; 0 "
            "switches dynamic batching off.",
        ),
    ] = 8,
    python_backend: Annotated[
        bool,
        typer.Option(
            "--python-backend",
            help="Let Triton run the network with posedeploy, for targets that Triton has no backend for.",
        ),
    ] = False,
    poses: Annotated[
        bool | None,
        typer.Option(
            "--poses/--no-poses",
            help="Add the model NAME_poses, which takes an image and returns poses.",
            show_default="added for triton",
        ),
    ] = None,
    storage_uri: Annotated[
        str | None,
        typer.Option(
            metavar="URI",
            help="For kserve: the location to which you copy the folder models, such as s3://bucket/human.",
            show_default=False,
        ),
    ] = None,
) -> None:
    """Write an artifact in the layout of a model server, with a config from its manifest.

    Example: posedeploy bundle out/human.onnx --for triton -o models/
    """
    from posedeploy.bundles.options import BundleOptions
    from posedeploy.commands import bundle as command

    options = BundleOptions(
        name=name,
        device=device,
        instances=instances,
        max_batch=max_batch,
        python_backend=python_backend,
        poses=poses,
        storage_uri=storage_uri,
    )
    command.run(artifact, server, output, options)
