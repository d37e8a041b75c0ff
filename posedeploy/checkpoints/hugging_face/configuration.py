"""The fields of ``config.json`` that define a network of the transformers library."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any

import transformers
from torch import Tensor

from posedeploy.checkpoints.hugging_face.architectures import Architecture
from posedeploy.checkpoints.hugging_face.folder import CONFIG, ModelFolder
from posedeploy.errors import MisfitError, MissingPackageError

SHARED_FIELDS = frozenset({"model_type", "id2label", "num_labels", "out_indices", "out_features"})
"""The fields of all configurations that define the network."""
COUNTS = ("num_hidden_layers", "num_experts")
"""The numbers of modules, each of which has weights."""
MAX_LABELS = 10_000
HEADS = (".conv.weight", ".predictor.weight", ".conv_pose.weight")
"""The suffixes of the names of the last layer's weights."""


def find_class(name: str) -> Any:
    """Return a class of the library.

    Raises:
        MissingPackageError: the installed version does not have it.
    """
    library_class = getattr(transformers, name, None)
    if library_class is None:
        raise MissingPackageError(
            f"transformers {transformers.__version__} does not have {name}",
            "pip install --upgrade transformers",
        )
    return library_class


def select_fields(folder: ModelFolder, row: Architecture) -> dict[str, Any]:
    """Return the fields that define the network, with as many labels as the last layer has channels.

    Others can make the library download and run code (``attn_implementation``), or change the type of the
    result.

    Raises:
        MisfitError: a number of modules would take hours to build.
    """
    config = _with_labels(folder.config, folder.tensors)
    selected = {name: config[name] for name in _names_of(row.configuration) & config.keys()}
    for part, name in row.parts.items():
        table = selected.get(part)
        if isinstance(table, dict):
            selected[part] = {field: table[field] for field in _names_of(name) & table.keys()}
    _check_counts(selected, folder)
    return selected


def _with_labels(config: Mapping[str, Any], tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    """Return the configuration with as many labels as the last layer has channels, if it has no labels."""
    heads = [name for name in tensors if name.endswith(HEADS)]
    if "id2label" in config or "num_labels" in config or not heads:
        return dict(config)
    return {**config, "num_labels": tensors[heads[-1]].shape[0]}


def _names_of(configuration: str) -> set[str]:
    """Return the names of the fields of a class of configurations, without those of all classes."""
    own, of_all = (
        set(inspect.signature(each).parameters)
        for each in (find_class(configuration), transformers.PreTrainedConfig)
    )
    return (own - of_all) | SHARED_FIELDS


def _check_counts(config: Mapping[str, Any], folder: ModelFolder) -> None:
    """Refuse numbers of modules that would take hours to build."""
    for table in (config, *config.values()):
        if not isinstance(table, dict):
            continue
        limits = dict.fromkeys(COUNTS, len(folder.tensors)) | {"num_labels": MAX_LABELS}
        for name, limit in limits.items():
            if isinstance(value := table.get(name), int) and value > limit:
                raise MisfitError(
                    f"{folder.path / CONFIG}: {name} is {value}; expected at most {limit} for "
                    f"{len(folder.tensors)} tensors; download the folder again"
                )
