"""The spec of a model folder: the image size, the normalization and the keypoints of its configuration."""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

from posedeploy.checkpoints.hugging_face.architectures import Architecture
from posedeploy.checkpoints.hugging_face.folder import CONFIG, ModelFolder
from posedeploy.errors import CheckpointError
from posedeploy.families import joint_set, poses_of
from posedeploy.joint_names import coco_name
from posedeploy.joint_sets import JointSet
from posedeploy.printable import printable
from posedeploy.types import ModelSpec, TensorSpec

RESCALE = 1 / 255
IMAGENET_MEAN, IMAGENET_STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""The defaults of the library's image processors, for values from 0 to 1."""
MIN_STD, MAX_STD = 1e-3, 1e6
"""The range of std for values from 0 to 255."""
_Numbers: TypeAlias = tuple[float, float, float]
_GENERIC = re.compile(r"LABEL_\d+")
logger = logging.getLogger(__name__)


def describe_folder(folder: ModelFolder, row: Architecture, keypoints: int) -> ModelSpec:
    """Return the spec of the network, with outputs without shapes.

    Args:
        keypoints: the channels of the heatmaps.

    Raises:
        CheckpointError: the configuration and the image processor contradict each other, or have invalid
            values.
    """
    processor = folder.processor
    if processor is None:
        logger.info(
            f"{folder.path}: no preprocessor_config.json; using the default normalization of the library "
            "(ImageNet's)"
        )
        processor = {}
    published = poses_of("heatmap").CONTRACT
    assert published is not None, "the decoder has a contract"
    height, width = _image_size(folder, row, processor)
    mean, std = _normalization(folder, processor)
    names, skeleton = _keypoints(folder, keypoints)
    return ModelSpec(
        family="heatmap",
        variant=printable(folder.path.resolve().name),
        inputs=(TensorSpec("pixel_values", ("batch", 3, height, width), layout="NCHW"),),
        outputs=(TensorSpec("heatmaps", ()),),
        contract=replace(published, height=height, width=width, mean=mean, std=std, fit="affine-udp"),
        roles={"heatmaps": "heatmaps"},
        keypoint_names=names,
        skeleton=skeleton,
        decoding=dict(row.decoding),
    )


def _image_size(folder: ModelFolder, row: Architecture, processor: Mapping[str, Any]) -> tuple[int, int]:
    """Return the height and width of the input."""
    table = (folder.config.get(row.size_of) or {}) if row.size_of else folder.config
    default = (256, 192) if row.fixes_size else None
    network_size = _size(table.get("image_size", default), folder, CONFIG)
    processor_size = _size(processor.get("size"), folder, "the size of the image processor")
    if not row.fixes_size and processor_size is not None:
        return processor_size
    if network_size is None:
        raise CheckpointError(
            f"{folder.path}: neither {CONFIG} nor the image processor has the image size; add image_size to "
            f"{CONFIG}"
        )
    if processor_size not in (None, network_size):
        raise CheckpointError(
            f"{folder.path}: the image processor creates images of {_format(processor_size)} px, and the "
            f"network in {CONFIG} takes {_format(network_size)} px (height x width); correct one of them"
        )
    return network_size


def _size(value: Any, folder: ModelFolder, where: str) -> tuple[int, int] | None:
    """Return (height, width) of a side, a pair or a table; None without a value."""
    if value is None:
        return None
    if isinstance(value, dict):
        value = [value.get("height"), value.get("width")]
    sides = [value, value] if isinstance(value, int) else value
    if isinstance(sides, list | tuple) and len(sides) == 2:
        height, width = sides
        if isinstance(height, int) and isinstance(width, int) and min(height, width) > 0:
            return height, width
    raise CheckpointError(
        f"{folder.path}: {where} has the image size {value}; expected a height and a width in px"
    )


def _format(size: tuple[int, int] | None) -> str:
    return "x".join(map(str, size or ()))


