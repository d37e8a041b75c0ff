"""What a converter reports about the file that it wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posedeploy.types import Calibration, Precision


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """What the manifest records about one conversion, besides the options of the export.

    precision: of the network in the file. inference_precision: the one that a runtime must run its float
    layers in; None: ``precision`` decides, or the options of the runtime. sidecars: the names of the written
    files that the model file does not need. details: JSON for the runtime of this target. packages: the
    packages that were used; None for all ``packages`` of the target. environment: the isolated environment
    that was used. calibration: what a quantized network was calibrated with.
    """

    precision: str
    inference_precision: Precision | None = None
    sidecars: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] | None = None
    environment: str | None = None
    calibration: Calibration | None = None
