"""A real Triton server on the CPU, with its Python backend only, from the wheel of nvidia-pytriton."""

from __future__ import annotations

import os
import platform
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

import posedeploy
from tests.support.virtual_environments import UNREACHABLE

PYTHON = f"{sys.version_info.major}.{sys.version_info.minor}"
WHEEL = "nvidia-pytriton==0.7.0"
NUMPY = "numpy==1.26.4"
"""The stub of this build reads arrays of NumPy 1 only."""
STUB = "triton_python_backend_stub"
START_S = 120


@dataclass(frozen=True)
class Triton:
    """A running server. http, grpc: the URLs of its models, up to their names."""

    http: str
    grpc: str


def install_triton(folder: Path) -> None:
    """Install Triton, and the modules that its stub must find before those of this environment.

    The test is skipped if the wheel does not run on this machine, or the registry cannot be reached.
    """
    if (platform.system(), platform.machine()) != ("Linux", "x86_64"):
        pytest.skip("the wheel of nvidia-pytriton is for Linux on x86-64")
    if not sysconfig.get_config_var("Py_ENABLE_SHARED"):
        pytest.skip("Triton's Python backend needs the shared library of Python")
    _install(folder / "triton", WHEEL)
    _install(folder / "modules", NUMPY)
    (folder / "modules" / "posedeploy").symlink_to(Path(posedeploy.__file__).parent)
    server, backend = folder / "triton" / "pytriton" / "tritonserver", folder / "backends" / "python"
    backend.mkdir(parents=True)
    stub = server / "python_backend_stubs" / PYTHON / STUB
    if not stub.exists():
        pytest.skip(f"nvidia-pytriton has no stub for Python {PYTHON}")
    for file in (stub, *(server / "backends" / "python").iterdir()):
        (backend / file.name).symlink_to(file)
    for program in (stub, server / "bin" / "tritonserver"):
        program.chmod(0o755)


def _install(folder: Path, requirement: str) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-compile"]
    command = [*pip, "--target", str(folder), requirement]
    result = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if result.returncode and UNREACHABLE.search(result.stderr):
        pytest.skip(f"pip install {requirement}: the registry cannot be reached")
    assert result.returncode == 0, result.stderr


@contextmanager
def running_triton(folder: Path, repository: Path, log: Path) -> Iterator[Triton]:
    """Run the installed Triton on a model repository, of which some models may fail to load.

    Args:
        log: the file for the output of the server.
    """
    ports = _free_ports(2)
    libraries = (folder / "triton" / "nvidia_pytriton.libs", sysconfig.get_config_var("LIBDIR"))
    server = folder / "triton" / "pytriton" / "tritonserver"
    options = {
        "model-repository": repository,
        "backend-directory": folder / "backends",
        "cache-directory": server / "caches",
        "http-address": "127.0.0.1",
        "http-port": ports[0],
        "grpc-address": "127.0.0.1",
        "grpc-port": ports[1],
        "allow-metrics": "false",
        "exit-on-error": "false",
        "strict-readiness": "false",
        "exit-timeout-secs": 1,
    }
    arguments = [f"--{name}={value}" for name, value in options.items()]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [server / "bin" / "tritonserver", *arguments],
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=folder / "modules",  # the stub searches modules here first
            env={
                **os.environ,
                "LD_LIBRARY_PATH": ":".join(map(str, libraries)),
                # The stub takes the environment of the first python3, and ignores PYTHONPATH.
                "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            },
        )
    try:
        _wait(process, f"http://127.0.0.1:{ports[0]}/v2/health/ready", log)
        yield Triton(f"http://127.0.0.1:{ports[0]}/v2/models", f"grpc://127.0.0.1:{ports[1]}/v2/models")
    finally:
        process.terminate()
        process.wait()


def _free_ports(count: int) -> list[int]:
    sockets = [socket.create_server(("127.0.0.1", 0)) for _ in range(count)]
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Wait until the server is ready."""
    deadline = time.monotonic() + START_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url):
                return
        except (urllib.error.URLError, ConnectionError):
            time.sleep(0.1)
    pytest.fail(f"Triton does not start:\n{log.read_text(errors='replace')[-4000:]}")
