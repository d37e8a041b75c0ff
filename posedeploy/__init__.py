"""Takes a PyTorch human-pose checkpoint to any runtime and proves that the poses are still the same.

The public names below are imported when first used, so that ``import posedeploy`` loads no framework::

    model = posedeploy.open_checkpoint(Path("human.pth"))
    (artifact,) = posedeploy.export(model, ["openvino"], Path("out"), "human")
    with posedeploy.open_runner(artifact, posedeploy.RunOptions(threads=2)) as runner:
        poses = posedeploy.Predictor(runner, artifact.spec)(cv2.imread("photo.jpg"))
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from posedeploy import plugins

if TYPE_CHECKING:
    from posedeploy.checkpoints.loading import open_checkpoint as open_checkpoint
    from posedeploy.checkpoints.sample import open_sample as open_sample
    from posedeploy.checkpoints.user_network import open_user_network as open_user_network
    from posedeploy.convert.export import export as export
    from posedeploy.convert.export_options import ExportOptions as ExportOptions
    from posedeploy.convert.export_options import TfliteOptions as TfliteOptions
    from posedeploy.errors import PoseDeployError as PoseDeployError
    from posedeploy.poses.preprocess import prepare as prepare
    from posedeploy.predict.chain import Predictor as Predictor
    from posedeploy.runtimes.base import Runner as Runner
    from posedeploy.runtimes.load_runner import open_artifact as open_artifact
    from posedeploy.runtimes.load_runner import open_runner as open_runner
    from posedeploy.runtimes.load_runner import resolve_spec as resolve_spec
    from posedeploy.types import Artifact as Artifact
    from posedeploy.types import Camera as Camera
    from posedeploy.types import InputContract as InputContract
    from posedeploy.types import Model as Model
    from posedeploy.types import ModelSpec as ModelSpec
    from posedeploy.types import Poses as Poses
    from posedeploy.types import RunOptions as RunOptions
    from posedeploy.types import TensorSpec as TensorSpec

__version__ = "0.1.0"

_PUBLIC = {
    "Artifact": "posedeploy.types:Artifact",
    "ExportOptions": "posedeploy.convert.export_options:ExportOptions",
    "Camera": "posedeploy.types:Camera",
    "InputContract": "posedeploy.types:InputContract",
    "Model": "posedeploy.types:Model",
    "ModelSpec": "posedeploy.types:ModelSpec",
    "PoseDeployError": "posedeploy.errors:PoseDeployError",
    "Poses": "posedeploy.types:Poses",
    "Predictor": "posedeploy.predict.chain:Predictor",
    "RunOptions": "posedeploy.types:RunOptions",
    "Runner": "posedeploy.runtimes.base:Runner",
    "TensorSpec": "posedeploy.types:TensorSpec",
    "TfliteOptions": "posedeploy.convert.export_options:TfliteOptions",
    "export": "posedeploy.convert.export:export",
    "open_artifact": "posedeploy.runtimes.load_runner:open_artifact",
    "open_checkpoint": "posedeploy.checkpoints.loading:open_checkpoint",
    "open_runner": "posedeploy.runtimes.load_runner:open_runner",
    "open_sample": "posedeploy.checkpoints.sample:open_sample",
    "open_user_network": "posedeploy.checkpoints.user_network:open_user_network",
    "resolve_spec": "posedeploy.runtimes.load_runner:resolve_spec",
    "prepare": "posedeploy.poses.preprocess:prepare",
}


def __getattr__(name: str) -> Any:
    if name in _PUBLIC:
        return plugins.load(_PUBLIC[name])
    raise AttributeError(f"module 'posedeploy' has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*_PUBLIC, "__version__"]
