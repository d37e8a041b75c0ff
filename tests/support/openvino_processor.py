"""The precisions that OpenVINO computes in on this processor."""

from __future__ import annotations

import openvino
import pytest

NEEDS_BF16 = pytest.mark.skipif(
    "BF16" not in openvino.Core().get_property("CPU", "OPTIMIZATION_CAPABILITIES"),
    reason="this CPU computes nothing in bf16",
)
"""For tests that run a file in BF16."""
