"""Compare ``predict`` with and without ``--ray``: rate, overhead, memory, growth and the time to resume.

::

    python tools/bench_scale.py --shards 8 --workers 1 2 4 --sizes 100 1000 --json scale.json

On a loaded machine, compare processor times and the overhead only: both sides of these ratios run under the
same load.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import ray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from posedeploy.api.exporting import export
from posedeploy.api.load_checkpoint import load_checkpoint, load_sample
from posedeploy.api.writing_poses import PredictSettings, write_poses
from posedeploy.benchmarks.machine_info import describe_machine
from posedeploy.scaling.cluster import OBJECT_STORE_BYTES, VARIABLES
from posedeploy.scaling.predicting import write_pose_shards
from posedeploy.scaling.ray_settings import RaySettings
from posedeploy.synthetic.coco_annotations import write_images
from tests.support.networks import write_crop_network
from tools.shard_intervals import find_intervals, measure_rate

SEED = 1
DISTINCT = 40
"""The number of different images; longer lists repeat them."""
WITHOUT_PICTURES = PredictSettings(draw=False)


@dataclass(frozen=True)
class RayRun:
    """One run on Ray.

    wall_s: the whole call. first_s: until the first shard was finished. images_per_s: see ``measure_rate``.
    period_s: from the first to the last shard, for each of the others. shard_s: the mean time of these within
    a worker. worker_cpu_ms: processor time for each image. driver_cpu_s: processor time of the calling
    process. max_rss_bytes: of the largest worker. shard_bytes: of the shards, for each image. resume_s: the
    time to resume the finished job, which checks all shards and images. resume_last_s: the same, if the last
    shard has to be computed again.
    """

    images: int
    shard_size: int
    workers: int
    used_workers: int
    wall_s: float
    first_s: float
    images_per_s: float
    period_s: float
    shard_s: float
    worker_cpu_ms: float
    driver_cpu_s: float
    max_rss_bytes: int
    driver_rss_bytes: int
    shard_bytes: float
    resume_s: float
    resume_last_s: float

    @property
    def overhead(self) -> float:
        """The share of the time of a worker that is not spent within shards, for one worker."""
        return self.period_s / self.shard_s - 1


def run_on_ray(model: Path, images: Path, count: int, folder: Path, size: int, workers: int) -> RayRun:
    """Run a job, and then resume it without anything left to do."""
    shutil.rmtree(folder, ignore_errors=True)
    settings = RaySettings(shard_size=size, workers=workers)
    started, cpu_started = time.time(), time.process_time()
    result = write_pose_shards(model, images, folder, WITHOUT_PICTURES, settings, threads=1)
    wall, cpu = time.time() - started, time.process_time() - cpu_started
    intervals = find_intervals(folder, result.shards)
    resume_s = time_resume(model, images, folder, settings)
    (folder / result.shards[-1].file).unlink()
    resume_last_s = time_resume(model, images, folder, settings)
    return RayRun(
        images=count,
        shard_size=size,
        workers=workers,
        used_workers=len({shard.worker for shard in result.shards}),
        wall_s=wall,
        first_s=intervals[0].end - started,
        images_per_s=measure_rate(intervals),
        period_s=(intervals[-1].end - intervals[0].end) / max(1, len(intervals) - 1),
        shard_s=statistics.fmean(each.end - each.start for each in intervals[1:] or intervals),
        worker_cpu_ms=1000 * sum(shard.cpu_seconds for shard in result.shards) / count,
        driver_cpu_s=cpu,
        max_rss_bytes=max(shard.max_rss_bytes for shard in result.shards),
        driver_rss_bytes=resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        shard_bytes=sum(shard.bytes for shard in result.shards) / count,
        resume_s=resume_s,
        resume_last_s=resume_last_s,
    )


def time_resume(model: Path, images: Path, folder: Path, settings: RaySettings) -> float:
    """Resume a job, and return the wall time in s."""
    started = time.monotonic()
    write_pose_shards(model, images, folder, WITHOUT_PICTURES, replace(settings, resume=True), threads=1)
    return time.monotonic() - started


def run_plainly(model: Path, images: Path, folder: Path) -> tuple[float, float]:
    """Run ``predict`` without Ray; return its wall time and its processor time in s."""
    started, cpu_started = time.monotonic(), time.process_time()
    write_poses(model, images, folder, WITHOUT_PICTURES, threads=1)
    return time.monotonic() - started, time.process_time() - cpu_started


def link_images(paths: Sequence[Path], folder: Path, count: int) -> Path:
    """Return a folder of ``count`` images, which are links to these."""
    folder.mkdir(parents=True)
    for number in range(count):
        path = paths[number % len(paths)]
        os.link(path, folder / f"{number:06d}{path.suffix}")
    return folder


def format_row(run: RayRun, plain_cpu_ms: float) -> str:
    """Return a row of the table."""
    cpu = f"{run.worker_cpu_ms / plain_cpu_ms:.2f}" if plain_cpu_ms else ""
    overhead = f"{run.overhead:+.1%}" if run.workers == 1 and run.images > run.shard_size else ""
    return (
        f"| {run.used_workers} | {run.images} | {run.images_per_s:.1f} | {overhead} "
        f"| {run.worker_cpu_ms:.1f} | {cpu} | {run.driver_cpu_s:.2f} | {run.max_rss_bytes / 2**20:.0f} "
        f"| {run.driver_rss_bytes / 2**20:.0f} | {run.first_s:.1f} | {run.resume_s:.2f} "
        f"| {run.resume_last_s:.1f} | {run.shard_bytes:.0f} |"
    )


COLUMNS = (
    "workers", "images", "images/s", "overhead", "worker CPU ms per image", "x plain CPU", "driver CPU s",
    "worker MiB", "driver MiB", "first shard s", "resume s", "resume with a shard left s",
    "shard bytes per image",
)  # fmt: skip
HEADING = f"| {' | '.join(COLUMNS)} |\n|{'---|' * len(COLUMNS)}"


def measure(arguments: argparse.Namespace, folder: Path) -> dict[str, object]:
    """Run all measurements in a temporary folder, print the tables, and return the raw figures."""
    model = arguments.model or export(load_sample(), ["onnx"], folder / "model")[0].path
    _, *distinct = write_images(folder / "distinct", DISTINCT, SEED)
    each = arguments.shards * arguments.shard_size
    images = {
        workers: link_images(distinct, folder / f"images for {workers}", each * workers)
        for workers in {1, *arguments.workers}
    }
    plain: list[tuple[float, float]] = []
    runs: list[RayRun] = []
    for number in range(arguments.rounds):
        plain.append(run_plainly(model, images[1], folder / f"plain{number}"))
        for workers in arguments.workers:
            job = (images[workers], each * workers, folder / "out", arguments.shard_size, workers)
            runs.append(run_on_ray(model, *job))
    cpu_ms = 0.0
    if plain:
        wall_s = statistics.median(wall for wall, _ in plain)
        cpu_ms = 1000 * statistics.median(cpu for _, cpu in plain) / each
        print(f"plain loop: {each / wall_s:.1f} images/s, {cpu_ms:.1f} ms of CPU for each image\n")
    print(HEADING, *(format_row(run, cpu_ms) for run in runs), sep="\n")
    growth = measure_growth(arguments.sizes, folder, max(arguments.workers), arguments.growth_shard_size)
    return {
        "machine": asdict(describe_machine()),
        "plain": plain,
        "runs": list(map(asdict, [*runs, *growth])),
    }


def measure_growth(sizes: Sequence[int], folder: Path, workers: int, shard_size: int) -> list[RayRun]:
    """Run jobs of growing size on a small network and small images, so that the job itself dominates."""
    if not sizes:
        return []
    model = export(load_checkpoint(write_crop_network("hg2d", folder / "hg2d.pth")), ["onnx"], folder)[0].path
    _, *small = write_images(folder / "small", DISTINCT, SEED, (64, 64))
    print(f"\ngrowth, {shard_size} images in each shard\n\n{HEADING}")
    runs = []
    for size in sizes:
        images = link_images(small, folder / f"images{size}", size)
        runs.append(run_on_ray(model, images, size, folder / "out", shard_size, workers))
        print(format_row(runs[-1], 0.0), flush=True)
    return runs


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the arguments, measure, and write the JSON."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--model", type=Path, help="an artifact; the built-in sample as ONNX by default")
    parser.add_argument("--shards", type=int, default=8, help="shards for each worker")
    parser.add_argument("--shard-size", type=int, default=16)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--sizes", type=int, nargs="*", default=[], help="images of growing jobs")
    parser.add_argument("--growth-shard-size", type=int, default=16)
    parser.add_argument("--json", type=Path)
    parsed = parser.parse_args(arguments)
    os.environ.update(VARIABLES)
    # More workers than this machine has cores are measured too.
    ray.init(
        address="local",
        num_cpus=max(parsed.workers),
        object_store_memory=OBJECT_STORE_BYTES,
        log_to_driver=False,
        logging_level=50,
    )
    try:
        with tempfile.TemporaryDirectory() as folder:
            document = measure(parsed, Path(folder))
    finally:
        ray.shutdown()
    if parsed.json is not None:
        parsed.json.write_text(json.dumps(document, indent=2))


if __name__ == "__main__":
    main()
