"""Build the network of a model folder by the classes of the transformers library, and load its weights."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
import transformers
from huggingface_hub.errors import StrictDataclassError
from torch import Tensor, nn

from posedeploy.checkpoints.hugging_face.architectures import Architecture
from posedeploy.checkpoints.hugging_face.configuration import find_class, select_fields
from posedeploy.checkpoints.hugging_face.folder import CONFIG, ModelFolder
from posedeploy.checkpoints.loading import UNUSED_IN_EVAL
from posedeploy.errors import CheckpointError, MisfitError, first_line
from posedeploy.printable import listed
from posedeploy.suppress_output import suppress_python_output

FAILURES = (
    ArithmeticError, AttributeError, ImportError, LookupError, MemoryError, RuntimeError,
    StrictDataclassError, TypeError, ValueError,
)  # fmt: skip
"""The errors that the library raises for invalid configurations."""
MAX_MISSING_SHARE = 0.5
"""The share of a network's weights that may be missing before memory is allocated for them."""
EXPERT = 0
"""The expert of ViTPose+ that belongs to the 17 keypoints of COCO, as published."""
logger = logging.getLogger(__name__)


class HeatmapNetwork(nn.Module):
    """A pose network of the library that returns its heatmaps alone."""

    def __init__(self, network: nn.Module, arguments: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.network = network
        self.names = tuple(arguments)
        for name, value in arguments.items():
            self.register_buffer(name, value, persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        arguments = {name: getattr(self, name) for name in self.names}
        heatmaps: Tensor = self.network(pixel_values=image, **arguments).heatmaps
        return heatmaps


def build_network(folder: ModelFolder, row: Architecture) -> HeatmapNetwork:
    """Return the network with all weights of the folder, in eval mode, in float32.

    Raises:
        MisfitError: the weights do not fit the network exactly.
        CheckpointError: the configuration is invalid, or weights are NaN or infinite.
        MissingPackageError: the installed version of the library does not have the network.
    """
    with suppress_python_output():  # other packages log their optional parts when a class is loaded
        network_class, config_class = find_class(row.network), find_class(row.configuration)
    config_path = folder.path / CONFIG
    with _quiet():
        try:
            config = config_class.from_dict(select_fields(folder, row))
            _check_tensors(network_class, config, folder)
            network, info = network_class.from_pretrained(
                None,
                config=config,
                state_dict=dict(folder.tensors),
                output_loading_info=True,
                ignore_mismatched_sizes=True,
                dtype=torch.float32,
            )
        except FAILURES as error:
            raise CheckpointError(
                f"{config_path}: transformers cannot build {row.network} ({first_line(error)}); download the "
                "folder again, or update transformers"
            ) from error
    _check_fit(info, folder.path, row)
    _check_values(network, folder.path)
    network.eval().requires_grad_(False)
    return HeatmapNetwork(network, _select_expert(network, folder.path)).eval()


def _check_tensors(network_class: Any, config: Any, folder: ModelFolder) -> None:
    """Refuse weights that are integers, and a network with many more weights than the folder, before memory
    is allocated for them."""
    with torch.device("meta"):
        network = network_class(config)
    floats = [name for name, tensor in network.state_dict().items() if tensor.is_floating_point()]
    integers = [
        name for name in floats
        if name in folder.tensors and not folder.tensors[name].is_floating_point()
    ]  # fmt: skip
    if integers:
        raise CheckpointError(
            f"{folder.path}: no floating-point numbers in {listed(integers)}; pass a folder with the weights "
            "from before quantization"
        )
    expected = sum(parameter.numel() for parameter in network.parameters())
    stored = sum(tensor.numel() for tensor in folder.tensors.values())
    if stored < (1 - MAX_MISSING_SHARE) * expected:
        raise MisfitError(
            f"{folder.path}: the network of {CONFIG} has {expected:,} weights, and the files have "
            f"{stored:,}; download the folder again, so that all files are of one model"
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the library's progress bars and messages; errors in the result are checked instead."""
    library_logging = transformers.utils.logging
    level, bars = library_logging.get_verbosity(), library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity(logging.CRITICAL)
    library_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        library_logging.set_verbosity(level)
        if bars:
            library_logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _check_fit(info: Mapping[str, Any], path: Path, row: Architecture) -> None:
    """Refuse missing, unexpected and wrongly shaped tensors; counters of BatchNorm are not used."""
    wrong = [
        f"{name} {_shape(actual)}, expected {_shape(expected)}"
        for name, actual, expected in sorted(info["mismatched_keys"])
    ]
    faults = [
        f"{len(names)} {what}: {listed(names)}"
        for what, names in (
            ("missing", _used(info["missing_keys"])),
            ("unexpected", _used(info["unexpected_keys"])),
            ("of another shape", wrong),
        )
        if names
    ]
    if faults:
        raise MisfitError(
            f"{path}: the weights do not fit {row.network} of {CONFIG}. {'. '.join(faults)}. Download the "
            "folder again, so that all files are of one model"
        )


def _used(names: Any) -> list[str]:
    return sorted(name for name in names if not name.endswith(UNUSED_IN_EVAL))


def _shape(shape: Any) -> str:
    return "x".join(map(str, shape)) or "scalar"


def _check_values(network: nn.Module, path: Path) -> None:
    broken = [name for name, tensor in network.state_dict().items() if not torch.isfinite(tensor).all()]
    if broken:
        raise CheckpointError(
            f"{path}: NaN or infinite weights in {listed(broken)}; pass a checkpoint from before the "
            "training diverged"
        )


def _select_expert(network: nn.Module, path: Path) -> dict[str, Tensor]:
    """Keep one expert of each mixture of ViTPose+; return the argument that selects it.

    The results are those of the library with ``dataset_index=EXPERT``, which adds zeros of the others.
    """
    mixtures = [module for module in network.modules() if type(module).__name__ == "VitPoseNaiveMoe"]
    if not mixtures:
        return {}
    for mixture in mixtures:
        assert isinstance(mixture, nn.ModuleList)
        logger.debug(f"keeping expert {EXPERT} of {len(mixture)}")
        del mixture[EXPERT + 1 :]
        mixture.num_experts = 1  # type: ignore[assignment]  # a number of the library's class
    logger.info(
        f"{path}: a mixture of experts (ViTPose+); using expert {EXPERT}, that of COCO's keypoints, as the "
        f"library does with dataset_index={EXPERT}"
    )
    return {"dataset_index": torch.tensor([EXPERT])}
