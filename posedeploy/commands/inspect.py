"""``posedeploy inspect``: what a checkpoint or a model file is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
from rich.markup import escape
from rich.table import Table

from posedeploy import files, manifest, plugins
from posedeploy.api.model_args import ModelArgs
from posedeploy.api.open_models import check_fixed, is_checkpoint, open_described
from posedeploy.backends import bytes_of
from posedeploy.console.output import out, show, working, write_json
from posedeploy.console.tables import running, size, table, tensors_table
from posedeploy.families import FAMILIES
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.own_keypoints import count_limbs
from posedeploy.printable import listed, printable
from posedeploy.runtimes.isolated import describe_in_child
from posedeploy.runtimes.load_runner import devices_of, resolve_spec
from posedeploy.runtimes.run_options import required_precision
from posedeploy.types import Artifact, Fit, Model, ModelSpec, Provenance, RunOptions, Weights

FITS: dict[Fit, str] = {
    "pad": "height {0.height}, pad to multiples of {0.multiple}",
    "crop": "height {0.height}, crop to multiples of {0.multiple}",
    "box": "{0.height}x{0.width}, a person's box {0.margin:g} times as large",
    "center": "{0.height}x{0.width}, the whole image, or a person's box {0.margin:g} times as large",
}
"""How an image comes to the size of the input, by the contract's ``fit``."""


def run(path: Path, args: ModelArgs, json: Path | None) -> None:
    """Show what is known of a file; a model file is also loaded, in a child process, so that what is shown is
    what runs and a crash of its runtime is an error here."""
    with working(f"reading {path}"):
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
        "file": size(files.size(path)),
        "sha256": model.sha256,
        **(_weights(model.weights) if model.weights else {}),
        **({"refinement stages": str(model.stages)} if model.stages else {}),
        "parameters": f"{sum(parameter.numel() for parameter in model.module.parameters()):,}",
        "tensors": str(len(tensors)),
    }
    return facts, model.spec, tensors


def _weights(weights: Weights) -> dict[str, str]:
    """Where in the checkpoint the weights are; the first two lines always, the others where there is more."""
    taken_off = [weights.prefix] if weights.prefix else []
    facts = {
        "weights key": "top level" if weights.key == "." else weights.key,
        "unused keys": listed(weights.unused_keys) or "none",
        "prefix": ", ".join([*taken_off, *weights.wrappers]),
        "whole module": f"{weights.module}, read without running its code" if weights.module else "",
        "archive": ", in ".join(reversed(weights.archives)),
        "alternatives": listed(weights.alternatives),
    }
    return {name: fact for name, fact in facts.items() if fact}


def _artifact(path: Path, args: ModelArgs) -> tuple[dict[str, Any], ModelSpec]:
    check_fixed(path, args)
    artifact: Artifact = open_described(path, args)
    spec, runs = artifact.spec, {}
    devices = devices_of(artifact)
    if artifact.provenance is None or "cpu" in devices:
        device = "cpu" if "cpu" in devices else devices[0]
        options = RunOptions(device, required_precision(artifact))
        report = describe_in_child(artifact, options)
        spec = resolve_spec(artifact, report)
        runs = {"runs on": running(report.runtime_info), **report.runtime_info.details}
    facts = {
        "target": artifact.target,
        "file": size(bytes_of(artifact)),
        "precision": artifact.precision,
        **({"inference precision": artifact.inference_precision} if artifact.inference_precision else {}),
        **({"calibration": str(artifact.calibration)} if artifact.calibration else {}),
        **_manifest_place(path),
        **{name: _said(value) for name, value in artifact.details.items() if value},
        **runs,
    }
    return facts | (_provenance(artifact.provenance) if artifact.provenance else {"manifest": "none"}), spec


def _manifest_place(path: Path) -> dict[str, str]:
    """Where the manifest is, unless it lies beside the file under the file's name."""
    place = manifest.locate(path)
    return {} if place in ("", manifest.path_of(path).name) else {"manifest": place}


def _said(detail: Any) -> str:
    return ", ".join(map(str, detail)) if isinstance(detail, list) else str(detail)


def _provenance(made: Provenance) -> dict[str, Any]:
    return {
        "checkpoint": made.checkpoint or "the built-in sample",
        "weights sha256": made.checkpoint_sha256,
        **(_weights(made.weights) if made.weights else {}),
        "network": made.network or "published",
        **({"refinement stages": str(made.stages)} if made.stages else {}),
        **({"mesh": made.mesh, "triangles sha256": made.mesh_sha256} if made.mesh else {}),
        "created": made.created,
        "packages": ", ".join(f"{name} {version}" for name, version in made.packages.items()),
        "options": ", ".join(f"{name}={value}" for name, value in made.options.items()),
    }


def _show(path: Path, facts: dict[str, Any], spec: ModelSpec, tensors: list[list[str]]) -> None:
    shown = Table.grid(padding=(0, 2))
    shown.add_column(style="bold")
    shown.add_column(overflow="fold")
    contract = spec.contract
    rows = {"family": spec.family, "variant": spec.variant} | facts
    if contract is not None:
        rows |= {
            "image": f"{contract.color_order}, (value - {_three(contract.mean)}) / {_three(contract.std)}",
            "size": FITS[contract.fit].format(contract),
            "embedded": ", ".join(contract.embedded) or "nothing: the caller prepares the image",
        }
    if spec.joints is not None:
        rows["joints"] = f"2D, those of {spec.joints.joint_set}, normalized per person"
    rows["keypoints"] = (
        f"{len(spec.keypoint_names)}: {' '.join(spec.keypoint_names)}" if spec.keypoint_names else "unknown"
    )
    if limbs := _limbs(spec):
        rows["limbs"] = limbs
    rows["unit"] = spec.unit
    for name, value in rows.items():
        shown.add_row(name, escape(value))
    out.print(printable(str(path)), style="bold", markup=False, soft_wrap=True)
    show(shown, tensors_table(spec))
    if tensors:
        listed = table("Weights", ["name", "shape", "type"])
        for row in tensors:
            listed.add_row(*map(escape, row))
        show(listed)


def _limbs(spec: ModelSpec) -> str | None:
    """The limbs of a network with part affinity fields, by the names of their ends."""
    count = count_limbs(spec) if spec.family in FAMILIES else None
    if count is None:
        return None
    if spec.limbs:
        names = [spec.keypoint_names[joint] for joint in spec.heatmap_joints] or spec.keypoint_names
        return f"{len(spec.limbs)}: " + " ".join(f"{names[a.start]}-{names[a.end]}" for a in spec.limbs)
    missing = find_missing_description(spec)
    return f"{count}, not described: {missing}" if missing else f"{count}, as published"


def _three(values: tuple[float, float, float]) -> str:
    return (
        f"{values[0]:g}" if len(set(values)) == 1 else "(" + ", ".join(f"{value:g}" for value in values) + ")"
    )
