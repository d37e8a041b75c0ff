"""The keypoints of a network with its own joint set: their number, and the user's description of them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, replace

from posedeploy.decoder_families import DECODER_FAMILIES
from posedeploy.errors import InputError
from posedeploy.families import (
    DecoderPoses,
    decoder_poses_of,
    has_decoding,
    joint_set,
    poses_of,
    published_channels,
)
from posedeploy.joint_sets import numbered
from posedeploy.own_keypoints import OWN_JOINTS, keypoints_in
from posedeploy.printable import counted, listed
from posedeploy.types import Limb, ModelSpec

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class KeypointDescription:
    """The keypoints in a ``contract`` file; empty fields are not described.

    skeleton: pairs of keypoints, counted from 0. For a network with part affinity fields they are its limbs,
    in the order of the pairs of PAF channels, or with the channels in ``paf_channels``. heatmap_names: the
    keypoints of the heatmaps, for a network with more 3D joints or another order of them.
    """

    names: tuple[str, ...] = ()
    skeleton: Pairs = ()
    paf_channels: Pairs = ()
    heatmap_names: tuple[str, ...] = ()


def count_keypoints(spec: ModelSpec) -> int | None:
    """Return the number of keypoints of a family's network, by its outputs; None if it is unknown."""
    decoder = decoder_poses_of(spec.family)
    if decoder is not None:
        return decoder.count_keypoints(spec)
    return keypoints_in(spec, poses_of(spec.family).KEYPOINTS_OF) if has_decoding(spec.family) else None


def resolve_keypoints(spec: ModelSpec) -> ModelSpec:
    """Return the spec with as many keypoints as its outputs have: the family's joint set of that number, or
    numbered names if there is none."""
    count = count_keypoints(spec)
    if count is None or spec.limbs:
        return spec
    published = published_channels(spec.family)
    if any(spec.channels_of(role) not in (None, channels) for role, channels in published.items()):
        return replace(spec, keypoint_names=numbered(count), skeleton=())
    if count == len(spec.keypoint_names):
        return spec
    joints = joint_set(spec.family, count)
    return replace(spec, keypoint_names=joints.joints, skeleton=joints.bones)


def describe(spec: ModelSpec, description: KeypointDescription, where: str) -> ModelSpec:
    """Return the spec with the keypoints that the user describes.

    Args:
        where: the file of the description.

    Raises:
        InputError: a number in it differs from the network's, or a name is repeated.
    """
    if description.names and description.names != spec.keypoint_names:
        spec = replace(spec, keypoint_names=description.names, skeleton=())
        if spec.joints is not None:
            spec = replace(spec, joints=replace(spec.joints, joint_set=OWN_JOINTS))
    _check_names(spec, where)
    if description.skeleton:
        if description.names or not _may_have_others(spec):
            _check_skeleton(description.skeleton, len(spec.keypoint_names), where)
        spec = replace(spec, skeleton=description.skeleton)
    if description.heatmap_names:
        spec = replace(spec, heatmap_joints=_heatmap_joints(spec, description.heatmap_names, where))
    if description.skeleton or description.paf_channels:
        spec = replace(spec, limbs=_limbs(spec, description, where))
    _check_limbs(spec, where, are_all=not description.paf_channels)
    return spec


def check_described(spec: ModelSpec, where: str) -> ModelSpec:
    """Resolve a spec that was described before its outputs were known, and check it against them.

    Raises:
        InputError: the description has another number of keypoints or channels than the outputs.
    """
    if not has_decoding(spec.family):
        return spec
    if (decoder := decoder_poses_of(spec.family)) is not None:
        return _check_decoder(spec, decoder, where)
    default = joint_set(spec.family)
    if spec.keypoint_names != default.joints:
        _check_names(spec, where)
        _check_limbs(spec, where, are_all=True)
        return spec
    resolved = resolve_keypoints(replace(spec, limbs=()))
    if spec.skeleton == default.bones:
        return replace(resolved, limbs=spec.limbs)
    _check_skeleton(spec.skeleton, len(resolved.keypoint_names), where)
    if resolved.keypoint_names == default.joints:
        return replace(resolved, limbs=spec.limbs)
    channels = tuple(limb.channels for limb in spec.limbs)
    return describe(resolved, KeypointDescription(skeleton=spec.skeleton, paf_channels=channels), where)


def _check_decoder(spec: ModelSpec, decoder: DecoderPoses, where: str) -> ModelSpec:
    """Return the spec with the keypoints of the outputs, unless they are described, after all checks."""
    if not spec.keypoint_names:
        resolved = resolve_keypoints(spec)
        spec = replace(resolved, skeleton=spec.skeleton or resolved.skeleton)
    _check_names(spec, where)
    _check_skeleton(spec.skeleton, len(spec.keypoint_names), where)
    decoder.check(spec, where)
    return replace(spec, unit=decoder.unit_of(spec))


