from __future__ import annotations

import math
import os

from tools.gpu_table import run_in_process


def test_a_crash_in_the_process_of_a_network_is_a_result() -> None:
    assert run_in_process(os.abort) == "FAILED: the process crashed"


def test_the_result_of_the_process_of_a_network_is_returned() -> None:
    assert run_in_process(math.prod, (6, 7)) == 42
