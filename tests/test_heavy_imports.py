"""Each heavy package is imported by few modules, at their top."""

from __future__ import annotations

import pytest

from posedeploy.backends import RUNTIMES, TARGETS
from tests.support.imports import IMPORTS

OTHER_LEAVES = {
    "torch": {
        "aoti_package.admission",
        "aoti_package.loader",
        "aoti_package.trial_run",
        "bisection",
        "checkpoints",
        "convert",
        "native_code",
        "reduced_precision",
        "cuda_graph",
        "runtimes.tf32",
        "runtimes.torch_call",
        "runtimes.torch_runner",
        "runtimes.torchscript_layers",
        "tensorrt.torch2trt",
    },
    "litert_torch": {"convert.tflite.litert_torch"},
    "ai_edge_litert": {"bisection.intermediates.tflite_file", "convert.tflite"},
    "flatbuffers": {"convert.tflite"},
    "transformers": {"checkpoints.hugging_face.configuration", "checkpoints.hugging_face.network"},
    "huggingface_hub": {"checkpoints.hugging_face.network"},
    "safetensors": {"benchmarks.reference_file", "checkpoints"},
    "onnx2tf": {"environments.worker.onnx2tf"},
    "tensorflow": {"environments.worker.onnx2tf"},
    "onnx": {
        "bisection.intermediates.onnx_file",
        "convert.gelu",
        "convert.fp16_graph",
        "convert.tflite.onnx2tf",
        "convert.onnx_opset",
        "convert.onnx_int8",
    },
    "onnxscript": {"convert.tflite.onnx2tf"},
    "onnxruntime": {
        "convert.fp16_graph",
        "convert.onnx_int8",
        "convert.onnx_opset",
        "convert.onnx_run",
        "runtimes.onnxruntime_layers",
        "runtimes.onnxruntime_placement",
    },
    "tritonclient": {"client.grpc_connection", "client.http_connection"},
    "urllib3": {"client.http_connection"},
    "triton_python_backend_utils": {"triton_models"},
    "cuda": {"cuda"},
    "tensorrt": set(),
    "tensorrt_rtx": set(),
    "nncf": {"convert.nncf_quantize"},
    "openvino": {
        "bisection.intermediates.openvino_file",
        "convert.nncf_quantize",
        "runtimes.openvino_precision",
    },
    "pycocotools": {"benchmarks.oks"},
    "jinja2": {"pages.rendering"},
    "av": {
        "predict.demuxing",
        "predict.sound_writer",
        "predict.stream_reader",
        "predict.video_reader",
        "predict.video_segments",
        "predict.video_writer",
    },
    "pillow_heif": {"predict.heif"},
    "pygame": {"predict.window"},
    "trimesh": {"predict.mesh_writing"},
    "ray": {"scaling.cluster", "scaling.nodes", "scaling.worker_pool"},
    "pyarrow": {"scaling.image_list", "scaling.image_table", "scaling.job_folder", "scaling.poses_table"},
    "fsspec": {"scaling.image_urls"},
    "scipy": {"predict.joint_files.matlab_task"},
    "cv2": {
        "api.certificate.pictures",
        "benchmarks.hard_images",
        "benchmarks.known_mistakes",
        "benchmarks.worst_inputs",
        "calibration",
        "poses",
        "predict",
        "synthetic",
    },
}
"""The packages or modules that import each heavy package, in addition to the converters and runners of
the tables."""


def _leaves() -> dict[str, set[str]]:
    """Return the modules that may import each heavy package, at the top."""
    leaves = {package: set(modules) for package, modules in OTHER_LEAVES.items()}
    used = [(target.converter, target.packages) for target in TARGETS.values()]
    used += [(runtime.runner, (runtime.package,)) for runtime in RUNTIMES.values()]
    for reference, packages in used:
        module = reference.partition(":")[0].removeprefix("posedeploy.")
        for package in packages:
            leaves.setdefault(package, set()).add(module)
    return leaves


HEAVY = _leaves()


@pytest.mark.parametrize("package", HEAVY)
def test_a_heavy_package_is_imported_at_the_top_of_its_leaves_only(package: str) -> None:
    uses = [found for found in IMPORTS if found.name.partition(".")[0] == package]
    assert [found for found in uses if not found.within(HEAVY[package]) or not found.at_top] == []
