"""People, detectors, files of joints and calls of ``predict`` for the tests of lifting."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from posedeploy import files
from posedeploy.predict.chain import Predictor
from posedeploy.predict.frames import Source
from posedeploy.predict.joint_files.joint_source import JointsFile
from posedeploy.predict.lifting import JointSource
from posedeploy.predict.predict_options import PredictOptions
from posedeploy.predict.run import Prediction, predict
from posedeploy.types import Array, Artifact, ModelSpec
from tests.predict.conftest import HEIGHT, WIDTH, CrowdRunner, spec_of
from tests.predict.lifters import StretchRunner
from tests.support.bodies import synthetic_people


def people(joint_set: str = "human36", count: int = 2) -> Array:
    """Return (people, joints, 2) px."""
    return synthetic_people(joint_set, count) * (WIDTH / 640, HEIGHT / 480)


def detector(family: str = "lightweight-openpose-2d") -> Predictor:
    spec = spec_of(family, height=HEIGHT, width=WIDTH)
    return Predictor(CrowdRunner(spec), spec)


def joints_file(folder: Path, joints: Array) -> JointsFile:
    np.save(folder / "joints.npy", joints)
    return JointsFile(folder / "joints.npy")


def lift(source: Source, spec: ModelSpec, found: JointSource, folder: Path, **settings: Any) -> Prediction:
    path = folder.with_suffix(".onnx")
    path.write_bytes(b"a model")
    artifact = Artifact(path, "onnx", spec, "fp32", {path.name: files.sha256(path)})
    return predict(
        source, StretchRunner(spec), artifact, folder, PredictOptions(joint_source=found, **settings)
    )


def document(folder: Path) -> Any:
    return json.loads((folder / "poses.json").read_text())


def find_nobody(frames: Any, refused: Any) -> Any:
    raise AssertionError("not asked for")
