"""Rebuild an engine from its ONNX file, without PyTorch."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from posedeploy import files, manifest
from posedeploy.backends import TARGETS
from posedeploy.errors import ArtifactError
from posedeploy.tensorrt.build_info import RTX_CAPABILITIES, BuildInfo, build_info_of, to_details
from posedeploy.tensorrt.builder import build
from posedeploy.tensorrt.libraries import LIBRARIES
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, OnProgress, Provenance


def rebuild(artifact: Artifact, options: TensorRtOptions, on_progress: OnProgress) -> Artifact:
    """Rebuild an engine in place. Options that are not set come from its build info, except that a library
    that builds on the GPU builds for the GPU of this machine.

    Raises:
        ArtifactError: the ONNX file is missing, or is not the one that the engine was built from.
        ExportError, DeviceError, MissingPackageError: as ``build`` raises them.
        OutputError: the folder cannot be written.
    """
    info = build_info_of(artifact)
    if info is None:
        raise ArtifactError(
            f"{artifact.path}: a third-party engine, which has no ONNX file to rebuild it from; export the "
            "network"
        )
    graph = _find_graph(artifact.path, info)
    options = replace(
        options,
        library=options.library or info.library,
        gpus=options.gpus or _recorded_gpus(info, options.library or info.library),
        workspace_mib=options.workspace_mib or info.workspace_mib,
    )
    engine, built = build(graph, options, info.profile, on_progress, precision=info.precision)
    if built.onnx_sha256 != info.onnx_sha256:
        raise ArtifactError(f"{graph}: the file changed during reading; run the command again")
    sidecars = TARGETS["tensorrt"].sidecar_names(artifact.path.stem)  # a renamed engine has other sidecars
    with files.staged(artifact.path.parent) as stage:
        path = stage / artifact.path.name
        path.write_bytes(engine)
        rebuilt = replace(
            artifact,
            files={path.name: files.sha256(path)},
            details=to_details(built),
            sidecars={name: artifact.sidecars[name] for name in sidecars if name in artifact.sidecars},
            provenance=_updated_provenance(artifact, options),
        )
        manifest.write(rebuilt, stage)
    return rebuilt


def _recorded_gpus(info: BuildInfo, library: str) -> tuple[str, ...]:
    """Return the GPUs that the engine was built for, if the same library can build for named ones."""
    if library != info.library or info.compute_capabilities == RTX_CAPABILITIES:
        return ()
    if library not in LIBRARIES or not LIBRARIES[library].builds_without_gpu:
        return ()
    return tuple(name.rstrip("+") for name in info.compute_capabilities)


def _find_graph(engine: Path, info: BuildInfo) -> Path:
    """Return the ONNX file of an engine, under its recorded name or renamed with the engine."""
    names = dict.fromkeys((info.onnx, f"{engine.name}.onnx"))
    existing = [path for path in map(engine.with_name, names) if path.is_file()]
    if not existing:
        raise ArtifactError(
            f"{engine}: the ONNX file that it was built from, {' or '.join(names)}, is missing in its "
            "folder; copy it there, or export the network again"
        )
    for path in existing:
        if files.sha256(path) == info.onnx_sha256:
            return path
    raise ArtifactError(
        f"{existing[0]}: not the ONNX file that {engine.name} was built from (its SHA-256 differs); export "
        "the network again"
    )


def _updated_provenance(artifact: Artifact, options: TensorRtOptions) -> Provenance | None:
    """Return the artifact's provenance with the options of this build."""
    if artifact.provenance is None:
        return None
    fields = ("library", "gpus", "workspace_mib", "timing_cache")
    changed = {name: str(getattr(options, name)) for name in fields}
    return replace(artifact.provenance, options={**artifact.provenance.options, **changed})
