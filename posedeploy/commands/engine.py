"""``posedeploy engine``: rebuild TensorRT engines, and extract them from torch2trt files."""

from __future__ import annotations

from pathlib import Path

from posedeploy import files, manifest, plugins
from posedeploy.console.output import inform, show, show_progress, warn
from posedeploy.console.tables import artifacts_table
from posedeploy.console.tensorrt_options import print_build_info
from posedeploy.errors import InputError
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.tensorrt.rebuild import rebuild


def rebuild_engine(path: Path, options: TensorRtOptions) -> None:
    """Rebuild an engine, replace it and show it."""
    if not path.name:
        raise InputError(f"{path}: a folder, not a TensorRT engine; pass the .engine file")
    artifact = manifest.read_recorded(path)
    if artifact.target != "tensorrt":
        raise InputError(f"{path}: a file of {artifact.target}, not a TensorRT engine; export it again")
    before = build_info_of(artifact)
    with show_progress(f"building {path}") as on_progress:
        rebuilt = rebuild(artifact, options, on_progress)
    inform(f"wrote {path} and {manifest.path_of(path).name}")
    print_build_info(rebuilt)
    if before is not None and before.wrapped:
        warn(f"{path.with_name(before.wrapped)} still contains the old engine; export again with --wrap")
    show(artifacts_table([rebuilt]))


def unwrap_engine(path: Path, folder: Path) -> None:
    """Write the engine in a torch2trt file as ``STEM.engine`` into ``folder``, and print its tensors."""
    wrapped = plugins.load("posedeploy.tensorrt.torch2trt:read")(path)
    name = f"{path.stem}.engine"
    if manifest.has_manifest(folder / name):
        raise InputError(
            f"{folder / name}: an engine with a manifest, which would not match the new engine; pass another "
            "folder with -o"
        )
    with files.staged(folder) as stage:
        (stage / name).write_bytes(wrapped.engine)
    inform(f"wrote {folder / name}")
    inform(f"inputs: {', '.join(wrapped.inputs)}; outputs: {', '.join(wrapped.outputs)}")
    inform("the engine has no manifest; describe it with --family or --contract when you run it")
