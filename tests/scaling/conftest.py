"""A small network whose poses depend on the image, images, and a Ray cluster on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.api.writing_poses import PredictSettings
from posedeploy.scaling import predicting
from posedeploy.scaling.ray_settings import RaySettings
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.scaling.shard_worker import ShardWorker
from tests.commands.conftest import done, elsewhere, invoke, refused  # noqa: F401 - fixtures
from tests.support.networks import write_crop_network

OBJECT_STORE_BYTES = 100 * 1024**2
WITHOUT_PICTURES = PredictSettings(draw=False)


@pytest.fixture(scope="session")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A single-person network as an ONNX file."""
    folder = tmp_path_factory.mktemp("model")
    checkpoint = write_crop_network("hg2d", folder / "hg2d.pth")
    return export(load_checkpoint(checkpoint), ["onnx"], folder)[0].path


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of 12 different images, the fourth of which is damaged."""
    folder = tmp_path_factory.mktemp("photos é 1")
    for number in range(12):
        pixels = np.random.default_rng(number).integers(0, 255, (12, 16, 3), np.uint8)
        cv2.imwrite(str(folder / f"{number:02d}.png"), cv2.resize(pixels, (320, 240)))
    (folder / "03.png").write_bytes((folder / "03.png").read_bytes()[:3000])
    return folder


@pytest.fixture(scope="module")
def in_one_process() -> Iterator[None]:
    """Compute the shards in this process."""

    def compute(folder: Any, job: ShardJob, document: Any, finished: Any, *rest: object) -> list[str]:
        worker = ShardWorker(job)
        for shard in range(document.shards):
            if shard not in finished:
                finished[shard] = worker(shard)
                folder.append_record(finished[shard])
        worker.close()
        return []

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predicting, "_compute", compute)
        yield


@pytest.fixture
def address() -> Iterator[str]:
    """The address of a Ray cluster of one node with two CPUs."""
    with running_cluster() as cluster:
        yield cluster.address


class running_cluster:
    """A Ray cluster on this machine: a head node with two CPUs, and other nodes as the block adds them."""

    def __enter__(self) -> Any:
        from ray.cluster_utils import Cluster

        from posedeploy.scaling.cluster import VARIABLES

        os.environ.update(VARIABLES)
        self._cluster = Cluster(
            initialize_head=True,
            head_node_args={
                "num_cpus": 2,
                "object_store_memory": OBJECT_STORE_BYTES,
                "include_dashboard": False,
            },
        )
        return self._cluster

    def __exit__(self, *error: object) -> None:
        self._cluster.shutdown()


def in_shards(size: int, **settings: Any) -> RaySettings:
    """Return settings with this number of images in each shard."""
    return RaySettings(shard_size=size, **settings)
