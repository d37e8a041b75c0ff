"""Measure every network in every runtime and precision on a GPU: load time, latency, accuracy.

``python tools/gpu_table.py [--cases FOLDER] [--networks NAME ...] [--aoti NAME ...] [--json FILE]``

The networks are the built-in sample and the reference cases in the folder (by default POSEDEPLOY_REFERENCE,
or else the cases in the repository). All rows of a network are timed in the same rounds as PyTorch eager,
transfers included, at batch 1; the second table shows images per second at batch 32. Poses are compared
with PyTorch in FP32 on the CPU, in px and mm at the 95th percentile, and unmatched keypoints are
counted. The generated weights of the reference cases amplify rounding, so their poses are judged in FP32
only. The sample is trained, and its poses are judged in every precision. The exit status is 1 if a row does
not run or its poses are beyond the tolerance.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.checkpoints.loading import open_checkpoint
from posedeploy.checkpoints.sample import open_sample
from posedeploy.types import Model
from tests.support.data_folders import REFERENCE
from tests.support.reference_cases import BUNDLED, Case
from tools.command_line import run_tool
from tools.gpu_rows import Row, rows_of
from tools.gpu_throughput import MANY, many, show

CASES = (
    "gtrs-human36",
    "pose2mesh-human36",
    "mobile-human-pose-lpski",
    "lightweight-openpose-3d",
    "pose-hg-3d-msra50",
)

TITLES = (
    "network", "runtime", "precision", "load s", "ms", "x eager", "spread", "CUDA graph", "px", "mm",
    "unmatched", "verdict",
)  # fmt: skip


@dataclass
class Table:
    """All rows, which are printed when they are added."""

    rows: list[Row] = field(default_factory=list)

    def add(self, rows: Sequence[Row]) -> None:
        """Print and store the rows."""
        self.rows += rows
        for row in rows:
            show(*row.cells())


def models(folder: Path, names: Sequence[str], place: Path) -> Iterator[tuple[str, Model]]:
    """Yield the sample, and the cases that exist in the folder."""
    if not names or "sample" in names:
        yield "lightweight-openpose-2d, sample", open_sample()
    for name in CASES:
        if (folder / name).is_dir() and (not names or name.startswith(tuple(names))):
            case = Case(folder / name)
            mesh = case.write_mesh(place / f"{name}.npy")
            yield name, open_checkpoint(case.write(place / f"{name}.pth"), mesh=mesh)


def plan(arguments: argparse.Namespace) -> None:
    """Print the rows that would be measured."""
    for name in ("sample", *CASES):
        targets = targets_of(name, arguments.aoti)
        is_available = name == "sample" or (arguments.cases / name).is_dir()
        print(
            f"{name}: "
            + (f"pytorch, {', '.join(targets)}" if is_available else f"skipped, not in {arguments.cases}")
        )


def targets_of(name: str, compiled: Sequence[str]) -> list[str]:
    """Return the targets of a network."""
    return ["torchscript", "onnx", *(["aoti"] if any(part in name for part in compiled) else [])]


def measure(arguments: argparse.Namespace) -> list[Row]:
    """Measure and print every row."""
    table = Table()
    show(*TITLES)
    show(*("---" for _ in TITLES))
    with tempfile.TemporaryDirectory() as place:
        networks = list(models(arguments.cases, arguments.networks, Path(place)))
        for index, (name, model) in enumerate(networks):
            table.add(rows_of(name, model, Path(place) / str(index), targets_of(name, arguments.aoti)))
        if arguments.throughput:
            many(networks, Path(place))
    return table.rows


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    folder = REFERENCE.path / "cases" if REFERENCE.path.is_dir() else BUNDLED
    parser.add_argument("--cases", type=Path, default=folder)
    parser.add_argument("--networks", nargs="*", default=[], help="beginnings of names; all if not given")
    parser.add_argument("--aoti", nargs="*", default=["sample"], help="parts of names to compile as well")
    parser.add_argument("--throughput", action="store_true", help=f"also time batches of {MANY}")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--dry-run", action="store_true", help="print the rows that would be measured")
    arguments = parser.parse_args()
    if arguments.dry_run:
        plan(arguments)
        return 0
    if not torch.cuda.is_available():
        print("no CUDA device: nothing was measured", file=sys.stderr)
        return 1
    rows = measure(arguments)
    print(f"\n{torch.cuda.get_device_name()}, torch {torch.__version__}; {describe_machine()}")
    if arguments.json is not None:
        arguments.json.write_text(json.dumps([asdict(row) for row in rows], indent=1), encoding="utf-8")
    failed = sum(bool(row.failure) for row in rows)
    print(f"{len(rows) - failed} of {len(rows)} rows passed")
    return 1 if failed else 0


if __name__ == "__main__":
    run_tool(main)
