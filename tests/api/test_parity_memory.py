"""The memory of a comparison does not grow with the number of images."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

import posedeploy as pd
from posedeploy.api.load_checkpoint import load_checkpoint
from posedeploy.types import Artifact
from tests.support.faulty_networks import Graph
from tests.support.layered_network import load_network, write_checkpoint

SMALL_SET, LARGE_SET = 20, 200
MAX_GROWTH_MIB = 12.0
"""The images alone take 155 MiB more if they are kept, and the outputs of both sides 15 MiB."""
CODE = """
import sys
import posedeploy as pd
from posedeploy.benchmarks.footprint import peak_memory

report = pd.compare(sys.argv[1], sys.argv[2], threads=1, network=sys.argv[3])
assert report.passed
print(peak_memory())
"""


def _write_images(folder: Path, count: int) -> Path:
    folder.mkdir()
    for index in range(count):
        image = np.random.default_rng(index).integers(0, 256, (48, 64, 3), np.uint8)
        cv2.imwrite(str(folder / f"{index}.jpg"), cv2.resize(image, (640, 480)))
    return folder


def _measure_peak(artifact: Artifact, images: Path, network: str) -> float:
    """Return the peak resident memory in MiB of a process that compares an artifact on these images."""
    command = [sys.executable, "-c", CODE, str(artifact.path), str(images), network]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(result.stdout) / 2**20


@pytest.mark.slow
def test_ten_times_as_many_images_need_no_more_memory(tmp_path: Path) -> None:
    network = Graph().write(tmp_path / "network.py")
    checkpoint = write_checkpoint(load_network(network), tmp_path / "a.pth")
    [artifact] = pd.export(load_checkpoint(checkpoint, network=network), "onnx", tmp_path / "out")
    few, many = (
        _measure_peak(artifact, _write_images(tmp_path / str(count), count), network)
        for count in (SMALL_SET, LARGE_SET)
    )
    assert many - few < MAX_GROWTH_MIB
