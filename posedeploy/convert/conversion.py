"""The result of a converter."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from posedeploy.types import BudgetRecord, Calibration, Precision, RecoveryRecord


@dataclass(frozen=True, kw_only=True)
class Conversion:
    """The facts about a conversion that the manifest records, besides the options of the export.

    precision: the precision of the network in the file. inference_precision: the precision in which a runtime
    must run the float layers; None if ``precision`` or the options of the runtime decide. sidecars: the names
    of the written files that the model file does not need. details: JSON for the runtime of this target.
    packages: the packages used; None for all ``packages`` of the target. environment: the isolated
    environment used. calibration: the data that a quantized network was calibrated with. budget: what an
    export under a budget measured. recovery: how the weights were trained.
    """

    precision: str
    inference_precision: Precision | None = None
    sidecars: tuple[str, ...] = ()
    details: Mapping[str, Any] = field(default_factory=dict)
    packages: tuple[str, ...] | None = None
    environment: str | None = None
    calibration: Calibration | None = None
    budget: BudgetRecord | None = None
    recovery: RecoveryRecord | None = None
