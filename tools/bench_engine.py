"""Compare the time to build the engine of the sample with that of direct TensorRT-RTX calls on the same ONNX.

    python tools/bench_engine.py [ROUNDS]

Needs no GPU. Nothing here asserts.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy import plugins
from posedeploy.checkpoints.sample import open_sample
from posedeploy.convert.export import export
from posedeploy.convert.export_options import ignore_progress
from posedeploy.tensorrt.builder import build
from posedeploy.tensorrt.libraries import error_logger
from posedeploy.tensorrt.options import TensorRtOptions
from tools.bench_costs import interleaved, spread
from tools.command_line import parse_rounds, run_tool


def main() -> None:
    """Print both times and their ratio."""
    rounds = parse_rounds(__doc__, 9)
    with tempfile.TemporaryDirectory() as folder:
        (artifact,) = export(open_sample(), ["tensorrt"], Path(folder), "sample")
        graph = artifact.path.with_name(artifact.details["onnx"])
        calls: dict[str, Callable[[], object]] = {
            "ours": lambda: build(graph, TensorRtOptions("tensorrt-rtx"), {}, ignore_progress),
            "bare": lambda: _bare(graph),
        }
        times = interleaved(calls, rounds)
    ratio = statistics.median(times["ours"]) / statistics.median(times["bare"])
    print(
        f"engine of lightweight-openpose-2d: ours {spread(times['ours'])} s, bare {spread(times['bare'])} s, "
        f"ratio {ratio:.3f}; wanted under 2 s"
    )


def _bare(graph: Path) -> None:
    tensorrt_rtx = plugins.module("tensorrt_rtx")
    log = error_logger(tensorrt_rtx)
    builder = tensorrt_rtx.Builder(log)
    network = builder.create_network(1 << int(tensorrt_rtx.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    assert tensorrt_rtx.OnnxParser(network, log).parse(graph.read_bytes())
    assert builder.build_serialized_network(network, builder.create_builder_config()) is not None


if __name__ == "__main__":
    run_tool(main)
