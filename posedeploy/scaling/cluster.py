"""Connect to a Ray cluster, or start Ray on this machine (ray)."""

from __future__ import annotations

import logging
import os
import re
import signal
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import ray
from ray.exceptions import RayActorError

from posedeploy.errors import ClusterError, InputError, first_line
from posedeploy.suppress_output import suppress_stderr

VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_BACKEND_LOG_LEVEL": "fatal",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",
    "RAY_worker_niceness": "0",
}
"""Variables that Ray reads when it starts: no usage statistics, no log lines of its own, and workers of the
same priority as this process."""
LOCAL = "local"
"""The address that starts Ray on this machine."""
OBJECT_STORE_BYTES = 200 * 1024**2
"""The object store of Ray on this machine. Only shard numbers and records pass through it."""
CONNECT_S = 5.0
TRIES_VARIABLE = "RAY_gcs_server_port_wait_time_s"
"""The variable with the number of times that Ray tries to connect."""
ADDRESS = re.compile(r"(?P<host>\[[0-9a-fA-F:]+\]|[^\s:/]+):(?P<port>\d{1,5})|auto|local")
_MISSING = re.compile(r"No module named '([^']+)'")
_VERSIONS = re.compile(r"(Ray|Python): (\S+)")


@dataclass(frozen=True)
class Cluster:
    """A connected cluster. cpus, gpus: of all nodes. dashboard: the URL of Ray's dashboard, if it runs.
    free_cpus, free_gpus: those that no other job uses."""

    nodes: int
    cpus: int
    gpus: int
    dashboard: str | None
    free_cpus: int
    free_gpus: int


@contextmanager
def connect(address: str = LOCAL) -> Iterator[Cluster]:
    """Connect to the cluster at ``HOST:PORT``, or to the one on this machine with ``auto``; ``local`` starts
    Ray on this machine, and ends it after the block.

    A process that is connected already uses this cluster, and stays connected.

    Raises:
        InputError: the address has another form.
        ClusterError: the cluster cannot be reached, or has another version of Python or Ray.
    """
    if ADDRESS.fullmatch(address) is None:
        raise InputError(
            f"`ray={address}`: expected HOST:PORT of a cluster, auto for the cluster on this machine, "
            "or local to start Ray on this machine"
        )
    is_connected = ray.is_initialized()
    context = _connect(address)
    try:
        resources: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
        nodes = sum(node["Alive"] for node in ray.nodes())  # type: ignore[no-untyped-call]
        free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
        (cpus, free_cpus), (gpus, free_gpus) = (
            (int(resources.get(name, 0)), int(free.get(name, 0))) for name in ("CPU", "GPU")
        )
        yield Cluster(nodes, cpus, gpus, context.dashboard_url or None, free_cpus, free_gpus)
    finally:
        if not is_connected:
            ray.shutdown()


def _connect(address: str) -> Any:
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    logging.getLogger("ray").setLevel(logging.CRITICAL)
    _check_port(address)
    try:
        with _keep_sigterm(), _try_once(address), suppress_stderr():  # Ray reports the level of its log
            return ray.init(
                address=address,
                ignore_reinit_error=True,
                log_to_driver=False,
                configure_logging=False,
                logging_level=logging.CRITICAL,
                object_store_memory=OBJECT_STORE_BYTES if address == LOCAL else None,
            )
    except (ConnectionError, RuntimeError, ValueError, TimeoutError) as error:
        ray.shutdown()  # what was started before the error
        raise _explain(address, error) from error


def _check_port(address: str) -> None:
    """Check that something listens at ``HOST:PORT``, since Ray itself takes half a minute to find out.

    Raises:
        ClusterError: nothing listens there.
    """
    host, colon, port = address.rpartition(":")
    if not colon:
        return
    try:
        socket.create_connection((host.strip("[]"), int(port)), CONNECT_S).close()
    except (OSError, OverflowError) as error:
        raise _explain(address, error) from error


@contextmanager
def _try_once(address: str) -> Iterator[None]:
    """Limit Ray to one try of half a minute. By default it tries 20 times where another program listens."""
    if address == LOCAL or TRIES_VARIABLE in os.environ:
        yield
        return
    os.environ[TRIES_VARIABLE] = "1"
    try:
        yield
    finally:
        del os.environ[TRIES_VARIABLE]


@contextmanager
def _keep_sigterm() -> Iterator[None]:
    """Keep the handler of SIGTERM, which Ray replaces with one that exits without a message."""
    is_main = threading.current_thread() is threading.main_thread()
    handler = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if is_main:
            signal.signal(signal.SIGTERM, handler)


def _explain(address: str, error: Exception) -> ClusterError:
    text = str(error)
    if "ersion mismatch" in text:
        versions = ", ".join(f"{name} {version}" for name, version in _VERSIONS.findall(text))
        return ClusterError(
            f"`ray={address}`: the cluster has other versions of Python or Ray than this process "
            f"({versions}); install the same versions on all nodes"
        )
    return ClusterError(
        f"`ray={address}`: no Ray cluster can be reached there ({first_line(error)}); check the address that "
        "Ray printed when the cluster was started, and run the command on a node of the cluster"
    )


def explain_failure(error: Exception, attempts: int = 0) -> ClusterError:
    """Return the error for a job that Ray ended.

    Args:
        attempts: how often a worker may die in the same task; 0 for no limit.
    """
    if missing := _MISSING.search(str(error)):
        return ClusterError(
            f"a node of the cluster cannot import {missing[1]}; install the same version of posedeploy, with "
            "the extra ray, on all nodes"
        )
    if attempts and isinstance(error, RayActorError):
        return ClusterError(
            f"a worker died {attempts} times while it processed the same images; look for an image that "
            "crashes the decoder or takes too much memory, and check the nodes with `ray status`"
        )
    return ClusterError(
        f"the cluster failed ({first_line(error)}); check its nodes with `ray status`, then run the command "
        "again, a job that writes shards with `resume`"
    )
