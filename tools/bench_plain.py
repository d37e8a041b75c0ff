"""Compare the exports of posedeploy with plain exports of the same network, each in its runtime.

``python tools/bench_plain.py [NAME ...]``: random weights, one image or person, FP32. A plain export is one
call of the vendor's exporter: ``torch.onnx.export``, and ``openvino.convert_model`` on that file. The same
runner runs both in the same rounds as PyTorch eager. Each cell contains the median of the posedeploy export
in ms, that of the plain export, and in parentheses their ratio; above 1, the posedeploy export is faster.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

import openvino
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.benchmarks.latency import Latency
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.convert.export import export
from posedeploy.runtimes.load_runner import open_artifact
from posedeploy.types import Artifact, Model
from tools.bench_families import each_opened, row_of
from tools.command_line import run_tool

TARGETS = ("onnx", "openvino")


def plain_exports(network: nn.Module, model: Model, shape: tuple[int, ...], folder: Path) -> list[Artifact]:
    """Export a file for each of ``TARGETS`` without posedeploy.

    Args:
        network: in eval mode. model: of the same network; its inputs and outputs have the same names.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    onnx, xml = folder / "plain.onnx", folder / "plain.xml"
    (data,) = model.spec.inputs
    torch.onnx.export(
        network,
        (torch.zeros(shape),),
        onnx,
        dynamo=True,
        verbose=False,
        input_names=[data.name],
        output_names=[output.name for output in model.spec.outputs],
    )
    openvino.save_model(openvino.convert_model(onnx), xml, compress_to_fp16=False)
    return [open_artifact(onnx), open_artifact(xml)]


def times_of(
    network: nn.Module, model: Model, shape: tuple[int, ...], folder: Path
) -> dict[str, tuple[Latency, Latency | None]]:
    """Return the times of both exports by target, and those of PyTorch, without a plain export."""
    ours = export(model, TARGETS, folder, "ours")
    plain = plain_exports(network, model, shape, folder)
    results = row_of(
        model,
        {artifact.target: artifact for artifact in ours}
        | {f"plain {artifact.target}": artifact for artifact in plain},
    )
    return {name: (results[name], results.get(f"plain {name}")) for name in ("pytorch", *TARGETS)}


def cells(times: dict[str, tuple[Latency, Latency | None]]) -> list[str]:
    """Return ``12.3, plain 14.5 (1.18x)`` for each, and the largest spread."""
    columns = []
    for ours, plain in times.values():
        comparison = (
            f", plain {plain.median_ms:.3g} ({plain.median_ms / ours.median_ms:.2f}x)" if plain else ""
        )
        columns.append(f"{ours.median_ms:.3g}{comparison}")
    spread = max(each.spread or 0.0 for pair in times.values() for each in pair if each)
    return [*columns, f"{spread:.0%}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help="beginnings of the networks' names; all if not given")
    arguments = parser.parse_args()
    torch.manual_seed(0)
    print("| network | pytorch | " + " | ".join(TARGETS) + " | spread |")
    print("|---" * (len(TARGETS) + 3) + "|")
    for name, network, shape, model, folder in each_opened(arguments.names):
        row = cells(times_of(network, model, shape, folder))
        print(f"| {name} | " + " | ".join(row) + " |", flush=True)
    print(f"\n{describe_machine()}")


if __name__ == "__main__":
    run_tool(main)
