"""``posedeploy inspect``: show the content of a checkpoint or a model file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from posedeploy import files, manifest, plugins
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import check_weights_and_stages, is_checkpoint, open_with_args
from posedeploy.backends import bytes_of
from posedeploy.commands.budget_tables import budget_lines
from posedeploy.console.output import out, show, show_spinner, write_json
from posedeploy.console.tables import create_table, format_runtime, format_size, tensors_table
from posedeploy.families import has_decoding
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.layer_counts import details_of, recorded_layers
from posedeploy.model_urls import is_model_url, to_path
from posedeploy.own_keypoints import count_limbs
from posedeploy.printable import listed, printable
from posedeploy.runtimes.isolated import RunnerReport, describe_in_child
from posedeploy.runtimes.load_runner import devices_of, open_runner, resolve_spec
from posedeploy.types import Artifact, Fit, Model, ModelSpec, Provenance, RunOptions, Weights

FITS: dict[Fit, str] = {
    "pad": "height {0.height}, pad to multiples of {0.multiple}",
    "crop": "height {0.height}, crop to multiples of {0.multiple}",
    "box": "{0.height}x{0.width}, a person's box enlarged {0.margin:g} times",
    "center": "{0.height}x{0.width}, the whole image, or a person's box enlarged {0.margin:g} times",
    "affine": "{0.height}x{0.width}, a person's box enlarged {0.margin:g} times, as in MMPose",
    "affine-udp": "{0.height}x{0.width}, a person's box enlarged {0.margin:g} times, as in MMPose with UDP",
    "letterbox": "{0.height}x{0.width}, the whole image, centered on padding",
    "letterbox-corner": "{0.height}x{0.width}, the whole image in the top left corner, on padding",
}
"""Descriptions of the contract's ``fit``."""


def run(path: Path, args: ModelArgs, json: Path | None) -> None:
    """Show the content of a file.

    A model file is also loaded in a child process, so that a crash of its runtime becomes an error.
    """
    path = to_path(path)
    with show_spinner(f"reading {path}"):
        if is_checkpoint(path):
            facts, spec, tensors = _checkpoint(path, args)
        else:
            facts, spec = _artifact(path, args)
            tensors = []
    _show(path, facts, spec, tensors)
    if json is not None:
        document = {"format": "posedeploy.inspect", "version": 1, "path": str(path)}
        write_json(json, document | {"facts": facts, "spec": msgspec.to_builtins(spec), "tensors": tensors})


def _checkpoint(path: Path, args: ModelArgs) -> tuple[dict[str, Any], ModelSpec, list[list[str]]]:
    model: Model = plugins.load("posedeploy.api.load_checkpoint:open_pytorch_model")(path, args)
    tensors = [
        [tensor.name, "x".join(map(str, tensor.shape)) or "scalar", tensor.dtype]
        for tensor in model.checkpoint_tensors
    ]
    facts = {
        "file": format_size(files.size(path)) if model.source else "part of posedeploy",
        "sha256": model.sha256,
        **(_weights(model.weights) if model.weights else {}),
        **({"refinement stages": str(model.stages)} if model.stages else {}),
        "parameters": f"{sum(parameter.numel() for parameter in model.module.parameters()):,}",
        "tensors": str(len(tensors)),
    }
    return facts, model.spec, tensors


