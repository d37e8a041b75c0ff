"""Requests and responses of Triton's Python backend."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import triton_python_backend_utils as pb_utils

from posedeploy.errors import PoseDeployError
from posedeploy.types import Tensors


def parameters_of(arguments: Mapping[str, str]) -> dict[str, str]:
    """Return the parameters of a model's config, from the arguments of ``initialize``."""
    config = json.loads(arguments["model_config"])
    return {name: value["string_value"] for name, value in config["parameters"].items()}


def respond(requests: Sequence[Any], run: Callable[[Tensors], Tensors]) -> list[Any]:
    """Return the response to each request. An invalid request fails alone."""
    return [_respond(request, run) for request in requests]


def _respond(request: Any, run: Callable[[Tensors], Tensors]) -> Any:
    inputs = {tensor.name(): tensor.as_numpy() for tensor in request.inputs()}
    try:
        outputs = run(inputs)
    except PoseDeployError as error:
        return pb_utils.InferenceResponse(error=pb_utils.TritonError(str(error)))
    return pb_utils.InferenceResponse([pb_utils.Tensor(name, array) for name, array in outputs.items()])
