"""The nodes of a Ray cluster, chosen by label, and tasks that have a node for themselves (ray)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from posedeploy.errors import InputError
from posedeploy.scaling.cluster import explain_failure
from posedeploy.scaling.outcome import Outcome, attempt

RESOURCE_OF_LABEL = {"cpu": "CPU", "cuda": "GPU"}
"""The labels of Ray's own resources. Others are custom resources, or labels of nodes."""
OF_A_NODE = "node:"
"""The prefix of the resource that Ray gives each node for itself."""
NODE_RESOURCES = (OF_A_NODE, "memory", "object_store_memory")
"""Names and prefixes of the resources that every node has."""


@dataclass(frozen=True)
class Node:
    """A node. resources: all that tasks can take of it, including Ray's resource of the node itself."""

    id: str
    host: str
    resources: Mapping[str, float]


def choose_nodes(labels: Sequence[str]) -> dict[str, Node]:
    """Return a node for each label; different labels have different nodes if possible.

    A label is ``cpu`` (any node), ``cuda`` (a node with a GPU), the name of a custom resource, or the key or
    the value of a label of a node.

    Raises:
        InputError: no node has one of the labels.
    """
    nodes = [node for node in ray.nodes() if node["Alive"]]  # type: ignore[no-untyped-call]
    nodes.sort(key=lambda node: node["Resources"].get("GPU", 0))  # ``cpu`` prefers nodes without a GPU
    chosen: dict[str, Node] = {}
    for label in labels:
        matching = [node for node in nodes if label in _labels_of(node)]
        if not matching:
            known = sorted(set().union(*map(_labels_of, nodes)))
            raise InputError(
                f"`on={label}`: no node of the cluster has this label; expected one of {', '.join(known)}"
            )
        used = {node.id for node in chosen.values()}
        best = next((node for node in matching if node["NodeID"] not in used), matching[0])
        chosen[label] = Node(best["NodeID"], best["NodeManagerHostname"], _exclusive(best["Resources"]))
    return chosen


def run_alone(tasks: Sequence[tuple[Node, Callable[[], Any]]]) -> Iterator[Outcome]:
    """Run each task on its node without other Ray tasks, and yield the outcomes in order.

    A task takes all CPUs and GPUs of its node, and the resource of the node itself, since a node may have
    neither. So two tasks never share one.
    """
    run = ray.remote(max_retries=0)(attempt)
    pending = [
        run.options(
            num_cpus=node.resources.get("CPU", 0),
            num_gpus=node.resources.get("GPU", 0),
            resources={name: node.resources[name] for name in node.resources if name.startswith(OF_A_NODE)},
            scheduling_strategy=NodeAffinitySchedulingStrategy(node.id, soft=False),
        ).remote(task)
        for node, task in tasks
    ]
    for (node, _), reference in zip(tasks, pending, strict=True):
        try:
            yield ray.get(reference)
        except RayError as error:
            failure = explain_failure(error)
            yield Outcome(node.host, error=str(failure), error_class=type(failure).__name__)


def _exclusive(resources: Mapping[str, float]) -> dict[str, float]:
    """Return the resources of a node that a task takes so that no other task can run beside it."""
    names = [name for name in resources if name.startswith(OF_A_NODE) and not name.startswith("node:__")]
    return {name: resources[name] for name in ("CPU", "GPU", *names) if name in resources}


def _labels_of(node: dict[str, Any]) -> set[str]:
    resources = {name for name, amount in node["Resources"].items() if amount}
    named = {label for label, resource in RESOURCE_OF_LABEL.items() if resource in resources}
    custom = {
        name
        for name in resources - set(RESOURCE_OF_LABEL.values())
        if not name.startswith((*NODE_RESOURCES, "accelerator_type:"))
    }
    own = {
        text for pair in node.get("Labels", {}).items() if not pair[0].startswith("ray.io/") for text in pair
    }
    return named | custom | own