def _weights(weights: Weights) -> dict[str, str]:
    """Return the location of the weights in the checkpoint, without empty rows."""
    prefix = [weights.prefix] if weights.prefix else []
    facts = {
        "weights key": "top level" if weights.key == "." else weights.key,
        "unused keys": listed(weights.unused_keys) or "none",
        "prefix": ", ".join([*prefix, *weights.wrappers]),
        "whole module": f"{weights.module}, read without running its code" if weights.module else "",
        "archive": ", in ".join(reversed(weights.archives)),
        "alternatives": listed(weights.alternatives),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _artifact(path: Path, args: ModelArgs) -> tuple[dict[str, Any], ModelSpec]:
    check_weights_and_stages(path, args)
    artifact: Artifact = open_with_args(path, args)
    spec, runs = artifact.spec, {}
    is_served = is_model_url(path)
    devices = ("cpu",) if is_served else devices_of(artifact)
    if artifact.provenance is None or "cpu" in devices:
        device = "cpu" if "cpu" in devices else devices[0]
        options = RunOptions(device)
        report = _describe_served(artifact) if is_served else describe_in_child(artifact, options)
        spec = resolve_spec(artifact, report)
        runs = {"runs on": format_runtime(report.runtime_info), **report.runtime_info.details}
    facts = {
        "target": artifact.target,
        "file": "on a server" if is_served else format_size(bytes_of(artifact)),
        "precision": artifact.precision,
        **({"inference precision": artifact.inference_precision} if artifact.inference_precision else {}),
        **({"calibration": str(artifact.calibration)} if artifact.calibration else {}),
        **({"budget": "; ".join(budget_lines(artifact.budget))} if artifact.budget else {}),
        **({"recovery": str(artifact.recovery)} if artifact.recovery else {}),
        **_manifest_location(path),
        **{name: _format_detail(value) for name, value in artifact.details.items() if value},
        **details_of(recorded_layers(artifact)),
        **runs,
    }
    return facts | (_provenance(artifact.provenance) if artifact.provenance else {"manifest": "none"}), spec


def _describe_served(artifact: Artifact) -> RunnerReport:
    with open_runner(artifact, RunOptions()) as runner:
        return RunnerReport(runner.inputs, runner.outputs, runner.runtime_info)


def _manifest_location(path: Path) -> dict[str, str]:
    """Return the location of the manifest, unless it is the default one."""
    location = manifest.locate(path)
    return {} if location in ("", manifest.path_of(path).name) else {"manifest": location}


def _format_detail(detail: Any) -> str:
    """Return a detail in words: a list of sizes such as ``1x3x256x456``, a table as pairs."""
    if isinstance(detail, dict):
        return ", ".join(f"{name} {_format_detail(value)}" for name, value in detail.items() if value)
    if isinstance(detail, list):
        mark = "x" if all(type(item) is int for item in detail) else ", "
        return mark.join(map(_format_detail, detail))
    return str(detail)


def _provenance(recorded: Provenance) -> dict[str, Any]:
    return {
        "checkpoint": recorded.checkpoint or "the built-in sample",
        "weights sha256": recorded.checkpoint_sha256,
        **(_weights(recorded.weights) if recorded.weights else {}),
        "network": recorded.network or "published",
        **({"refinement stages": str(recorded.stages)} if recorded.stages else {}),
        **({"mesh": recorded.mesh, "triangles sha256": recorded.mesh_sha256} if recorded.mesh else {}),
        "created": recorded.created,
        "packages": ", ".join(f"{name} {version}" for name, version in recorded.packages.items()),
        "options": ", ".join(f"{name}={value}" for name, value in recorded.options.items()),
    }


def _show(path: Path, facts: dict[str, Any], spec: ModelSpec, tensors: list[list[str]]) -> None:
    table = Table.grid(padding=(0, 2))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    contract = spec.contract
    rows = {"family": spec.family, "variant": spec.variant} | facts
    if contract is not None:
        rows |= {
            "image": f"{contract.color_order}, (value - {_format(contract.mean)}) / {_format(contract.std)}",
            "size": FITS[contract.fit].format(contract),
            "embedded": ", ".join(contract.embedded) or "nothing: the caller prepares the image",
        }
    if spec.joints is not None:
        rows["joints"] = f"2D joints of {spec.joints.joint_set}, normalized per person"
    rows["keypoints"] = (
        f"{len(spec.keypoint_names)}: {' '.join(spec.keypoint_names)}" if spec.keypoint_names else "unknown"
    )
    if limbs := _limbs(spec):
        rows["limbs"] = limbs
    if spec.decoding:
        rows["decoding"] = ", ".join(
            f"{name} {_format_option(value)}" for name, value in spec.decoding.items()
        )
    rows["unit"] = spec.unit
    for name, value in rows.items():
        table.add_row(name, escape(value))
    out.print(printable(str(path)), style="bold", markup=False, soft_wrap=True)
    show(table, tensors_table(spec))
    if tensors:
        weights = create_table("Weights", ["name", "shape", "type"])
        for row in tensors:
            weights.add_row(*map(escape, row))
        show(weights)


def _format_option(value: object) -> str:
    return "[" + " ".join(map(str, value)) + "]" if isinstance(value, list | tuple) else str(value).lower()


def _limbs(spec: ModelSpec) -> str | None:
    """Return the limbs of a network with part affinity fields, by the names of their ends."""
    count = count_limbs(spec) if has_decoding(spec.family) else None
    if count is None:
        return None
    if spec.limbs:
        names = [spec.keypoint_names[joint] for joint in spec.heatmap_joints] or spec.keypoint_names
        return f"{len(spec.limbs)}: " + " ".join(f"{names[a.start]}-{names[a.end]}" for a in spec.limbs)
    missing = find_missing_description(spec)
    return f"{count}, not described: {missing}" if missing else f"{count}, as published"


def _format(values: tuple[float, float, float]) -> str:
    return (
        f"{values[0]:g}" if len(set(values)) == 1 else "(" + ", ".join(f"{value:g}" for value in values) + ")"
    )
