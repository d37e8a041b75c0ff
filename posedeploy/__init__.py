"""Take a PyTorch human-pose checkpoint to any runtime and prove that the poses are still the same.

::

    import posedeploy as pd

    model = pd.load_checkpoint("human.pth")
    artifacts = pd.export(model, ["openvino", "onnx"], "out/")
    parity = pd.compare(artifacts, images="photos/")
    latency = pd.benchmark(artifacts, runs=200)
    with pd.load("out/human.xml", device="cpu") as pose:
        people = pose("photo.jpg")

Every name is imported when it is first used, so that ``import posedeploy`` loads no framework. Whatever a
user can cause or fix raises a ``PoseDeployError``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from posedeploy.api.benchmarking import benchmark
    from posedeploy.api.bisect_report import BisectReport
    from posedeploy.api.bisecting import bisect
    from posedeploy.api.bundling import Bundle, bundle
    from posedeploy.api.certificate.verification import Verification
    from posedeploy.api.certificate.verifying import verify
    from posedeploy.api.comparing import compare
    from posedeploy.api.evaluating import evaluate
    from posedeploy.api.evaluation_report import EvaluationReport
    from posedeploy.api.exporting import export
    from posedeploy.api.latency_report import LatencyReport
    from posedeploy.api.load_checkpoint import load_checkpoint, load_sample
    from posedeploy.api.model_args import ModelKeywords
    from posedeploy.api.parity_report import ParityReport
    from posedeploy.api.person_sources import PersonArgs
    from posedeploy.api.pose_estimator import ImagePoses, PoseEstimator, load
    from posedeploy.api.tuning import tune
    from posedeploy.api.tuning_report import TuningReport
    from posedeploy.api.writing_poses import PredictSettings, write_poses
    from posedeploy.api.writing_report import report
    from posedeploy.bundles.options import BundleOptions
    from posedeploy.convert.export_options import ExportOptions, TfliteOptions
    from posedeploy.errors import PoseDeployError
    from posedeploy.poses.preprocess import prepare
    from posedeploy.predict.chain import Predictor
    from posedeploy.runtimes.base import Runner
    from posedeploy.runtimes.load_runner import open_artifact, open_runner
    from posedeploy.scaling.evaluating import evaluate_on_ray
    from posedeploy.scaling.measuring import NodesReport, measure_on_nodes
    from posedeploy.scaling.predicting import write_pose_shards
    from posedeploy.scaling.ray_settings import RaySettings, ShardedPrediction
    from posedeploy.tensorrt.options import TensorRtOptions
    from posedeploy.types import (
        Artifact,
        Camera,
        InputContract,
        Model,
        ModelSpec,
        Poses,
        RunOptions,
        TensorSpec,
    )

__version__ = "0.1.0"

_MODULES = {
    "Artifact": "types",
    "BisectReport": "api.bisect_report",
    "Bundle": "api.bundling",
    "BundleOptions": "bundles.options",
    "Camera": "types",
    "EvaluationReport": "api.evaluation_report",
    "ExportOptions": "convert.export_options",
    "ImagePoses": "api.pose_estimator",
    "InputContract": "types",
    "LatencyReport": "api.latency_report",
    "Model": "types",
    "ModelKeywords": "api.model_args",
    "ModelSpec": "types",
    "NodesReport": "scaling.measuring",
    "ParityReport": "api.parity_report",
    "PersonArgs": "api.person_sources",
    "PoseDeployError": "errors",
    "PoseEstimator": "api.pose_estimator",
    "Poses": "types",
    "PredictSettings": "api.writing_poses",
    "Predictor": "predict.chain",
    "RaySettings": "scaling.ray_settings",
    "RunOptions": "types",
    "Runner": "runtimes.base",
    "ShardedPrediction": "scaling.ray_settings",
    "TensorRtOptions": "tensorrt.options",
    "TensorSpec": "types",
    "TfliteOptions": "convert.export_options",
    "TuningReport": "api.tuning_report",
    "Verification": "api.certificate.verification",
    "benchmark": "api.benchmarking",
    "bisect": "api.bisecting",
    "bundle": "api.bundling",
    "compare": "api.comparing",
    "evaluate": "api.evaluating",
    "evaluate_on_ray": "scaling.evaluating",
    "export": "api.exporting",
    "load": "api.pose_estimator",
    "load_checkpoint": "api.load_checkpoint",
    "load_sample": "api.load_checkpoint",
    "measure_on_nodes": "scaling.measuring",
    "open_artifact": "runtimes.load_runner",
    "open_runner": "runtimes.load_runner",
    "prepare": "poses.preprocess",
    "report": "api.writing_report",
    "tune": "api.tuning",
    "verify": "api.certificate.verifying",
    "write_pose_shards": "scaling.predicting",
    "write_poses": "api.writing_poses",
}
"""The module below ``posedeploy`` that defines each public name."""

__all__ = [
    "Artifact",
    "BisectReport",
    "Bundle",
    "BundleOptions",
    "Camera",
    "EvaluationReport",
    "ExportOptions",
    "ImagePoses",
    "InputContract",
    "LatencyReport",
    "Model",
    "ModelKeywords",
    "ModelSpec",
    "NodesReport",
    "ParityReport",
    "PersonArgs",
    "PoseDeployError",
    "PoseEstimator",
    "Poses",
    "PredictSettings",
    "Predictor",
    "RaySettings",
    "RunOptions",
    "Runner",
    "ShardedPrediction",
    "TensorRtOptions",
    "TensorSpec",
    "TfliteOptions",
    "TuningReport",
    "Verification",
    "__version__",
    "benchmark",
    "bisect",
    "bundle",
    "compare",
    "evaluate",
    "evaluate_on_ray",
    "export",
    "load",
    "load_checkpoint",
    "load_sample",
    "measure_on_nodes",
    "open_artifact",
    "open_runner",
    "prepare",
    "report",
    "tune",
    "verify",
    "write_pose_shards",
    "write_poses",
]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        from posedeploy import plugins  # which takes longer than all the rest of this import

        return plugins.load(f"posedeploy.{_MODULES[name]}:{name}")
    raise AttributeError(f"module 'posedeploy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
