"""What becomes of each reference case on every way out, as one table.

``python tools/reference_table.py CASES_FOLDER [NAME ...]``: the checkpoint is made by its rule and loaded
strictly; the first row of a case says how far PyTorch is from the published outputs. Each other row is a
target: the size of its file, the time of its export, how far it is from PyTorch by ``posedeploy parity``
(outputs, of their largest value; poses at the 99th percentile), and the median latency of PyTorch and all
runtimes in the same rounds, with how many times as fast as PyTorch that is. What is refused is told as it is.

TFLite by way of onnx2tf needs ``posedeploy env add onnx2tf``; an engine is built and not run without a
GPU.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.api.comparing import compare
from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import this_machine
from posedeploy.benchmarks.parity import Parity
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ExportOptions, TfliteOptions
from posedeploy.errors import PoseDeployError, first_line
from posedeploy.runtimes.pytorch import PyTorchRunner
from posedeploy.tensorrt.options import TensorRtOptions
from posedeploy.types import Artifact, Model, RunOptions
from tests.support.reference_cases import PUBLISHED, Case
from tools.bench_families import cell, row_of

USUAL = ExportOptions()
WAYS = {
    "torchscript": ("torchscript", USUAL),
    "onnx": ("onnx", USUAL),
    "openvino": ("openvino", USUAL),
    "aoti": ("aoti", USUAL),
    "tflite, litert-torch": ("tflite", USUAL),
    "tflite, onnx2tf": ("tflite", ExportOptions(tflite=TfliteOptions(converter="onnx2tf"))),
    "tensorrt-rtx": ("tensorrt", ExportOptions(tensorrt=TensorRtOptions(library="tensorrt-rtx"))),
}
"""Targets and what they are asked, by name."""
NOT_RUN = {"tensorrt-rtx"}
"""Those that nothing here runs."""
TITLES = ("network", "way", "MB", "export s", "off PyTorch", "poses off", "median ms", "spread")


@dataclass(frozen=True)
class Made:
    """One case on one way: the artifact, and how it compares; or why there is none."""

    way: str
    artifact: Artifact | None = None
    export_s: float = 0.0
    parity: Parity | None = None
    refusal: str = ""


def golden_distance(case: Case, model: Model) -> float:
    """How far PyTorch is from the published outputs, of their largest value, over all runs of the case."""
    with PyTorchRunner(model, RunOptions()) as runner:
        return max(
            case.distance(run, name, array)
            for run in case.description["runs"]
            for name, array in runner.run({runner.inputs[0].name: case.input(run)}).items()
            if name in run["outputs"]
        )


def made(model: Model, way: str, folder: Path, mesh: Path | None) -> Made:
    """Export on one way and compare with PyTorch."""
    target, options = WAYS[way]
    start = perf_counter()
    try:
        (artifact,) = export(model, [target], folder, way.replace(", ", "-"), options)
    except PoseDeployError as error:
        return Made(way, refusal=first_line(error))
    export_s = perf_counter() - start
    if way in NOT_RUN:
        return Made(way, artifact, export_s)
    try:
        (parity,) = compare(artifact, mesh=mesh).results
    except PoseDeployError as error:
        return Made(way, refusal=first_line(error))
    return Made(way, artifact, export_s, parity)


def poses_off(parity: Parity) -> str:
    """The errors of keypoints, joints and vertices at the 99th percentile."""
    poses = parity.poses
    if poses is None:
        return ""
    units = {"px": poses.error_px, "mm": poses.error_mm, "mm of vertices": poses.error_vertices_mm}
    return ", ".join(f"{error:.2g} {unit}" for unit, error in units.items() if error is not None)


def row(result: Made, times: dict[str, Latency]) -> tuple[str, ...]:
    """The cells of one way, after the network's."""
    if result.artifact is None:
        return result.way, "", "", f"refused: {result.refusal}", "", "", ""
    size = sum((result.artifact.path.parent / name).stat().st_size for name in result.artifact.files) / 1e6
    cells = (result.way, f"{size:.1f}", f"{result.export_s:.1f}")
    if result.parity is None:
        return (*cells, "not run here", "", "", "")
    parity, time = result.parity, times[result.way]
    off = f"{max(output.rtol for output in parity.outputs):.1e}"
    if parity.floor is not None:
        off += f" (noise floor {max(noise.largest for noise in parity.floor.outputs.values()):.1e})"
    verdict = "" if parity.passed else " NOT THE SAME"
    latency = cell(time, times["pytorch"])
    return *cells, off + verdict, poses_off(parity), latency, f"{time.spread or 0:.0%}"


def show(*cells: str) -> None:
    print("| " + " | ".join(cells) + " |", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cases", type=Path, help="the folder of the cases")
    parser.add_argument("names", nargs="*", help="beginnings of their names; all if not given")
    parser.add_argument("--on", nargs="+", choices=list(WAYS), default=list(WAYS), metavar="WAY")
    given = parser.parse_args()
    show(*TITLES)
    show(*("---" for _ in TITLES))
    for name in PUBLISHED:
        if given.names and not name.startswith(tuple(given.names)):
            continue
        case = Case(given.cases / name)
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            mesh = case.write_mesh(folder / "mesh.npy")
            model = open_checkpoint(case.write(folder / "net.pth"), mesh=mesh)
            golden = golden_distance(case, model)
            results = [made(model, way, folder, mesh) for way in given.on]
            running = {each.way: each.artifact for each in results if each.artifact and each.parity}
            times = row_of(model, running) if running else {}
            pytorch = times.get("pytorch")
            median = (f"{pytorch.median_ms:.3g}", f"{pytorch.spread or 0:.0%}") if pytorch else ("", "")
            show(
                f"{name}, strictly loaded", "pytorch", "", "", f"{golden:.1e} from the published", "", *median
            )
            for result in results:
                show("", *row(result, times))
    print(f"\n{this_machine()}")


if __name__ == "__main__":
    main()
