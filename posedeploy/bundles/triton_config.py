"""The configs of Triton's models: of a network, and of the model that returns poses."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from posedeploy.bundles.options import Backend, BundleOptions, device_of
from posedeploy.bundles.text_format import Message, Symbol
from posedeploy.served_parameters import FILE, MANIFEST, NETWORK, SHA256, TENSOR_NAMES
from posedeploy.tensorrt.build_info import build_info_of
from posedeploy.types import Artifact, Dimension, ModelSpec, TensorSpec

DATA_TYPES = {
    "bool": "TYPE_BOOL", "uint8": "TYPE_UINT8", "uint16": "TYPE_UINT16", "uint32": "TYPE_UINT32",
    "uint64": "TYPE_UINT64", "int8": "TYPE_INT8", "int16": "TYPE_INT16", "int32": "TYPE_INT32",
    "int64": "TYPE_INT64", "float16": "TYPE_FP16", "float32": "TYPE_FP32", "float64": "TYPE_FP64",
    "bfloat16": "TYPE_BF16",
}  # fmt: skip
"""Triton's name of each dtype."""
PYTHON = Backend("python", "", {})


def network_config(
    name: str, artifact: Artifact, manifest: str, backend: Backend, options: BundleOptions
) -> Message:
    """Return the config of a network.

    Args:
        manifest: the content of the manifest of the artifact.
    """
    spec, names = artifact.spec, tensor_names(artifact.spec, backend)
    batch = find_max_batch(artifact, options)
    parameters = {SHA256: artifact.files[artifact.path.name], MANIFEST: manifest}
    if any(own != other for own, other in names.items()):
        parameters[TENSOR_NAMES] = json.dumps(names)
    if backend is PYTHON:
        parameters[FILE] = artifact.path.name
    config: dict[str, object] = {
        "name": name,
        **({"platform": backend.platform} if backend.platform else {}),
        "backend": backend.name,
        "max_batch_size": batch,
        "input": [_tensor(tensor, names, batch) for tensor in spec.inputs],
        "output": [_tensor(tensor, names, batch) for tensor in spec.outputs],
        "instance_group": [_instances(options.instances, device_of(artifact, options, "triton"))],
        **({"dynamic_batching": {}} if batch > 1 else {}),
        "parameters": _parameters(parameters),
    }
    return config  # type: ignore[return-value]


def poses_config(
    name: str, network: str, artifact: Artifact, manifest: str, options: BundleOptions
) -> Message:
    """Return the config of the model that takes an encoded image and returns poses."""
    names = tensor_names(artifact.spec, PYTHON if options.python_backend else None, artifact.target)
    parameters = {
        NETWORK: network,
        SHA256: artifact.files[artifact.path.name],
        MANIFEST: manifest,
        TENSOR_NAMES: json.dumps(names),
    }
    joints = len(artifact.spec.keypoint_names)
    outputs = [("poses", "TYPE_STRING", [1]), ("keypoints", "TYPE_FP32", [-1, joints, 3])]
    outputs.append(("scores", "TYPE_FP32", [-1]))
    if artifact.spec.unit == "mm":
        outputs.append(("keypoints_3d", "TYPE_FP32", [-1, -1, 4]))
    config: dict[str, object] = {
        "name": name,
        "backend": "python",
        "max_batch_size": 0,
        "input": [
            {"name": "image", "data_type": Symbol("TYPE_UINT8"), "dims": [-1]},
            {"name": "boxes", "data_type": Symbol("TYPE_FP32"), "dims": [-1, 4], "optional": True},
        ],
        "output": [{"name": each, "data_type": Symbol(kind), "dims": dims} for each, kind, dims in outputs],
        "instance_group": [_instances(options.instances, "KIND_CPU")],
        "parameters": _parameters(parameters),
    }
    return config  # type: ignore[return-value]


def tensor_names(spec: ModelSpec, backend: Backend | None, target: str = "") -> dict[str, str]:
    """Return the names of the tensors on the server by those of the manifest.

    TorchScript has no names, so Triton numbers its tensors.
    """
    is_numbered = backend.name == "pytorch" if backend is not None else target == "torchscript"
    if not is_numbered:
        return {tensor.name: tensor.name for tensor in (*spec.inputs, *spec.outputs)}
    inputs = {tensor.name: f"INPUT__{number}" for number, tensor in enumerate(spec.inputs)}
    return inputs | {tensor.name: f"OUTPUT__{number}" for number, tensor in enumerate(spec.outputs)}


def find_max_batch(artifact: Artifact, options: BundleOptions) -> int:
    """Return the largest batch that the server may make of requests.

    It is 0 unless the first axis of all tensors is the same dynamic axis. That of an engine is limited by its
    profile.
    """
    tensors = (*artifact.spec.inputs, *artifact.spec.outputs)
    first = {tensor.shape[0] if len(tensor.shape) > 1 else 0 for tensor in tensors}
    if len(first) != 1 or not isinstance(next(iter(first)), str):
        return 0
    info = build_info_of(artifact) if artifact.target == "tensorrt" else None
    limits = [] if info is None else [shape.max[0] for shape in info.profile.values()]
    return min([options.max_batch, *limits])


def _tensor(tensor: TensorSpec, names: Mapping[str, str], batch: int) -> Message:
    lengths: Sequence[Dimension] = tensor.shape[1:] if batch else tensor.shape
    return {
        "name": names[tensor.name],
        "data_type": Symbol(DATA_TYPES[tensor.dtype]),
        "dims": [length if isinstance(length, int) else -1 for length in lengths],
    }


def _instances(count: int, kind: str) -> Message:
    return {"count": count, "kind": Symbol(kind)}


def _parameters(parameters: Mapping[str, str]) -> list[Message]:
    return [{"key": key, "value": {"string_value": value}} for key, value in parameters.items()]
