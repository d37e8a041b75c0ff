"""The hashes of the files that decide the results of a job."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.api.model_args import ModelKeywords
from posedeploy.api.person_sources import PersonArgs
from posedeploy.files import sha256
from posedeploy.scaling.input_hashes import hash_inputs
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.types import RunOptions
from tests.scaling.conftest import WITHOUT_PICTURES


@pytest.fixture
def job(model: Path, tmp_path: Path) -> ShardJob:
    """A job with all arguments that name files."""
    for name in ("net.py", "camera.json"):
        (tmp_path / name).write_text(name)
    shutil.copy(model, tmp_path / "people.onnx")
    persons = PersonArgs(detector=tmp_path / "people.onnx")
    return ShardJob(
        source="photos",
        model=model,
        settings=replace(WITHOUT_PICTURES, persons=persons, extrinsics=tmp_path / "camera.json"),
        options=RunOptions(),
        model_args=ModelKeywords(network=f"{tmp_path / 'net.py'}:build"),
    )


@pytest.mark.parametrize(
    ("file", "name"),
    [
        ("people.onnx", "detector people.onnx"),
        ("net.py", "network net.py"),
        ("camera.json", "extrinsics camera.json"),
    ],
)
def test_a_changed_file_has_another_hash(job: ShardJob, tmp_path: Path, file: str, name: str) -> None:
    before = hash_inputs(job)
    assert before.keys() == {
        "hg2d.onnx", "detector people.onnx", "network net.py", "extrinsics camera.json",
    }  # fmt: skip
    (tmp_path / file).write_bytes(b"other")
    after = hash_inputs(job)
    assert [key for key in before if before[key] != after[key]] == [name]


def test_the_files_of_a_model_folder_are_hashed(job: ShardJob, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    hashes = hash_inputs(ShardJob(source="", model=folder, settings=WITHOUT_PICTURES, options=RunOptions()))
    assert hashes == {path.name: sha256(path) for path in folder.iterdir()}


def test_a_contract_file_is_hashed_and_a_preset_is_not(model: Path, tmp_path: Path) -> None:
    assert hash_inputs(_with_contract(model, "hrnet")).keys() == {"hg2d.pth"}
    (tmp_path / "own.toml").write_text("own")
    assert hash_inputs(_with_contract(model, tmp_path / "own.toml")).keys() == {
        "hg2d.pth",
        "contract own.toml",
    }


def _with_contract(model: Path, contract: str | Path) -> ShardJob:
    arguments = ModelKeywords(contract=contract)
    return ShardJob(
        source="photos",
        model=model.with_suffix(".pth"),
        settings=WITHOUT_PICTURES,
        options=RunOptions(),
        model_args=arguments,
    )
