"""An autoscaled pool of workers that compute tasks (Ray Data)."""

from __future__ import annotations

import logging
import pickle
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import ray.data
from ray.exceptions import RayError

from posedeploy.errors import InputError
from posedeploy.printable import counted
from posedeploy.scaling.cluster import Cluster, explain_failure
from posedeploy.scaling.outcome import Outcome, attempt
from posedeploy.types import OnProgress, RunOptions

logger = logging.getLogger(__name__)

OpenWorker: TypeAlias = Callable[[], Callable[[Any], Any]]
"""Opens the models of a worker, and returns the function that computes a task. It can be pickled."""


@dataclass(frozen=True)
class PoolSize:
    """The number of workers, from ``minimum`` to ``maximum``. cpus, gpus: for each worker."""

    minimum: int
    maximum: int
    cpus: int
    gpus: int


class PoolWorker:
    """A worker of the pool. It opens the models once, and returns errors as values, so that Ray retries only
    the tasks of dead workers."""

    def __init__(self, open_worker: OpenWorker) -> None:
        self._opened = attempt(open_worker)

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[bytes]]:
        return {"item": [pickle.dumps(self._compute(pickle.loads(task))) for task in batch["item"]]}

    def _compute(self, task: Any) -> Outcome:
        return self._opened if self._opened.error else attempt(lambda: self._opened.value(task))


def choose_pool_size(workers: int | None, options: RunOptions, tasks: int, cluster: Cluster) -> PoolSize:
    """Return the size of the pool: ``workers``, or from one to as many as fit on the cluster.

    Raises:
        InputError: the cluster has no room for them.
    """
    threads = options.threads or 1
    needs_gpu = options.device == "cuda"
    room = cluster.gpus if needs_gpu else cluster.cpus // threads
    if room < 1:
        resources = "no GPU" if needs_gpu else counted(cluster.cpus, "CPU")
        argument = f"device={options.device}" if needs_gpu else f"threads={threads}"
        raise InputError(f"`{argument}`: the cluster has {resources}; use another cluster or another value")
    if workers is not None and workers > room:
        each = "one GPU" if needs_gpu else counted(threads, "CPU")
        raise InputError(
            f"`workers={workers}`: the cluster has room for {room} with {each} each; use fewer workers, or a "
            "larger cluster"
        )
    maximum = min(room if workers is None else workers, tasks)
    return PoolSize(1 if workers is None else maximum, maximum, threads, int(needs_gpu))


def report_start(size: PoolSize, cluster: Cluster, on_progress: OnProgress) -> None:
    """Report Ray's dashboard, and whether the workers start or wait for other jobs."""
    if cluster.dashboard:
        logger.info(f"Ray's dashboard: http://{cluster.dashboard.removeprefix('http://')}")
    kind = "GPU" if size.gpus else "CPU"
    needed = size.gpus or size.cpus
    free, total = (cluster.free_gpus, cluster.gpus) if size.gpus else (cluster.free_cpus, cluster.cpus)
    if free >= needed:
        on_progress(f"starting {counted(min(size.maximum, free // needed), 'worker')}", None)
        return
    text = f"{free} of {counted(total, kind)} free, and a worker needs {needed}"
    logger.info(f"the cluster is busy: {text}; waiting for other jobs to end")
    on_progress(f"waiting for other jobs ({text})", None)


def compute_tasks(
    open_worker: OpenWorker, tasks: Sequence[Any], size: PoolSize, *, max_retries: int = -1
) -> Iterator[Outcome]:
    """Yield the outcome of each task when it is finished. If a worker dies, Ray computes its task again on
    another one.

    Args:
        tasks: can be pickled.
        max_retries: how often a task is computed again; -1 for no limit, if the worker has one of its own.

    Raises:
        ClusterError: a node cannot import posedeploy, a task's workers died too often, or the cluster fails.
    """
    logging.getLogger("ray.data").setLevel(logging.CRITICAL)
    items = [pickle.dumps(task) for task in tasks]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of the defaults of Ray itself
        context = ray.data.DataContext.get_current()
        context.enable_progress_bars = False
        outcomes = ray.data.from_items(items, override_num_blocks=len(items)).map_batches(
            PoolWorker,
            fn_constructor_args=(open_worker,),
            batch_size=1,
            compute=ray.data.ActorPoolStrategy(
                min_size=size.minimum,
                max_size=size.maximum,
                initial_size=size.maximum,
                max_tasks_in_flight_per_actor=1,
            ),
            num_cpus=size.cpus,
            num_gpus=size.gpus or None,
            max_task_retries=max_retries,
        )
    try:
        # Prefetching would hold each outcome back until the next one arrives.
        for batch in outcomes.iter_batches(batch_size=None, prefetch_batches=0):
            yield from map(pickle.loads, batch["item"])
    except RayError as error:
        raise explain_failure(error, max_retries + 1) from error
