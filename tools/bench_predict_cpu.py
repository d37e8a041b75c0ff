"""Measure the processor time of ``predict`` outside the network, by stage, also of another checkout.

::

    python tools/bench_predict_cpu.py ARTIFACT VIDEO [--rounds 5] [--baseline CHECKOUT]

The network runs once on each frame. Then ``predict`` runs with these outputs in new processes, those of the
two checkouts in turn, without threads of its own. Each time is the user and system time of all threads,
also those of the decoder and the encoder, in ms per frame: the median of the rounds, the lowest and the
highest.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import pickle
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from posedeploy import manifest
from posedeploy.poses.preprocess import prepare
from posedeploy.poses.tracking import Tracker
from posedeploy.predict import chain, pictures, run, video_reader, video_writer
from posedeploy.predict.poses_json import PosesDocument
from posedeploy.predict.sources import open_source
from posedeploy.runtimes.base import Runner
from posedeploy.runtimes.load_runner import open_runner
from posedeploy.types import RunOptions, RuntimeInfo, Tensors

ROOT = Path(__file__).resolve().parents[1]


class Replay(Runner):
    """A runner that returns recorded outputs in order."""

    def __init__(self, artifact: Any, outputs: list[Tensors]) -> None:
        self.inputs, self.outputs = artifact.spec.inputs, artifact.spec.outputs
        self.runtime_info = RuntimeInfo("replay", "1", "CPU", "fp32", 1, {})
        self._remaining = iter(outputs)

    def _run(self, tensors: Tensors) -> Tensors:
        return next(self._remaining)

    def _stream(self, batches: Iterator[Tensors]) -> Generator[Tensors, None, None]:
        yield from map(self._run, batches)


class InlineExecutor:
    """An executor that runs each call at once, so that the time of a stage is that of the whole process."""

    def __init__(self, threads: int) -> None:
        pass

    def __enter__(self) -> InlineExecutor:
        return self

    def __exit__(self, *error: object) -> None:
        pass

    def submit(self, call: Callable[..., Any], *args: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call(*args))
        return future


def time_stages(times: dict[str, float]) -> None:
    """Replace the stages of ``predict`` by ones that add their processor time to ``times``."""

    def wrap(owner: Any, name: str, stage: str) -> None:
        original = getattr(owner, name)

        def timed(*args: Any, **options: Any) -> Any:
            began = time.process_time()
            try:
                return original(*args, **options)
            finally:
                times[stage] += time.process_time() - began

        setattr(owner, name, timed)

    def frames(reader: Any, original: Any = video_reader.VideoReader.__iter__) -> Iterator[Any]:
        remaining = original(reader)
        while True:
            began = time.process_time()
            frame = next(remaining, None)
            times["capture"] += time.process_time() - began
            if frame is None:
                return
            yield frame

    video_reader.VideoReader.__iter__ = frames  # type: ignore[method-assign]
    wrap(chain, "prepare", "preprocess")
    wrap(chain.Predictor, "_decode_outputs", "decode")
    wrap(Tracker, "update", "track")
    wrap(pictures.Painter, "paint" if hasattr(pictures.Painter, "paint") else "__call__", "draw")
    wrap(video_writer.VideoWriter, "write", "encode")
    wrap(PosesDocument, "add", "record")
    vars(run)["ThreadPoolExecutor"] = InlineExecutor


def measure(artifact_path: str, video: str, recorded: str) -> None:
    """Print the times of one run, after one to warm up, and the hash of the poses as JSON."""
    artifact = manifest.read(Path(artifact_path))
    outputs = pickle.loads(Path(recorded).read_bytes())
    times: dict[str, float] = defaultdict(float)
    time_stages(times)
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(2):
            times.clear()
            began = time.process_time()
            run.predict(open_source(video), Replay(artifact, outputs), artifact, Path(folder) / "out")
            total = time.process_time() - began
        poses = json.loads((Path(folder) / "out" / "poses.json").read_bytes())
    digest = hashlib.sha256(json.dumps(poses["annotations"]).encode()).hexdigest()
    times["rest"] = total - sum(times.values())
    each = {stage: 1000 * seconds / len(outputs) for stage, seconds in times.items()}
    print(json.dumps({**each, "total": 1000 * total / len(outputs), "poses": digest}))


def record(artifact_path: Path, video: str) -> list[Tensors]:
    """Return the outputs of the network for each frame."""
    artifact = manifest.read(artifact_path)
    with open_runner(artifact, RunOptions()) as runner, open_source(video) as source:
        return [runner.run(prepare(frame.image, artifact.spec)[0]) for frame in source]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("artifact", type=Path, help="an artifact with its manifest")
    parser.add_argument("video", help="a video with people")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--baseline", type=Path, help="the folder of another checkout")
    arguments = parser.parse_args()
    checkouts = [folder for folder in (arguments.baseline, ROOT) if folder is not None]
    results: dict[Path, list[dict[str, Any]]] = {folder: [] for folder in checkouts}
    with tempfile.TemporaryDirectory() as folder:
        recorded = Path(folder) / "outputs"
        recorded.write_bytes(pickle.dumps(record(arguments.artifact, arguments.video)))
        call = ["import bench_predict_cpu as tool, sys; tool.measure(*sys.argv[1:])"]
        call += [str(arguments.artifact), arguments.video, str(recorded)]
        for turn in range(arguments.rounds):
            for checkout in checkouts[:: 1 if turn % 2 else -1]:
                path = os.pathsep.join([str(checkout.resolve()), str(ROOT / "tools")])
                done = subprocess.run(
                    [sys.executable, "-P", "-c", *call],
                    env=os.environ | {"PYTHONPATH": path},
                    capture_output=True,
                    text=True,
                    check=True,
                )
                results[checkout].append(json.loads(done.stdout))
    for checkout, rounds in results.items():
        print(f"{checkout}: poses {rounds[0]['poses'][:12]}")
        for stage in sorted(rounds[0].keys() - {"poses"}, key=list(rounds[0]).index):
            values = [each[stage] for each in rounds]
            print(f"  {stage:10} {statistics.median(values):6.2f} [{min(values):.2f} to {max(values):.2f}]")


if __name__ == "__main__":
    main()
