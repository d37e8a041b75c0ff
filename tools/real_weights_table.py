"""Print how far the exports of human-pose-estimation-0001 and Intel's INT8 file are from PyTorch.

``python tools/real_weights_table.py FOLDER [--images IMAGE ...]``: the folder has the weights
``human-pose-estimation-0001.pth`` and Intel's ``human-pose-estimation-0001.xml`` with its ``.bin``, and
photographs (by default all its JPEG files). The network is exported to OpenVINO, ONNX, TFLite and TorchScript
in FP32. Each file is compared with PyTorch in FP32, as ``posedeploy parity`` does. ``passed`` is the verdict
on all inputs of parity, and the numbers are those of one photograph.
"""

from __future__ import annotations

import argparse
import logging
import sys
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import posedeploy as pd
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.benchmarks.parity import Parity
from posedeploy.benchmarks.pose_comparison import PoseComparison
from posedeploy.errors import InputError
from tools.command_line import run_tool

NAME = "human-pose-estimation-0001"
NETWORK = f"{Path(__file__).resolve().parents[1] / 'examples' / 'human_pose_estimation_0001.py'}:build"
TARGETS = ("openvino", "onnx", "tflite", "torchscript")
INTEL_CONTRACT = """
family = "lightweight-openpose-2d"
[input]
embedded = ["normalization"]
[outputs]
heatmaps = "Mconv7_stage2_L2"
pafs = "Mconv7_stage2_L1"
"""
TITLES = (
    "file", "precision", "passed", "photograph", "people matched", "keypoints unmatched",
    "px: median", "95%", "worst", "OKS: median", "worst",
)  # fmt: skip


def main() -> None:
    """Print the table."""
    style = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=style)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=Path, nargs="+")
    arguments = parser.parse_args()
    folder: Path = arguments.folder
    images: Sequence[Path] = arguments.images or sorted(folder.glob("*.jpg"))
    if not images:
        raise InputError(f"{folder}: expected JPEG files and found none; pass --images IMAGE")
    logging.disable(logging.WARNING)
    _print_row(TITLES)
    _print_row(["---"] * len(TITLES))
    for title, result in _compare(folder, images):
        for image in images:
            _print_row(_cells(title, result, image.name))
    print(f"\n{datetime.now(UTC):%Y-%m-%d}, {describe_machine()}")


def _compare(folder: Path, images: Sequence[Path]) -> list[tuple[str, Parity]]:
    """Return the comparison of each export and of Intel's file, with its title."""
    weights = folder / f"{NAME}.pth"
    with tempfile.TemporaryDirectory() as place:
        contract = Path(place) / "intel.toml"
        contract.write_text(INTEL_CONTRACT, encoding="utf-8")
        artifacts = pd.export(pd.load_checkpoint(weights, network=NETWORK), TARGETS, Path(place) / "out")
        report = pd.compare(artifacts, images, network=NETWORK)
        intel = pd.compare(
            folder / f"{NAME}.xml", images, checkpoint=weights, network=NETWORK, contract=contract
        )
    for errors in (report.errors, intel.errors):
        for message in errors.values():
            raise InputError(message)
    exports = {Path(result.label).suffix: result for result in report.results}
    titles = {artifact.path.suffix: artifact.target for artifact in artifacts}
    rows = [(f"export to {titles[suffix]}", result) for suffix, result in exports.items()]
    return [*rows, ("Intel's file", intel.results[0])]


def _cells(title: str, result: Parity, image: str) -> list[str]:
    assert result.paired is not None
    pairs = PoseComparison(tuple(each for each in result.paired.images if each.image == image))
    px, oks = pairs.summaries["px"], pairs.summaries["oks"]
    return [
        title,
        result.runtime_info.precision,
        "yes" if result.passed else "no",
        image,
        f"{pairs.people} of {pairs.people + pairs.missed}" + (f", {pairs.extra} extra" * bool(pairs.extra)),
        f"{pairs.unmatched_keypoints} of {pairs.keypoints + pairs.unmatched_keypoints}",
        *(f"{value:.2g}" for value in (px.median.value, px.p95.value, px.worst.value)),
        *(f"{value:.4f}" for value in (oks.median.value, oks.worst.value)),
    ]


def _print_row(cells: Sequence[str]) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    run_tool(main)
