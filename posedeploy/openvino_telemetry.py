"""Disable OpenVINO's telemetry, which sends each import and conversion over the network from a separate
process.

Import this module before OpenVINO: without the package ``openvino_telemetry``, OpenVINO sends nothing.
"""

from __future__ import annotations

import sys
from typing import Any

modules: dict[str, Any] = sys.modules
modules.setdefault("openvino_telemetry", None)
