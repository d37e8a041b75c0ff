"""ONNX files in the oldest supported runtimes, each in its own isolated environment."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import numpy as np
import pytest
import torch

from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, OnnxOptions
from posedeploy.flatten import flat
from posedeploy.types import Array, Model
from tests.support.lifting import small_gtrs, write
from tests.support.networks import tiny_model, write_crop_network
from tests.support.reference_cases import BUNDLED, Case
from tests.support.virtual_environments import create_environment

pytestmark = pytest.mark.slow

RUNTIMES = {
    "onnxruntime": ("onnxruntime==1.16.3", "numpy<2"),
    "openvino": ("openvino==2024.6.0", "numpy<2.2"),
}

RUN = {
    "onnxruntime": """
import onnxruntime
def outputs(path, tensors):
    return onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"]).run(None, tensors)
""",
    "openvino": """
import openvino
def outputs(path, tensors):
    core = openvino.Core()
    network = core.compile_model(path, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return list(network(tensors).values())
""",
}
CHILD = """
import json, sys
import numpy
for path in json.loads(sys.argv[1]):
    with numpy.load(path + ".in.npz") as tensors:
        numpy.savez(path + ".out.npz", *outputs(path, dict(tensors)))
"""


@dataclass(frozen=True)
class OnnxFile:
    path: Path
    expected: list[Array]


def written(model: Model, folder: Path, name: str, options: ExportOptions, *lengths: int) -> OnnxFile:
    """Write an export, random inputs in another file, and PyTorch's outputs for them."""
    (artifact,) = export(model, ["onnx"], folder, name, options)
    random = np.random.RandomState(0)
    free = {"batch": 2, **dict(zip(("height", "width"), lengths, strict=False))}
    tensors = {}
    for tensor in artifact.spec.inputs:
        shape = [int(length) for length in tensor.fixed(free).shape]
        raw = tensor.dtype == "uint8"
        tensors[tensor.name] = random.randint(0, 256, shape).astype(np.uint8) if raw else random.randn(*shape)
    tensors = {
        key: value if value.dtype == np.uint8 else value.astype(np.float32) for key, value in tensors.items()
    }
    np.savez(f"{artifact.path}.in.npz", **tensors)
    inputs = [torch.from_numpy(value) for value in tensors.values()]
    contract = model.spec.contract
    if options.embed_preprocessing and contract is not None:
        mean, std = (torch.tensor(value).view(1, 3, 1, 1) for value in (contract.mean, contract.std))
        image = inputs[0].permute(0, 3, 1, 2).float()
        inputs = [((image.flip(1) if contract.color_order == "RGB" else image) - mean) / std]
    with torch.inference_mode():
        return OnnxFile(artifact.path, [value.numpy() for value in flat(model.module(*inputs))])


Make: TypeAlias = Callable[[Path], OnnxFile]
FILES: dict[str, Make] = {
    "tiny": lambda folder: written(tiny_model(), folder, "tiny", ExportOptions()),
    "tiny, opset 14": lambda folder: written(
        tiny_model(), folder, "tiny14", ExportOptions(dynamic=True, onnx=OnnxOptions(14)), 48, 64
    ),
    "tiny, raw images of any size": lambda folder: written(
        tiny_model(), folder, "raw", ExportOptions(dynamic=True, embed_preprocessing=True), 48, 64
    ),
    "mobile-human-pose, small": lambda folder: written(
        open_checkpoint(write_crop_network("mobile", folder / "mobile.pth")),
        folder,
        "mobile",
        ExportOptions(),
    ),
    "pose-hg-3d, small": lambda folder: written(
        open_checkpoint(write_crop_network("hg", folder / "hg.pth")), folder, "hg", ExportOptions()
    ),
    "gtrs, small, any number of people": lambda folder: written(
        open_checkpoint(write(small_gtrs(), folder / "gtrs.pth")), folder, "gtrs", ExportOptions(dynamic=True)
    ),
    "lightweight-openpose-2d, published": lambda folder: written(
        open_checkpoint(Case(BUNDLED / "lightweight-openpose-2d").write(folder / "2d.pth")),
        folder,
        "2d",
        ExportOptions(input_size=(128, 160)),
    ),
}


@pytest.fixture(scope="module")
def onnx_files(three_branches: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, OnnxFile]:
    folder = tmp_path_factory.mktemp("onnx files")
    return {name: make(folder) for name, make in FILES.items()}


@pytest.fixture(scope="module", params=RUNTIMES)
def older(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, onnx_files: dict[str, OnnxFile]
) -> str:
    """Run every file with a runtime in its own environment; return the runtime."""
    name: str = request.param
    if name == "onnxruntime" and sys.version_info >= (3, 12):
        pytest.skip("onnxruntime 1.16 has no wheels for Python 3.12 and later")
    python = create_environment(tmp_path_factory.mktemp(name), *RUNTIMES[name]) / "python"
    paths = json.dumps([str(file.path) for file in onnx_files.values()])
    ran = subprocess.run(
        [python, "-c", RUN[name] + CHILD, paths], capture_output=True, text=True, timeout=600
    )
    assert ran.returncode == 0, ran.stderr
    return name


@pytest.mark.parametrize("name", FILES)
def test_an_older_runtime_equals_pytorch(older: str, onnx_files: dict[str, OnnxFile], name: str) -> None:
    file = onnx_files[name]
    with np.load(f"{file.path}.out.npz") as outputs:
        found = list(outputs.values())
    assert len(found) == len(file.expected)
    for ours, theirs in zip(found, file.expected, strict=True):
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
