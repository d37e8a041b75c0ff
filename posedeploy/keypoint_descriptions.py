"""The keypoints of a network with a set of its own: how many there are, and what the user says of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from posedeploy.errors import InputError
from posedeploy.families import FAMILIES, joint_set, poses_of, published_channels
from posedeploy.joint_sets import numbered
from posedeploy.own_keypoints import OWN_JOINTS, keypoints_in
from posedeploy.printable import counted, listed
from posedeploy.types import Limb, ModelSpec

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class KeypointDescription:
    """What a ``contract`` file says of keypoints; empty where it does not say.

    skeleton: pairs of keypoints, counted from 0. For a network with part affinity fields they are its limbs,
    in the order of the pairs of PAF channels, or with the channels that ``paf_channels`` gives for each.
    heatmap_names: the keypoints that the heatmaps find, for a network whose 3D joints are more or in another
    order.
    """

    names: tuple[str, ...] = ()
    skeleton: Pairs = ()
    paf_channels: Pairs = ()
    heatmap_names: tuple[str, ...] = ()


def count_keypoints(spec: ModelSpec) -> int | None:
    """How many keypoints a network of a family has, by its outputs; None where nothing says."""
    return keypoints_in(spec, poses_of(spec.family).KEYPOINTS_OF) if spec.family in FAMILIES else None


def resolve_keypoints(spec: ModelSpec) -> ModelSpec:
    """Return the spec with as many keypoints as its outputs have: the family's set of that number, or numbers
    for names where it has none."""
    count = count_keypoints(spec)
    if count is None or spec.limbs:
        return spec
    published = published_channels(spec.family)
    if any(spec.channels_of(role) not in (None, channels) for role, channels in published.items()):
        return replace(spec, keypoint_names=numbered(count), skeleton=())
    if count == len(spec.keypoint_names):
        return spec
    found = joint_set(spec.family, count)
    return replace(spec, keypoint_names=found.joints, skeleton=found.bones)


def describe(spec: ModelSpec, description: KeypointDescription, where: str) -> ModelSpec:
    """Return the spec with the keypoints that the user describes.

    Args:
        where: the file of the description.

    Raises:
        InputError: a number in it is not that of the network, or a name stands twice.
    """
    if description.names and description.names != spec.keypoint_names:
        spec = replace(spec, keypoint_names=description.names, skeleton=())
        if spec.joints is not None:
            spec = replace(spec, joints=replace(spec.joints, joint_set=OWN_JOINTS))
    _check_names(spec, where)
    if description.skeleton:
        _check_pairs(description.skeleton, "skeleton", "keypoints", len(spec.keypoint_names), where)
        spec = replace(spec, skeleton=description.skeleton)
    if description.heatmap_names:
        spec = replace(spec, heatmap_joints=_heatmap_joints(spec, description.heatmap_names, where))
    if description.skeleton or description.paf_channels:
        spec = replace(spec, limbs=_limbs(spec, description, where))
    _check_limbs(spec, where, are_all=not description.paf_channels)
    return spec


def check_described(spec: ModelSpec, where: str) -> ModelSpec:
    """Return a spec that was described before its outputs were known, resolved and checked against them.

    Raises:
        InputError: the description is of another number of keypoints or channels than the outputs.
    """
    if spec.family not in FAMILIES:
        return spec
    usual = joint_set(spec.family)
    if spec.keypoint_names != usual.joints:
        _check_names(spec, where)
        _check_limbs(spec, where, are_all=True)
        return spec
    resolved = resolve_keypoints(replace(spec, limbs=()))
    if spec.skeleton == usual.bones or resolved.keypoint_names == usual.joints:
        return replace(resolved, limbs=spec.limbs)
    channels = tuple(limb.channels for limb in spec.limbs)
    return describe(resolved, KeypointDescription(skeleton=spec.skeleton, paf_channels=channels), where)


def are_numbered(spec: ModelSpec) -> bool:
    """Whether nothing names the keypoints of a network."""
    return bool(spec.keypoint_names) and spec.keypoint_names == numbered(len(spec.keypoint_names))


def find_missing_description(spec: ModelSpec) -> str | None:
    """What must be described before the outputs of a family's network can become poses; None where nothing
    must."""
    return poses_of(spec.family).find_missing_description(spec)


def _check_names(spec: ModelSpec, where: str) -> None:
    names, count = spec.keypoint_names, count_keypoints(spec)
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if repeated:
        raise InputError(
            f"{where}: keypoint_names has {listed(repeated)} more than once; each needs its own name"
        )
    if count is not None and len(names) != count:
        raise InputError(
            f"{where}: {counted(len(names), 'name')} in keypoint_names, and the network has "
            f"{counted(count, 'keypoint')}; name all of them, in the order of its outputs"
        )


def _check_pairs(pairs: Pairs, key: str, what: str, count: int, where: str) -> None:
    for number, (first, second) in enumerate(pairs):
        if first == second or not (0 <= first < count and 0 <= second < count):
            raise InputError(
                f"{where}: {key}[{number}] is [{first}, {second}]; expected two different {what} from 0 to "
                f"{count - 1}, counted from 0"
            )


def _heatmap_joints(spec: ModelSpec, names: tuple[str, ...], where: str) -> tuple[int, ...]:
    places = {name: place for place, name in enumerate(spec.keypoint_names)}
    unknown = [name for name in names if name not in places]
    if unknown:
        raise InputError(
            f"{where}: heatmap_names has {listed(unknown)}, which keypoint_names does not have; use its names"
        )
    return tuple(places[name] for name in names)


def _limbs(spec: ModelSpec, description: KeypointDescription, where: str) -> tuple[Limb, ...]:
    """The skeleton as limbs of part affinity fields; none where it is only drawn."""
    published = published_channels(spec.family)
    if "pafs" not in published:
        if description.paf_channels:
            raise InputError(
                f"{where}: paf_channels: {spec.family} has no part affinity fields; remove the line"
            )
        return ()
    skeleton, given = description.skeleton, description.paf_channels
    if not given and len(skeleton) != published["pafs"] // 2 and not _is_own(spec, published):
        return ()
    if given and len(given) != len(skeleton):
        raise InputError(
            f"{where}: {counted(len(given), 'pair')} in paf_channels and {counted(len(skeleton), 'limb')} in "
            "skeleton; give one pair for each limb"
        )
    heatmap_of = {joint: heatmap for heatmap, joint in enumerate(spec.heatmap_joints)}
    if not heatmap_of:
        heatmap_of = {joint: joint for joint in range(len(spec.keypoint_names))}
    unseen = sorted({spec.keypoint_names[end] for pair in skeleton for end in pair if end not in heatmap_of})
    if unseen:
        raise InputError(
            f"{where}: skeleton joins {', '.join(unseen)}, which heatmap_names does not have; limbs are "
            "between keypoints with a heatmap"
        )
    return tuple(
        Limb(heatmap_of[start], heatmap_of[end], given[number] if given else (2 * number, 2 * number + 1))
        for number, (start, end) in enumerate(skeleton)
    )


def _check_limbs(spec: ModelSpec, where: str, *, are_all: bool) -> None:
    """Hold limbs against the network's channels; ``are_all``: they should use every pair of them."""
    if not spec.limbs:
        return
    heatmaps, pafs = spec.channels_of("heatmaps"), spec.channels_of("pafs")
    joints = spec.heatmap_joints or tuple(range(len(spec.keypoint_names)))
    if heatmaps is not None and len(set(joints)) != heatmaps - 1:
        raise InputError(
            f"{where}: {counted(len(set(joints)), 'keypoint')} for {counted(heatmaps - 1, 'heatmap')} (and "
            "one of the background); name the keypoint of each heatmap once with heatmap_names"
        )
    if pafs is None:
        return
    channels = tuple(limb.channels for limb in spec.limbs)
    _check_pairs(channels, "paf_channels", "channels", pafs, where)
    in_order = channels == tuple((2 * number, 2 * number + 1) for number in range(len(channels)))
    if are_all and in_order and 2 * len(channels) != pafs:
        raise InputError(
            f"{where}: {counted(len(channels), 'limb')} in skeleton, and the network's {pafs} PAF channels "
            f"are {counted(pafs // 2, 'pair')}; give a limb for each, in their order, or the channels of "
            "each limb with paf_channels"
        )


def _is_own(spec: ModelSpec, published: Mapping[str, int]) -> bool:
    """Whether the outputs, or the number of names where nothing says what these are, are not as published."""
    others = any(spec.channels_of(role) not in (None, channels) for role, channels in published.items())
    return others or len(spec.keypoint_names) != len(joint_set(spec.family))
