"""``posedeploy engine``: TensorRT engines built again, and taken out of torch2trt's files."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files, manifest, plugins
from posedeploy.console.output import advancing, say, show, warn
from posedeploy.console.tables import artifacts_table
from posedeploy.console.tensorrt_options import tell
from posedeploy.errors import InputError
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.tensorrt.rebuild import rebuild


def rebuild_engine(path: Path, asked: TensorRtOptions) -> None:
    """Build an engine again, in its place, and show it."""
    if not path.name:
        raise InputError(f"{path}: a folder, not a TensorRT engine; name the .engine file")
    artifact = manifest.read_recorded(path)
    if artifact.target != "tensorrt":
        raise InputError(f"{path}: a file of {artifact.target}, not a TensorRT engine; export it again")
    before = build_info_of(artifact)
    with advancing(f"building {path}") as on_progress:
        made = rebuild(artifact, asked, on_progress)
    say(f"wrote {path} and {manifest.path_of(path).name}")
    tell(made)
    if before is not None and before.wrapped:
        warn(f"{path.with_name(before.wrapped)} still holds the engine of before; export again with --wrap")
    show(artifacts_table([made]))


def unwrap_engine(path: Path, folder: Path) -> None:
    """Write the engine in a torch2trt file as ``STEM.engine`` into ``folder``, and say what is in it."""
    wrapped = plugins.load("posedeploy.tensorrt.torch2trt:read")(path)
    name = f"{path.stem}.engine"
    if manifest.has_one(folder / name):
        raise InputError(
            f"{folder / name}: an engine with a manifest, which would not fit this one; name another folder "
            "with -o"
        )
    with files.staged(folder) as stage:
        (stage / name).write_bytes(wrapped.engine)
    say(f"wrote {folder / name}")
    say(f"its inputs: {', '.join(wrapped.inputs)}; its outputs: {', '.join(wrapped.outputs)}")
    say("it has no manifest: describe it with --family or --contract when it is run")
