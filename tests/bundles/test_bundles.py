"""Artifacts in the layouts of model servers."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2

import posedeploy
from posedeploy import BundleOptions, manifest
from posedeploy.manifest_document import parse
from posedeploy.runtimes.load_runner import open_artifact
from posedeploy.served_parameters import FILE, MANIFEST, NETWORK, SHA256, TENSOR_NAMES
from posedeploy.specs import image_spec
from posedeploy.types import Artifact, TensorSpec

DYNAMIC = {
    "inputs": (TensorSpec("data", ("batch", 3, 32, 40)),),
    "outputs": (TensorSpec("heatmaps", ("batch", 2, 4, 5)), TensorSpec("pafs", ("batch", 4, 4, 5))),
}
"""Tensors with a dynamic batch."""
NAMES = ["early_heatmaps", "early_pafs", "heatmaps", "pafs"]


def read_config(folder: Path) -> Any:
    """Return a config, parsed by Triton's published schema, which rejects unknown fields and types."""
    text = (folder / "config.pbtxt").read_text(encoding="utf-8")
    return text_format.Parse(text, model_config_pb2.ModelConfig())


def parameters_of(config: Any) -> dict[str, str]:
    return {key: value.string_value for key, value in config.parameters.items()}


def files_in(folder: Path) -> list[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def with_poses(artifact: Artifact) -> Artifact:
    """Return the artifact as a network whose poses can be decoded."""
    channels = {"heatmaps": 19, "pafs": 38}
    spec = image_spec("lightweight-openpose-2d", "tiny", channels, {name: name for name in channels})
    return replace(artifact, spec=spec)


@pytest.mark.parametrize(
    ("target", "backend", "platform", "files", "names"),
    [
        ("onnx", "onnxruntime", "onnxruntime_onnx", ["1/model.onnx"], ["data", *NAMES]),
        ("openvino", "openvino", "", ["1/model.bin", "1/model.xml"], ["data", *NAMES]),
        (
            "torchscript",
            "pytorch",
            "pytorch_libtorch",
            ["1/model.pt"],
            ["INPUT__0", *(f"OUTPUT__{number}" for number in range(4))],
        ),
    ],
)
def test_a_triton_repository_fits_the_published_schema(
    exported: dict[str, Artifact],
    tmp_path: Path,
    target: str,
    backend: str,
    platform: str,
    files: list[str],
    names: list[str],
) -> None:
    artifact = exported[target]
    bundle = posedeploy.bundle(artifact.path, "triton", tmp_path / "models ü")
    assert bundle.models == ("tiny",)
    assert files_in(bundle.folder) == [*(f"tiny/{file}" for file in files), "tiny/config.pbtxt"]
    assert [path.as_posix() for path in bundle.files] == files_in(bundle.folder)
    config = read_config(bundle.folder / "tiny")
    assert (config.name, config.backend, config.platform) == ("tiny", backend, platform)
    assert [tensor.name for tensor in (*config.input, *config.output)] == names
    assert (config.max_batch_size, list(config.input[0].dims)) == (0, [1, 3, 32, 40])
    assert config.input[0].data_type == model_config_pb2.TYPE_FP32
    assert [(group.count, group.kind) for group in config.instance_group] == [
        (1, model_config_pb2.ModelInstanceGroup.KIND_CPU)
    ]
    assert not config.HasField("dynamic_batching")


def test_the_config_has_the_manifest_of_the_artifact(exported: dict[str, Artifact], tmp_path: Path) -> None:
    artifact = exported["onnx"]
    bundle = posedeploy.bundle(artifact, "triton", tmp_path / "models")
    parameters = parameters_of(read_config(bundle.folder / "tiny"))
    assert parameters.keys() == {SHA256, MANIFEST}
    assert parameters[SHA256] == artifact.files["tiny.onnx"]
    document = parse(Path("config"), parameters[MANIFEST].encode())
    assert manifest.to_artifact(artifact.path, document, document.files) == artifact


def test_torchscript_tensors_have_numbered_names(exported: dict[str, Artifact], tmp_path: Path) -> None:
    bundle = posedeploy.bundle(exported["torchscript"], "triton", tmp_path / "models")
    names = json.loads(parameters_of(read_config(bundle.folder / "tiny"))[TENSOR_NAMES])
    outputs = [tensor.name for tensor in exported["torchscript"].spec.outputs]
    assert names == {"data": "INPUT__0"} | {name: f"OUTPUT__{i}" for i, name in enumerate(outputs)}


@pytest.mark.parametrize(("max_batch", "batched"), [(0, False), (1, False), (4, True), (8, True)])
def test_requests_are_batched_where_the_batch_is_dynamic(
    exported: dict[str, Artifact], tmp_path: Path, max_batch: int, batched: bool
) -> None:
    artifact = replace(exported["onnx"], spec=replace(exported["onnx"].spec, **DYNAMIC))
    options = BundleOptions(max_batch=max_batch, instances=3, device="CUDA", name="human-2.b")
    config = read_config(
        posedeploy.bundle(artifact, "triton", tmp_path / "models", options).folder / "human-2.b"
    )
    assert (config.max_batch_size, config.HasField("dynamic_batching")) == (max_batch, batched)
    assert list(config.input[0].dims) == ([3, 32, 40] if max_batch else [-1, 3, 32, 40])
    assert list(config.output[1].dims) == ([4, 4, 5] if max_batch else [-1, 4, 4, 5])
    group = config.instance_group[0]
    assert (group.count, group.kind) == (3, model_config_pb2.ModelInstanceGroup.KIND_GPU)


def test_requests_are_not_batched_where_an_output_has_another_first_axis(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    tensors = {**DYNAMIC, "outputs": (TensorSpec("people", ("people", 3)),)}
    artifact = replace(exported["onnx"], spec=replace(exported["onnx"].spec, **tensors))
    config = read_config(posedeploy.bundle(artifact, "triton", tmp_path / "models").folder / "tiny")
    assert (config.max_batch_size, list(config.output[0].dims)) == (0, [-1, 3])


@pytest.mark.parametrize("target", ["onnx", "tflite"])
def test_posedeploy_runs_any_target_in_the_python_backend(
    exported: dict[str, Artifact], tmp_path: Path, target: str
) -> None:
    artifact = exported[target]
    bundle = posedeploy.bundle(artifact, "triton", tmp_path / "models", BundleOptions(python_backend=True))
    config = read_config(bundle.folder / "tiny")
    assert (config.backend, parameters_of(config)[FILE]) == ("python", artifact.path.name)
    copied = open_artifact(bundle.folder / "tiny" / "1" / artifact.path.name)
    assert replace(copied, path=artifact.path) == artifact
    model = (bundle.folder / "tiny" / "1" / "model.py").read_text(encoding="utf-8")
    assert "from posedeploy.triton_models.network import TritonPythonModel" in model


def test_a_model_returns_the_poses_of_a_network_with_a_decoding(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    artifact = with_poses(exported["torchscript"])
    bundle = posedeploy.bundle(artifact, "triton", tmp_path / "models")
    assert bundle.models == ("tiny", "tiny_poses")
    config = read_config(bundle.folder / "tiny_poses")
    assert (config.backend, config.max_batch_size) == ("python", 0)
    assert [(tensor.name, tensor.optional) for tensor in config.input] == [("image", False), ("boxes", True)]
    assert [tensor.name for tensor in config.output] == ["poses", "keypoints", "scores"]
    parameters = parameters_of(config)
    assert (parameters[NETWORK], json.loads(parameters[TENSOR_NAMES])["data"]) == ("tiny", "INPUT__0")
    without = posedeploy.bundle(artifact, "triton", tmp_path / "network", BundleOptions(poses=False))
    assert without.models == ("tiny",)


@pytest.mark.parametrize(("target", "device"), [("openvino", None), ("onnx", "intel-gpu"), ("tflite", "npu")])
def test_a_repository_for_openvino_model_server(
    exported: dict[str, Artifact], tmp_path: Path, target: str, device: str | None
) -> None:
    artifact = exported[target]
    options = BundleOptions(name="human", device=device, instances=2)
    bundle = posedeploy.bundle(artifact, "ovms", tmp_path / "models", options)
    document = json.loads((bundle.folder / "config.json").read_text(encoding="utf-8"))
    assert document == {
        "model_config_list": [
            {
                "config": {
                    "name": "human",
                    "base_path": "human",
                    "target_device": {None: "CPU", "intel-gpu": "GPU", "npu": "NPU"}[device],
                    "nireq": 2,
                    "plugin_config": {"INFERENCE_PRECISION_HINT": "f32"},
                }
            }
        ]
    }
    copied = open_artifact(bundle.folder / "human" / "1" / artifact.path.name)
    assert replace(copied, path=artifact.path) == artifact


@pytest.mark.parametrize("device", ["cpu", "cuda"])
def test_an_inference_service_for_kserve(exported: dict[str, Artifact], tmp_path: Path, device: str) -> None:
    uri = "s3://bucket/a: b#c"
    options = BundleOptions(storage_uri=uri, device=device)
    bundle = posedeploy.bundle(exported["onnx"], "kserve", tmp_path / "service", options)
    assert files_in(bundle.folder) == [
        "inference-service.yaml", "models/tiny/1/model.onnx", "models/tiny/config.pbtxt",
    ]  # fmt: skip
    service = yaml.safe_load((bundle.folder / "inference-service.yaml").read_text(encoding="utf-8"))
    assert (service["apiVersion"], service["kind"]) == ("serving.kserve.io/v1beta1", "InferenceService")
    assert service["metadata"] == {
        "name": "tiny",
        "annotations": {"posedeploy/sha256": exported["onnx"].files["tiny.onnx"]},
    }
    model = service["spec"]["predictor"]["model"]
    limits = {"resources": {"limits": {"nvidia.com/gpu": "1"}}} if device == "cuda" else {}
    assert model == {
        "modelFormat": {"name": "triton"},
        "protocolVersion": "v2",
        "runtime": "kserve-tritonserver",
        "storageUri": uri,
        **limits,
    }


def test_an_engine_runs_on_a_gpu_with_the_batch_of_its_profile(
    exported: dict[str, Artifact], tmp_path: Path
) -> None:
    shape = {"min": [1, 3, 32, 40], "opt": [2, 3, 32, 40], "max": [4, 3, 32, 40]}
    info = {
        "library": "tensorrt", "version": "10.8", "compute_capabilities": ["8.9"], "system": "Linux-x86_64",
        "precision": "fp32", "onnx": "tiny.engine.onnx", "onnx_sha256": "0" * 64, "profile": {"data": shape},
    }  # fmt: skip
    engine = tmp_path / "tiny.engine"
    engine.write_bytes(exported["onnx"].path.read_bytes())
    digest = exported["onnx"].files["tiny.onnx"]
    artifact = replace(
        exported["onnx"],
        path=engine,
        target="tensorrt",
        details=info,
        files={engine.name: digest},
        spec=replace(exported["onnx"].spec, **DYNAMIC),
    )
    bundle = posedeploy.bundle(artifact, "triton", tmp_path / "models")
    config = read_config(bundle.folder / "tiny")
    assert (config.platform, config.max_batch_size) == ("tensorrt_plan", 4)
    assert config.instance_group[0].kind == model_config_pb2.ModelInstanceGroup.KIND_GPU
    assert (bundle.folder / "tiny" / "1" / "model.plan").read_bytes() == engine.read_bytes()


def test_an_empty_folder_is_filled(exported: dict[str, Artifact], tmp_path: Path) -> None:
    (tmp_path / "models").mkdir()
    assert posedeploy.bundle(exported["onnx"], "triton", tmp_path / "models").folder == tmp_path / "models"
    assert (tmp_path / "models" / "tiny" / "config.pbtxt").is_file()


def test_a_link_to_an_empty_folder_is_followed(exported: dict[str, Artifact], tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    posedeploy.bundle(exported["onnx"], "triton", tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and (tmp_path / "real" / "tiny" / "config.pbtxt").is_file()
