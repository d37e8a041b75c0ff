"""An isolated environment without packages, whose script can fail in every way."""

from __future__ import annotations

import os
import shutil
import sys
import time
from pathlib import Path

import psutil

from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.environments.state import folder_of

SCRIPT = """
import os, subprocess, sys, time

def run(request):
    return globals()[request["task"]](request)

def start(request):
    return {"versions": {}}

def echo(request):
    print("noise on stdout")
    os.write(1, b"and from below Python\\n")
    return {"request": request, "python": sys.executable, "path": sys.path, "cwd": os.getcwd(),
            "environment": dict(os.environ), "stdin": sys.stdin.read()}

def fail(request):
    print("on the way to line 3")
    raise ValueError("the operator \x1b[31mFancy\x1b[0m is not known: é\\nwith\\nall this")

def leave(request):
    os._exit(0)

def lists(request):
    return [1, 2]

def crash(request):
    os.kill(os.getpid(), 9)

def network(request):
    import socket
    socket.create_connection(("example.org", 80), timeout=5)

def address(request):
    import socket
    socket.socket().connect(("127.0.0.1", 9))

def sleep(request):
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    with open(request["pids"] + ".part", "w") as stream:
        stream.write(f"{os.getpid()} {child.pid}")
    os.rename(request["pids"] + ".part", request["pids"])
    print("sleeping")
    time.sleep(600)
"""


def tiny(folder: Path, name: str = "tiny", script: str = SCRIPT) -> EnvironmentSpec:
    """Return a spec with its files in ``folder``."""
    (folder / "tiny.txt").write_text("# no packages\n")
    (folder / "tiny.py").write_text(script, encoding="utf-8")
    version = (sys.version_info.major, sys.version_info.minor)
    return EnvironmentSpec(
        name, folder / "tiny.txt", folder / "tiny.py", (version,), ("pip", "absent"), {"TINY": "yes"}
    )


def place(base_environment: Path, spec: EnvironmentSpec) -> Path:
    """Link an environment to the folder of ``spec``. Replace its files; do not write into them."""
    folder = folder_of(spec)
    shutil.copytree(base_environment, folder, symlinks=True, copy_function=os.link)
    return folder


def wait_for(path: Path) -> None:
    """Wait until a file exists."""
    deadline = time.monotonic() + 120
    while not path.exists():
        assert time.monotonic() < deadline, f"{path} was not written"
        time.sleep(0.05)


def have_ended(pids: list[int]) -> bool:
    """Return whether processes end within a minute."""
    deadline = time.monotonic() + 60
    while any(map(_alive, pids)) and time.monotonic() < deadline:
        time.sleep(0.05)
    return not any(map(_alive, pids))


def _alive(pid: int) -> bool:
    try:
        return bool(psutil.Process(pid).status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False
