"""Runners at the end of a program, after Ctrl-C, and in a process forked from one with runners."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from posedeploy.runtimes import forks
from posedeploy.types import Artifact, Model
from tests.runtimes.forked import in_forked_process
from tests.runtimes.runner_cases import ARTIFACT_PAIRS, opener_of


def test_a_library_with_threads_in_the_parent_is_refused(exported: dict[str, Artifact], tiny: Model) -> None:
    opened = opener_of("openvino", "openvino", tiny, exported)
    opened().close()
    assert in_forked_process(opened).startswith(
        "RunnerStateError: OpenVINO cannot run in this process: it ran in the"
    )
    assert in_forked_process(lambda: forks.start_threads("another library")) == "None"


EXIT = """
import sys, threading
from pathlib import Path
import numpy as np
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import RunOptions

runner = open_runner(open_artifact(Path(sys.argv[1])), RunOptions(threads=1), sys.argv[2])
image = {"data": np.zeros((1, 3, 32, 40), np.float32)}
half_way = runner.stream(image for _ in range(9))
next(half_way)
def finish():
    threading.main_thread().join()
    print(len(list(runner.stream(image for _ in range(30)))))
threading.Thread(target=finish).start()
"""


@pytest.mark.slow
@pytest.mark.parametrize(("target", "runtime"), ARTIFACT_PAIRS, ids=map("-on-".join, ARTIFACT_PAIRS))
def test_a_program_ends_during_streams(exported: dict[str, Artifact], target: str, runtime: str) -> None:
    command = [sys.executable, "-c", EXIT, str(exported[target].path), runtime]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("30\n", "", 0)


SIGNALS = """
import signal, sys, threading
from pathlib import Path
from posedeploy.runtimes.load_runner import open_artifact, open_runner
from posedeploy.types import RunOptions

artifact = open_artifact(Path(sys.argv[1]))
runners = [open_runner(artifact, RunOptions(threads=1), "openvino") for _ in range(3)]
runners.pop(0).close()
runners.pop(0).close()
closing = threading.Thread(target=runners.pop(0).close)
closing.start()
closing.join()
try:
    signal.raise_signal(signal.SIGINT)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_ctrl_c_after_runners_were_closed_in_any_order(exported: dict[str, Artifact]) -> None:
    command = [sys.executable, "-c", SIGNALS, str(exported["openvino"].path)]
    ended = subprocess.run(
        command, capture_output=True, text=True, timeout=120, cwd=Path(__file__).parents[2]
    )
    assert (ended.stdout, ended.stderr, ended.returncode) == ("interrupted\n", "", 0)
