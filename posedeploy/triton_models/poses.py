"""A model that takes an encoded image and returns poses. Another model of the server is its network."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils

from posedeploy import manifest, manifest_document
from posedeploy.api.pose_estimator import ImagePoses
from posedeploy.errors import ServerError
from posedeploy.predict import poses_json
from posedeploy.predict.chain import Predictor
from posedeploy.predict.images import decode_picture
from posedeploy.runtimes.base import Runner
from posedeploy.served_parameters import MANIFEST, NETWORK, TENSOR_NAMES
from posedeploy.triton_models.responses import parameters_of, respond
from posedeploy.types import Artifact, Poses, RuntimeInfo, Tensors

NAME = "image"


class ModelRunner(Runner):
    """A network that runs as another model of this server. Tensors are passed in memory."""

    def __init__(self, name: str, artifact: Artifact, server_names: Mapping[str, str]) -> None:
        self._name, self._names = name, server_names
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self.runtime_info = RuntimeInfo("triton", "", f"the model {name}", artifact.precision, None)

    def _run(self, tensors: Tensors) -> Tensors:
        names = {self._names[tensor.name]: tensor.name for tensor in self.outputs}
        inputs = [pb_utils.Tensor(self._names[name], array) for name, array in tensors.items()]
        request = pb_utils.InferenceRequest(
            model_name=self._name,
            requested_output_names=list(names),
            inputs=inputs,
            preferred_memory=pb_utils.PreferredMemory(pb_utils.TRITONSERVER_MEMORY_CPU),
        )
        response = request.exec()
        if response.has_error():
            raise ServerError(f"the model {self._name} failed: {response.error().message()}")
        return {names[tensor.name()]: tensor.as_numpy() for tensor in response.output_tensors()}


class TritonPythonModel:
    """Preprocessing, the network and decoding, as ``posedeploy predict`` does them."""

    def initialize(self, args: Mapping[str, str]) -> None:
        """Read the description of the network from the config."""
        parameters = parameters_of(args)
        name = parameters[NETWORK]
        document = manifest_document.parse(Path(name), parameters[MANIFEST].encode())
        self._artifact = manifest.to_artifact(Path(document.model_name), document, document.files)
        self._runner = ModelRunner(name, self._artifact, json.loads(parameters[TENSOR_NAMES]))
        self._predictor = Predictor(self._runner, self._artifact.spec)

    def execute(self, requests: Sequence[Any]) -> list[Any]:
        """Return the people in the image of each request."""
        return respond(requests, self._estimate)

    def finalize(self) -> None:
        """Release the resources."""
        self._runner.close()

    def _estimate(self, inputs: Tensors) -> Tensors:
        image = decode_picture(Path(NAME), inputs["image"].tobytes()).pixels
        poses = self._predictor(image, inputs.get("boxes"))
        producer = poses_json.describe_producer(
            self._artifact, self._runner.runtime_info, self._artifact.files
        )
        document = ImagePoses(
            **{each.name: getattr(poses, each.name) for each in fields(Poses)},
            image=image,
            name=NAME,
            spec=self._artifact.spec,
            producer=producer,
        )
        outputs = {
            "poses": np.array([document.to_json().encode()], dtype=np.object_),
            "keypoints": poses.keypoints.astype(np.float32),
            "scores": poses.scores.astype(np.float32),
        }
        if poses.keypoints_3d is not None:
            outputs["keypoints_3d"] = poses.keypoints_3d.astype(np.float32)
        return outputs
