"""Networks that return the same people for every image, and input files for them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from posedeploy import files
from posedeploy.convert.export import export
from posedeploy.runtimes.base import Runner
from posedeploy.specs import image_spec
from posedeploy.types import Array, Artifact, Model, ModelSpec, RuntimeInfo, Tensors
from tests.support.synthetic_maps import Maps, crowd

HEIGHT, WIDTH = 256, 456
PEOPLE = 2

MakeVideo: TypeAlias = Callable[..., Path]


def spec_of(family: str, batch: int = 1, **size: int) -> ModelSpec:
    """Return the spec of a network of a family. Without ``size``, its height and width are dynamic."""
    channels = {"heatmaps": 19, "pafs": 38} | ({"features": 57} if family.endswith("3d") else {})
    spec = image_spec(family, "crowd", channels, {name: name for name in channels})
    lengths = {"batch": batch, **size}
    return replace(
        spec,
        inputs=tuple(tensor.fixed(lengths) for tensor in spec.inputs),
        outputs=tuple(tensor.fixed(lengths) for tensor in spec.outputs),
    )


class CrowdRunner(Runner):
    """Returns the maps of the same people for every input, and counts its runs."""

    def __init__(self, spec: ModelSpec) -> None:
        self.inputs, self.outputs = spec.inputs, spec.outputs
        self.runtime_info = RuntimeInfo("crowd", "1", "CPU", "fp32", 1)
        self.runs = 0
        maps = crowd(PEOPLE, HEIGHT // 8, WIDTH // 8)
        self._maps = {name: getattr(maps, name)[None] for name in (output.name for output in spec.outputs)}

    def _run(self, tensors: Tensors) -> Tensors:
        self.runs += 1
        return {name: array.copy() for name, array in self._maps.items()}


class CrowdNetwork(nn.Module):
    """The same as a network that can be exported: its maps depend very slightly on the image."""

    def __init__(self, maps: Maps) -> None:
        super().__init__()
        self.register_buffer("heatmaps", torch.from_numpy(maps.heatmaps)[None])
        self.register_buffer("pafs", torch.from_numpy(maps.pafs)[None])

    heatmaps: Tensor
    pafs: Tensor

    def forward(self, data: Tensor) -> tuple[Tensor, Tensor]:
        hair = 1e-6 * nn.functional.avg_pool2d(data, 8).mean(1, keepdim=True)
        return self.heatmaps + hair, self.pafs + hair


@pytest.fixture(scope="session")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """The network as an OpenVINO artifact of fixed size, once for all tests."""
    module = CrowdNetwork(crowd(PEOPLE, HEIGHT // 8, WIDTH // 8)).eval()
    model = Model(module, spec_of("lightweight-openpose-2d", height=HEIGHT, width=WIDTH), None, "0" * 64)
    return export(model, ["openvino"], tmp_path_factory.mktemp("artifacts"), "crowd")[0]


@pytest.fixture
def artifact(tmp_path: Path) -> Artifact:
    """An artifact that describes what CrowdRunner returns; its file is not a model."""
    return _artifact(tmp_path / "crowd.onnx", "lightweight-openpose-2d")


@pytest.fixture
def artifact_3d(tmp_path: Path) -> Artifact:
    return _artifact(tmp_path / "crowd.onnx", "lightweight-openpose-3d")


def _artifact(path: Path, family: str) -> Artifact:
    path.write_bytes(b"a model")
    spec = spec_of(family, height=HEIGHT, width=WIDTH)
    return Artifact(path, "onnx", spec, "fp32", {path.name: files.sha256(path)})


@pytest.fixture
def photo() -> Array:
    """(256, 456, 3) smooth noise, which compresses like a photograph."""
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT, WIDTH, 3), np.uint8)
    blurred: Array = cv2.GaussianBlur(noise, (0, 0), 3)
    return blurred


@pytest.fixture
def video(tmp_path: Path, photo: Array) -> MakeVideo:
    """Return a function that writes a video and keeps the share ``keep`` of its bytes."""

    def make(name: str = "clip.avi", frames: int = 20, keep: float = 1.0) -> Path:
        path = tmp_path / name
        code = cv2.VideoWriter.fourcc(*("MJPG" if name.endswith("avi") else "mp4v"))
        writer = cv2.VideoWriter(str(path), code, 25, (WIDTH, HEIGHT))
        for shift in range(frames):
            writer.write(np.roll(photo, shift, axis=1))
        writer.release()
        content = path.read_bytes()
        path.write_bytes(content[: int(len(content) * keep)])
        return path

    return make


def write_image(path: Path, image: Array) -> Path:
    """Write an image file; its path may be non-ASCII."""
    encoded = cv2.imencode(path.suffix, image)[1]
    path.write_bytes(encoded.tobytes())
    return path