def _normalization(folder: ModelFolder, processor: Mapping[str, Any]) -> tuple[_Numbers, _Numbers]:
    """Return the mean and std of pixel values from 0 to 255."""
    if not _is_on(folder, processor, "do_affine_transform"):
        raise CheckpointError(
            f"{folder.path}: the image processor has do_affine_transform = false, so it does not crop the "
            "boxes of people; posedeploy does. Correct preprocessor_config.json"
        )
    factor = (
        _number(processor.get("rescale_factor", RESCALE)) if _is_on(folder, processor, "do_rescale") else 1.0
    )
    mean: _Numbers = (0.0, 0.0, 0.0)
    std: _Numbers = (1.0, 1.0, 1.0)
    if _is_on(folder, processor, "do_normalize"):
        mean = _triple(processor.get("image_mean", IMAGENET_MEAN))
        std = _triple(processor.get("image_std", IMAGENET_STD))
    means, stds = (tuple(value / (factor or math.nan) for value in values) for values in (mean, std))
    if not all(map(math.isfinite, means)) or not all(MIN_STD <= value <= MAX_STD for value in stds):
        raise CheckpointError(
            f"{folder.path}: the image processor has rescale_factor {processor.get('rescale_factor')}, "
            f"image_mean {processor.get('image_mean')} and image_std {processor.get('image_std')}; expected "
            "a number above 0, three numbers as image_mean, and three numbers above 0 as image_std"
        )
    return (means[0], means[1], means[2]), (stds[0], stds[1], stds[2])


def _is_on(folder: ModelFolder, processor: Mapping[str, Any], step: str) -> bool:
    """Return whether the image processor has a step; by default, it has."""
    value = processor.get(step, True)
    if not isinstance(value, bool):
        raise CheckpointError(
            f"{folder.path}: the image processor has {step} = {value!r}; expected true or false"
        )
    return value


def _number(value: Any) -> float:
    """Return a number; NaN for any other value, or one that is too large."""
    try:
        return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else math.nan
    except OverflowError:
        return math.nan


def _triple(value: Any) -> _Numbers:
    """Return three numbers, also of one for all channels; NaN for any other value."""
    values = value if isinstance(value, list | tuple) else [value] * 3
    numbers = [_number(each) for each in values]
    return (numbers[0], numbers[1], numbers[2]) if len(numbers) == 3 else (math.nan,) * 3


def _keypoints(folder: ModelFolder, count: int) -> tuple[tuple[str, ...], tuple[tuple[int, int], ...]]:
    """Return the names and the skeleton of the labels: those of a known set with the same names, or else the
    labels and ``edges`` of the configuration. Without labels, the number of keypoints selects the set."""
    labels = _labels(folder, count)
    known = joint_set("heatmap", count)
    if labels is None or _is_set(labels, known):
        return known.joints, known.bones
    edges = folder.config.get("edges") or []
    if not isinstance(edges, list):
        raise CheckpointError(
            f"{folder.path / CONFIG}: edges is {edges}; expected a list of pairs of keypoints"
        )
    return tuple(labels), tuple((edge[0], edge[1]) for edge in edges if _is_edge(edge, folder, count))


def _labels(folder: ModelFolder, count: int) -> Sequence[str] | None:
    """Return the labels in their order; None if there are none, or only generic ones."""
    table = folder.config.get("id2label")
    if not isinstance(table, dict) or all(_GENERIC.fullmatch(str(label)) for label in table.values()):
        return None
    labels = [table.get(str(index)) for index in range(count)]
    if len(table) != count or not all(isinstance(label, str) for label in labels):
        raise CheckpointError(
            f"{folder.path / CONFIG}: id2label has {len(table)} labels, and the network {count} heatmaps; "
            f'expected a label for each of "0" to "{count - 1}"'
        )
    return [printable(str(label)) for label in labels]


def _is_set(labels: Sequence[str], known: JointSet) -> bool:
    return [coco_name(label) for label in labels] == [coco_name(joint) for joint in known.joints]


def _is_edge(edge: Any, folder: ModelFolder, count: int) -> bool:
    """Check that an edge is a pair of keypoints."""
    is_pair = isinstance(edge, list) and len(edge) == 2 and all(isinstance(end, int) for end in edge)
    if not is_pair or not all(0 <= end < count for end in edge):
        path: Path = folder.path / CONFIG
        raise CheckpointError(f"{path}: edges has {edge}; expected pairs of keypoints from 0 to {count - 1}")
    return True
