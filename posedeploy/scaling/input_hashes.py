"""The hashes of the files that decide the results of a job, besides the images."""

from __future__ import annotations

from pathlib import Path

from posedeploy import artifact_files
from posedeploy.api.model_args import ModelArgs, is_sample
from posedeploy.api.open_models import is_checkpoint, open_with_args
from posedeploy.errors import InputError
from posedeploy.model_urls import is_model_url
from posedeploy.scaling.job_source import hash_files
from posedeploy.scaling.shard_job import ShardJob


def hash_inputs(job: ShardJob) -> dict[str, str]:
    """Return the SHA-256 of the files of the model by their names, and of the other files by their argument
    and name, such as ``detector human.onnx``. The built-in sample has no files.

    Raises:
        InputError: a file is missing.
        ArtifactError: a file cannot be read, or is not the one that its manifest records.
    """
    persons, args = job.settings.persons, ModelArgs.of(job.model_args)
    hashes = _hash_model(job.model, args)
    if persons.detector is not None:
        files = _hash_model(persons.detector, ModelArgs(contract=persons.contract))
        hashes |= {f"detector {name}": digest for name, digest in files.items()}
    network = None if args.network is None else Path(args.network.rpartition(":")[0])
    others = {
        "contract": args.contract,
        "network": network,
        "detector_spec": persons.contract,
        "extrinsics": job.settings.extrinsics,
        "mesh": args.mesh,
        "boxes": persons.boxes,
    }
    for argument, path in others.items():
        if path is not None and path.exists():  # a contract may be the name of a preset
            hashes[f"{argument} {path.name}"] = hash_files(_list_files(path))
    return hashes


def _list_files(path: Path) -> list[Path]:
    return sorted(each for each in path.iterdir() if each.is_file()) if path.is_dir() else [path]


def _hash_model(model: Path, args: ModelArgs) -> dict[str, str]:
    if is_sample(model):
        return {}
    if not is_model_url(model) and not model.exists():
        raise InputError(f"{model}: no such file; pass an artifact or a checkpoint")
    if not is_checkpoint(model):
        return artifact_files.hashes_of(open_with_args(model, args))
    return {path.name: artifact_files.hash_file(path)[0] for path in _list_files(model)}
