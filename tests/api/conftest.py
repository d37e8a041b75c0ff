"""Small networks of every family, and one that is exported."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import posedeploy as pd
from posedeploy.types import Array, Artifact, Model
from tests.commands.conftest import done, elsewhere, invoke, refused  # noqa: F401 - fixtures
from tests.predict.conftest import HEIGHT, PEOPLE, WIDTH, spec_of, write_image
from tests.support.lifting import small_gtrs, small_pose2mesh, write
from tests.support.networks import write_crop_network
from tests.support.result_documents import (
    PARITY,
    ROWS,
    bench_document,
    candidate,
    parity_document,
    tune_document,
    write_document,
)
from tests.support.synthetic_maps import Maps, crowd


class CrowdMaps(nn.Module):
    """A network that returns the maps of the same people for every image, on which they hardly depend."""

    def __init__(self, maps: Maps, names: tuple[str, ...]) -> None:
        super().__init__()
        self.maps = nn.ParameterList(torch.from_numpy(getattr(maps, name))[None] for name in names)

    def forward(self, data: Tensor) -> tuple[Tensor, ...]:
        hair = 1e-6 * nn.functional.avg_pool2d(data, 8).mean(1, keepdim=True)
        return tuple(each + hair for each in self.maps)


def crowd_model(family: str) -> Model:
    """Return a network of several people that finds ``PEOPLE`` of them in every image."""
    spec = spec_of(family, height=HEIGHT, width=WIDTH)
    names = tuple(tensor.name for tensor in spec.outputs)
    network = CrowdMaps(crowd(PEOPLE, HEIGHT // 8, WIDTH // 8), names).eval().requires_grad_(False)
    return Model(network, spec, None, "0" * 64)


@pytest.fixture(scope="session")
def networks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the checkpoints of small networks, ``NAME.pth``, and ``faces.npy``."""
    folder = tmp_path_factory.mktemp("own networks") / "día 1"
    folder.mkdir()
    for name in ("mobile", "hg", "hg2d"):
        write_crop_network(name, folder / f"{name}.pth")
    write(small_gtrs(), folder / "gtrs.pth")
    write(small_pose2mesh(), folder / "pose2mesh.pth")
    checkpoint = torch.load(folder / "hg.pth", weights_only=True)
    weights = checkpoint["state_dict"]
    first = next(name for name, weight in weights.items() if weight.shape[1:2] == (3,))
    weights[first] = weights[first].flip(1)
    torch.save(checkpoint, folder / "other.pth")
    return folder


@pytest.fixture(scope="session")
def artifact(networks: Path) -> Artifact:
    """A single-person network as TorchScript; do not change the file."""
    (model,) = pd.export(pd.load_checkpoint(networks / "hg.pth"), "torchscript", networks / "out")
    return model


@pytest.fixture(scope="session")
def photo() -> Array:
    """(256, 456, 3) noise in blocks."""
    blocks = np.random.default_rng(0).integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), np.uint8)
    return blocks.repeat(8, axis=0).repeat(8, axis=1)


@pytest.fixture
def photo_file(photo: Array, tmp_path: Path) -> Path:
    """The same as a file with a non-ASCII name."""
    return write_image(tmp_path / "día 1.png", photo)


@pytest.fixture
def bench() -> Path:
    """The file of times of PyTorch and two models, in the folder of the test."""
    return write_document(Path("bench.json"), bench_document(ROWS, compared=True))


@pytest.fixture
def parity() -> Path:
    """The file of the parity of the same models."""
    return write_document(Path("parity.json"), parity_document(PARITY))


@pytest.fixture
def search() -> Path:
    """The JSON of a search with one candidate of each result."""
    results = [
        candidate("openvino bf16", 0.4, 20),
        candidate("openvino int8", 1.8, 10, within_budget=False),
        candidate("openvino fp32", None, 40, within_budget=False, on_front=False),
        candidate("onnx fp16", 0.1, 50, status="failed", reason="`precision=fp16`: no", on_front=False),
        {"label": "onnx <b>fp32</b>", "status": "not tried", "reason": "the time limit was reached"},
    ]
    return write_document(Path("tune.json"), tune_document(results))
