"""A network with its weights, and the model files exported from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path  # not for type checking alone: msgspec resolves the annotations
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

from posedeploy.file_states import FileState
from posedeploy.types.budgets import BudgetRecord
from posedeploy.types.calibration import Calibration
from posedeploy.types.networks import ModelSpec
from posedeploy.types.recovery import RecoveryRecord
from posedeploy.types.running import Precision
from posedeploy.types.tensors import TensorSpec

if TYPE_CHECKING:
    from torch import nn

StageCount: TypeAlias = int | Literal["all"]
"""The number of refinement stages of a checkpoint to use."""
OnProgress: TypeAlias = Callable[[str, float | None], None]
"""Called with the current step and the fraction of it that is done, 0 to 1; None if unknown."""


@dataclass(frozen=True)
class Stages:
    """The refinement stages of a network: the first ``used`` of the ``stored`` ones in its checkpoint."""

    used: int
    stored: int

    @property
    def discarded(self) -> tuple[str, ...]:
        """The modules that are in the checkpoint but not in the network."""
        return tuple(f"refinement_stages.{number}" for number in range(self.used, self.stored))

    def __str__(self) -> str:
        unused = f"; not used: {', '.join(self.discarded)}" if self.discarded else ""
        return f"{self.used} of the {self.stored} in the checkpoint{unused}"


@dataclass(frozen=True)
class Weights:
    """The location of a network's weights in a checkpoint.

    key: the key of the set of weights, as the ``weights`` parameter takes it; "." for tensors at the top
    level. prefix, wrappers: removed from the names of the tensors, such as ``module.`` and ``_orig_mod``.
    module: the class of the module, if a whole module was saved instead of a state dict. archives: the
    archives that contain the checkpoint. alternatives: the keys of other sets of weights that also fit the
    network. unused_keys: the other keys of the file.
    """

    key: str = "."
    prefix: str = ""
    wrappers: tuple[str, ...] = ()
    module: str | None = None
    archives: tuple[str, ...] = ()
    alternatives: tuple[str, ...] = ()
    unused_keys: tuple[str, ...] = ()


@dataclass(frozen=True)
class Model:
    """A network with its weights: in eval mode, on the CPU, in float32.

    source: the checkpoint; None for the built-in sample. sha256: of that file, or of the sample's tensors.
    network: the ``file.py:function`` of the user's own network. network_sha256: of that file.
    mesh: the file of the mesh that the network uses. mesh_sha256: of its triangles, in whatever file format.
    export_form: the module to export, where it differs from ``module``.
    stages: None for a network without optional refinement stages.
    weights: their place in the checkpoint. checkpoint_tensors: name, shape and dtype of its tensors.
    """

    module: nn.Module
    spec: ModelSpec
    source: Path | None
    sha256: str
    network: str | None = None
    network_sha256: str | None = None
    mesh: Path | None = None
    mesh_sha256: str | None = None
    export_form: nn.Module | None = None
    stages: Stages | None = None
    weights: Weights | None = None
    checkpoint_tensors: tuple[TensorSpec, ...] = ()


@dataclass(frozen=True)
class Provenance:
    """The origin of an artifact: checkpoint (None: the built-in sample), package versions and options.

    The other fields are as in ``Model``.
    """

    checkpoint: str | None
    checkpoint_sha256: str
    network: str | None = None
    packages: Mapping[str, str] = field(default_factory=dict)
    options: Mapping[str, str] = field(default_factory=dict)
    created: str = ""
    network_sha256: str | None = None
    mesh: str | None = None
    mesh_sha256: str | None = None
    stages: Stages | None = None
    weights: Weights | None = None


@dataclass(frozen=True)
class Artifact:
    """A model file with the content of its manifest.

    A third-party model has no manifest: ``provenance`` is None, ``files`` is empty, and the family of
    ``spec`` is ``unknown`` until the user passes a contract.

    files: the SHA-256 of the model file and of the files that it needs, by name.
    details: JSON that the converter returned for the runtime of this target.
    sidecars: the SHA-256, by name, of files written next to the model file that it does not need. An export
    to the same path replaces or removes them.
    states: the states of the files when they were hashed or, without recorded hashes, opened.
    inference_precision: the precision that a runtime must run the float layers in; None: ``precision``
    decides, or the options of the runtime.
    calibration: what a quantized network was calibrated with; None for any other.
    budget: what an export under a budget measured; None for any other.
    recovery: how the weights of a quantized network were trained; None for an export without that.
    """

    path: Path
    target: str
    spec: ModelSpec
    precision: str
    files: Mapping[str, str] = field(default_factory=dict)
    provenance: Provenance | None = None
    details: Mapping[str, Any] = field(default_factory=dict)
    sidecars: Mapping[str, str] = field(default_factory=dict)
    states: Mapping[str, FileState] = field(default_factory=dict, compare=False, repr=False)
    inference_precision: Precision | None = None
    calibration: Calibration | None = None
    budget: BudgetRecord | None = None
    recovery: RecoveryRecord | None = None
