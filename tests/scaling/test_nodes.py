"""Tasks that have a node of a Ray cluster for themselves."""

from __future__ import annotations

import time

import pytest

from posedeploy.scaling.cluster import connect
from posedeploy.scaling.nodes import choose_nodes, run_alone
from tests.scaling.conftest import OBJECT_STORE_BYTES, running_cluster

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("cpus", [0, 2])
def test_two_tasks_never_share_a_node(cpus: int) -> None:
    def measure() -> tuple[float, float]:
        started = time.time()
        time.sleep(1)
        return started, time.time()

    with running_cluster() as cluster:
        cluster.add_node(num_cpus=cpus, object_store_memory=OBJECT_STORE_BYTES, resources={"camera": 2})
        with connect(cluster.address):
            (node,) = choose_nodes(["camera"]).values()
            (first, ended), (second, _) = (outcome.take() for outcome in run_alone([(node, measure)] * 2))
    assert ended <= second or second + 1 <= first
