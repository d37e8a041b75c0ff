"""Export a small random network for each preset, predict with it, and compare it with PyTorch; print a table.

    python tools/check_presets.py [PRESET ...] [--to TARGET ...] [--images PATH] [--out FOLDER]

INT8 is compared but not judged: random heatmaps have no peaks, so that small errors move keypoints far. The
exit status is 1 if another step fails.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import posedeploy
from posedeploy.errors import PoseDeployError, first_line
from posedeploy.presets import list_presets
from posedeploy.types import Model
from tools import preset_networks
from tools.command_line import run_tool

NETWORKS = Path(preset_networks.__file__)
PHOTO = NETWORKS.parents[1] / "docs" / "demo.jpg"


@dataclass(frozen=True)
class Cell:
    """The result of one step: its figures, or why it failed."""

    text: str
    passed: bool = True


@dataclass(frozen=True)
class Preset:
    """One preset with its network. folder: where its files are written."""

    name: str
    folder: Path
    targets: Sequence[str]
    images: Path

    @property
    def network(self) -> str:
        return f"{NETWORKS}:{self.name.replace('-', '_')}"

    def load(self) -> Model:
        """Save the random weights, and load them as a user would."""
        module, _ = getattr(preset_networks, self.name.replace("-", "_"))()
        torch.save(module.state_dict(), self.folder / "net.pth")
        return posedeploy.load_checkpoint(self.folder / "net.pth", network=self.network)

    def check(self) -> Iterator[Cell]:
        """Yield the result of export, predict, parity and INT8 with its comparison."""
        model = self.load()
        artifacts = posedeploy.export(model, list(self.targets), self.folder / "fp32")
        yield Cell(", ".join(artifact.target for artifact in artifacts))
        numbers = set()
        for artifact in artifacts:
            with posedeploy.load(artifact.path) as network:
                numbers.add(sum(len(poses) for poses in self._predict(network)))
        yield Cell(f"people: {', '.join(map(str, sorted(numbers)))}", len(numbers) == 1)
        yield self._compare(artifacts)
        options = posedeploy.ExportOptions(precision="int8", calibration_images=8)
        reduced = posedeploy.export(model, self.targets[0], self.folder / "int8", options=options)
        yield replace(self._compare(reduced), passed=True)

    def _predict(self, network: posedeploy.PoseEstimator) -> Iterator[posedeploy.Poses]:
        import cv2

        image = cv2.imread(str(self.images))
        if image is None:
            raise PoseDeployError(f"{self.images}: not an image; pass another file as --images")
        yield network(image)

    def _compare(self, artifacts: Sequence[posedeploy.Artifact]) -> Cell:
        report = posedeploy.compare(artifacts, network=self.network)
        texts = []
        for each in report.results:
            poses = each.poses
            worst = max(output.rtol for output in each.outputs)
            people = f"{poses.people} people, {poses.missed} missed, {poses.extra} extra" if poses else ""
            texts.append(f"{worst:.1e}, {people}" + "".join(f", {failure}" for failure in each.failures))
        return Cell("; ".join(texts), report.passed)


def check_preset(preset: Preset) -> list[Cell]:
    """Return the cells of a row; the steps after a failed one are missing."""
    cells: list[Cell] = []
    try:
        cells.extend(preset.check())
    except PoseDeployError as error:
        cells.append(Cell(first_line(error), passed=False))
    return cells


def print_row(name: str, cells: Sequence[Cell], write: Callable[[str], object] = print) -> None:
    texts = [cell.text if cell.passed else f"FAILED: {cell.text}" for cell in cells]
    write(f"| {' | '.join([name, *texts, *[''] * (4 - len(texts))])} |")


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("presets", nargs="*", help="all presets by default")
    parser.add_argument(
        "--to", nargs="+", default=["onnx", "openvino"], help="the targets; INT8 uses the first"
    )
    parser.add_argument("--images", type=Path, default=PHOTO, help="an image to predict on")
    parser.add_argument("--out", type=Path, help="keep the files in this folder")
    arguments = parser.parse_args()
    if unknown := [name for name in arguments.presets if name not in list_presets()]:
        parser.error(f"no preset is called {unknown[0]}; the presets are {', '.join(list_presets())}")
    passed = True
    with tempfile.TemporaryDirectory() as temporary:
        print("| preset | export | predict | parity | INT8 and its parity |\n|---|---|---|---|---|")
        for name in arguments.presets or list_presets():
            folder = (arguments.out or Path(temporary)) / name
            folder.mkdir(parents=True, exist_ok=True)
            cells = check_preset(Preset(name, folder, arguments.to, arguments.images))
            print_row(name, cells)
            passed = passed and all(cell.passed for cell in cells)
    return 0 if passed else 1


if __name__ == "__main__":
    run_tool(main)
