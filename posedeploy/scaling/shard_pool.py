"""Run the shards of a job on an autoscaled pool of workers (ray)."""

from __future__ import annotations

import logging
import platform
import traceback
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec
import ray.data
from ray.exceptions import RayError

from posedeploy.errors import InputError, PoseDeployError
from posedeploy.printable import counted
from posedeploy.scaling.cluster import Cluster, explain_failure
from posedeploy.scaling.shard_job import ShardJob
from posedeploy.scaling.shard_outcome import ShardOutcome
from posedeploy.scaling.shard_worker import ShardWorker


@dataclass(frozen=True)
class PoolSize:
    """The number of workers: ``minimum`` to ``maximum``, as the cluster has room."""

    minimum: int
    maximum: int


class PoolWorker:
    """A worker of the pool. It opens the models once, and sends errors as values, so that Ray retries nothing
    but the shards of dead workers."""

    def __init__(self, job: ShardJob) -> None:
        self._worker: ShardWorker | None = None
        self._error: BaseException | None = None
        try:
            self._worker = ShardWorker(job)
        except Exception as error:
            self._error = error

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"outcome": [msgspec.json.encode(self._compute(int(shard))) for shard in batch["item"]]}

    def _compute(self, shard: int) -> ShardOutcome:
        node = platform.node()
        try:
            if self._worker is None:
                assert self._error is not None, "the models are open, or there is an error"
                raise self._error
            return ShardOutcome(shard=shard, node=node, record=self._worker(shard))
        except PoseDeployError as error:
            return ShardOutcome(shard=shard, node=node, error=str(error), error_class=type(error).__name__)
        except Exception:
            return ShardOutcome(shard=shard, node=node, error=traceback.format_exc())


def choose_pool_size(workers: int | None, job: ShardJob, shards: int, cluster: Cluster) -> PoolSize:
    """Return the number of workers: ``workers``, or one up to as many as the cluster has room for.

    Raises:
        InputError: the cluster has no room for a worker.
    """
    threads = job.options.threads or 1
    room = cluster.gpus if needs_gpu(job) else cluster.cpus // threads
    if room < 1:
        resources = "no GPU" if needs_gpu(job) else f"{cluster.cpus} CPUs in all"
        argument = f"device={job.options.device}" if needs_gpu(job) else f"threads={threads}"
        raise InputError(f"`{argument}`: the cluster has {resources}; use another cluster or another value")
    if workers is not None and workers > room:
        raise InputError(
            f"`workers={workers}`: the cluster has room for {room} of {counted(threads, 'CPU')} each; use "
            "fewer workers, or a larger cluster"
        )
    maximum = min(room if workers is None else workers, shards)
    return PoolSize(1 if workers is None else maximum, maximum)


def needs_gpu(job: ShardJob) -> bool:
    """Return whether each worker of a job needs a GPU."""
    return job.options.device == "cuda"


def run_shards(job: ShardJob, shards: Sequence[int], size: PoolSize) -> Iterator[ShardOutcome]:
    """Yield the outcome of each shard as it is finished. Ray computes a shard whose worker died again on
    another worker; ``ShardWorker`` limits how often.

    Raises:
        ClusterError: a node cannot import posedeploy, or the cluster fails.
    """
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the defaults of Ray itself
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        outcomes = ray.data.from_items(list(shards), override_num_blocks=len(shards)).map_batches(
            PoolWorker,
            fn_constructor_args=(job,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=size.minimum,
                max_size=size.maximum,
                initial_size=size.maximum,
                max_tasks_in_flight_per_actor=1,
            ),
            num_cpus=job.options.threads or 1,
            num_gpus=1 if needs_gpu(job) else None,
        )
    try:
        for row in outcomes.iter_rows():
            yield msgspec.json.decode(row["outcome"], type=ShardOutcome)
    except RayError as error:
        raise explain_failure(error) from error
