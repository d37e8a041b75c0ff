"""The pool of workers on a real Ray."""

from __future__ import annotations

import os
import signal

import pytest

from posedeploy.errors import ClusterError

pytestmark = pytest.mark.slow


class DeadlyTask:
    """A worker that the task 1 kills."""

    def __call__(self, task: int) -> int:
        if task == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return task


def test_a_task_whose_workers_die_ends_the_job() -> None:
    from posedeploy.scaling.cluster import connect
    from posedeploy.scaling.worker_pool import PoolSize, compute_tasks

    message = "a worker died 2 times while it processed the same images; look for an image that crashes the"
    with connect(), pytest.raises(ClusterError, match=message):
        list(compute_tasks(DeadlyTask, [0, 1], PoolSize(1, 1, 1, 0), max_retries=1))