def are_numbered(spec: ModelSpec) -> bool:
    """Return whether the keypoints of a network have numbers for names."""
    return bool(spec.keypoint_names) and spec.keypoint_names == numbered(len(spec.keypoint_names))


def find_missing_description(spec: ModelSpec) -> str | None:
    """Return the message about a description that decoding needs; None if nothing is missing."""
    return poses_of(spec.family).find_missing_description(spec)


def _check_names(spec: ModelSpec, where: str) -> None:
    names, count = spec.keypoint_names, count_keypoints(spec)
    if not names and spec.family in DECODER_FAMILIES:
        return
    repeated = sorted(name for name, number in Counter(names).items() if number > 1)
    if repeated:
        raise InputError(f"{where}: keypoint_names repeats {listed(repeated)}; use each name once")
    if count is not None and len(names) != count:
        raise InputError(
            f"{where}: {counted(len(names), 'name')} in keypoint_names, and the network has "
            f"{counted(count, 'keypoint')}; name all of them, in the order of its outputs"
        )


def _may_have_others(spec: ModelSpec) -> bool:
    """Return whether the number of keypoints follows from outputs whose channels are not known yet."""
    return has_decoding(spec.family) and count_keypoints(spec) is None and not published_channels(spec.family)


def _check_skeleton(skeleton: Pairs, count: int, where: str) -> None:
    _check_pairs(skeleton, "skeleton", "keypoints", count, where)


def _check_pairs(pairs: Pairs, key: str, what: str, count: int, where: str) -> None:
    indices = {index for pair in pairs for index in pair}
    if count == 0 and pairs:
        raise InputError(f"{where}: {key} without keypoint_names; write the names of the {what} too")
    if key == "skeleton" and indices and min(indices) >= 1 and max(indices) == count:
        raise InputError(
            f"{where}: {key} has the number {count} and no 0, but {what} are counted from 0 to {count - 1}; "
            "subtract 1 from each number"
        )
    for number, (first, second) in enumerate(pairs):
        if first == second or not (0 <= first < count and 0 <= second < count):
            raise InputError(
                f"{where}: {key}[{number}] is [{first}, {second}]; expected two different {what} from 0 to "
                f"{count - 1}"
            )


def _heatmap_joints(spec: ModelSpec, names: tuple[str, ...], where: str) -> tuple[int, ...]:
    indices = {name: index for index, name in enumerate(spec.keypoint_names)}
    unknown = [name for name in names if name not in indices]
    if unknown:
        raise InputError(
            f"{where}: heatmap_names has {listed(unknown)}, which keypoint_names does not have; use its names"
        )
    return tuple(indices[name] for name in names)


def _limbs(spec: ModelSpec, description: KeypointDescription, where: str) -> tuple[Limb, ...]:
    """Return the skeleton as limbs of part affinity fields; empty for a family without these."""
    published = published_channels(spec.family)
    if "pafs" not in published:
        if description.paf_channels:
            raise InputError(
                f"{where}: paf_channels: {spec.family} has no part affinity fields; remove the line"
            )
        return ()
    skeleton, paf_channels = description.skeleton, description.paf_channels
    if not paf_channels and len(skeleton) != published["pafs"] // 2 and not _is_own(spec, published):
        return ()
    if paf_channels and len(paf_channels) != len(skeleton):
        raise InputError(
            f"{where}: {counted(len(paf_channels), 'pair')} in paf_channels and "
            f"{counted(len(skeleton), 'limb')} in skeleton; write one pair for each limb"
        )
    heatmap_of = {joint: heatmap for heatmap, joint in enumerate(spec.heatmap_joints)}
    if not heatmap_of:
        heatmap_of = {joint: joint for joint in range(len(spec.keypoint_names))}
    ends = {end for pair in skeleton for end in pair}
    missing = sorted({spec.keypoint_names[end] for end in ends if end not in heatmap_of})
    if missing:
        raise InputError(
            f"{where}: skeleton has {', '.join(missing)}, which heatmap_names does not have; use only "
            "keypoints with a heatmap"
        )
    channels = paf_channels or tuple((2 * number, 2 * number + 1) for number in range(len(skeleton)))
    return tuple(
        Limb(heatmap_of[start], heatmap_of[end], pair)
        for (start, end), pair in zip(skeleton, channels, strict=True)
    )


def _check_limbs(spec: ModelSpec, where: str, *, are_all: bool) -> None:
    """Check limbs against the network's channels; with ``are_all``, they must use every pair of them."""
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
            f"are {counted(pafs // 2, 'pair')}; write a limb for each, in their order, or the channels of "
            "each limb as paf_channels"
        )


def _is_own(spec: ModelSpec, published: Mapping[str, int]) -> bool:
    """Return whether the channels of outputs, or the number of names, differ from the published ones."""
    others = any(spec.channels_of(role) not in (None, channels) for role, channels in published.items())
    return others or len(spec.keypoint_names) != len(joint_set(spec.family))
