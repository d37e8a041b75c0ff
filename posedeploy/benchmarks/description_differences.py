"""Differences between two descriptions of one network: that of an artifact and that of the reference.

A manifest or a ``contract`` file describes an artifact. Users can edit both, so the artifact can prepare
images or decode outputs in another way than the reference.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import fields
from typing import Any

from posedeploy.benchmarks.comparable_contract import select_comparable_contract
from posedeploy.decoding_options import options_of
from posedeploy.families import decoder_poses_of
from posedeploy.joint_names import coco_name
from posedeploy.printable import printable
from posedeploy.types import ModelSpec

NOT_DECODING = frozenset({"variant", "inputs", "outputs", "contract", "joints", "decoding"})
"""The fields of a spec that decoding does not use, or, of ``outputs``, only as ``map_stride``; and
``decoding``, whose options are compared one by one."""
MAX_LENGTH = 40
MAX_KEYPOINTS = 3
"""Characters of a value, and keypoints, that a message shows."""


def list_preprocessing_differences(reference: ModelSpec, candidate: ModelSpec) -> tuple[str, ...]:
    """Return a phrase for each difference in preprocessing, such as ``contract.fit is crop instead of pad``.

    Sizes and embedded steps do not count, because an export may change them.
    """
    contract = reference.contract
    if contract is not None and candidate.contract is not None:
        contract = select_comparable_contract(contract, candidate.contract)
    return tuple(
        _describe(f"{part}.{name}", theirs, ours)
        for part, own in (("contract", contract), ("joints", reference.joints))
        for name, ours, theirs in _pairs(own, getattr(candidate, part), frozenset())
    )


def list_decoding_differences(reference: ModelSpec, candidate: ModelSpec) -> tuple[str, ...]:
    """Return a phrase for each difference in decoding that can move or rename keypoints.

    Names of keypoints are compared in COCO's spelling, and only if both descriptions have them.
    """
    special = {"roles", "keypoint_names", "skeleton", *NOT_DECODING}
    differences = [
        _describe(name, theirs, ours) for name, ours, theirs in _pairs(reference, candidate, special)
    ]
    if reference.map_stride != candidate.map_stride:
        differences.append(_describe("the stride of the maps", candidate.map_stride, reference.map_stride))
    parts = (_roles, _keypoints, _options)
    return (*(phrase for part in parts for phrase in part(reference, candidate)), *differences)


def find_skeleton_difference(reference: ModelSpec, candidate: ModelSpec) -> str | None:
    """Return a sentence about bones that only one description has; None if there are none.

    Descriptions without a skeleton, or with other keypoints, are not compared.
    """
    if not reference.skeleton or not candidate.skeleton or len(_names(reference)) != len(_names(candidate)):
        return None
    ours, theirs = _bones(reference), _bones(candidate)
    if ours == theirs:
        return None
    extra, missing = sorted(theirs - ours), sorted(ours - theirs)
    parts = [
        f"{what} {', '.join('-'.join(bone) for bone in bones[:MAX_KEYPOINTS])}"
        + (" and others" if len(bones) > MAX_KEYPOINTS else "")
        for what, bones in (("has the bone", extra), ("does not have the bone", missing))
        if bones
    ]
    return f"the skeleton differs from that of the reference: it {' and '.join(parts)}"


def order_by_names(reference: ModelSpec, candidate: ModelSpec) -> tuple[int, ...] | None:
    """Return the index of each of the reference's keypoints among those of the candidate.

    None if the order is the same, or if their names do not correspond.
    """
    ours, theirs = _names(reference), _names(candidate)
    if ours == theirs or len(set(theirs)) != len(theirs) or set(ours) != set(theirs):
        return None
    return tuple(theirs.index(name) for name in ours)


def _pairs(
    reference: Any, candidate: Any, skipped: frozenset[str] | set[str]
) -> Iterator[tuple[str, Any, Any]]:
    """Yield the name and both values of each field that differs; nothing if a side is None."""
    if reference is None or candidate is None:
        return
    for field in fields(reference):
        ours, theirs = getattr(reference, field.name), getattr(candidate, field.name)
        if field.name not in skipped and ours != theirs:
            yield field.name, ours, theirs


def _describe(name: str, theirs: object, ours: object) -> str:
    texts = [_shorten(value) for value in (theirs, ours)]
    return f"{name} differs" if None in texts else f"{name} is {texts[0]} instead of {texts[1]}"


def _shorten(value: object) -> str | None:
    """Return the text of a value; None if it is too long to be shown."""
    text = "unset" if value is None or value == () else _format(value)
    return text if len(text) <= MAX_LENGTH else None


def _format(value: object) -> str:
    if isinstance(value, tuple):
        return f"({', '.join(map(_format, value))})"
    return f"{value:g}" if isinstance(value, float) else printable(str(value))


def _roles(reference: ModelSpec, candidate: ModelSpec) -> Iterator[str]:
    for role in dict.fromkeys((*reference.roles, *candidate.roles)):
        ours, theirs = reference.roles.get(role), candidate.roles.get(role)
        if ours != theirs:
            yield _describe(f"the output with the role {role}", theirs, ours)


def _keypoints(reference: ModelSpec, candidate: ModelSpec) -> Iterator[str]:
    ours, theirs = _names(reference), _names(candidate)
    if not ours or not theirs or ours == theirs:
        return
    if len(ours) != len(theirs):
        yield f"{len(theirs)} keypoints instead of {len(ours)}"
        return
    others = [index for index, names in enumerate(zip(ours, theirs, strict=True)) if names[0] != names[1]]
    for index in others[:MAX_KEYPOINTS]:
        yield f"keypoint {index} is {printable(theirs[index])} instead of {printable(ours[index])}"
    if len(others) > MAX_KEYPOINTS:
        yield f"the names of {len(others) - MAX_KEYPOINTS} more keypoints differ"


def _options(reference: ModelSpec, candidate: ModelSpec) -> Iterator[str]:
    """Yield the options of the decoding that differ; missing ones have their default."""
    decoder = decoder_poses_of(reference.family)
    if decoder is None or candidate.family != reference.family:
        return
    ours, theirs = options_of(decoder.OPTIONS, reference), options_of(decoder.OPTIONS, candidate)
    for name, our_value, their_value in _pairs(ours, theirs, frozenset()):
        yield _describe(f"decoding.{name}", their_value, our_value)


def _names(spec: ModelSpec) -> Sequence[str]:
    return [coco_name(name) for name in spec.keypoint_names]


def _bones(spec: ModelSpec) -> set[tuple[str, str]]:
    names = _names(spec)
    pairs = ((names[first], names[second]) for first, second in spec.skeleton)
    return {(min(pair), max(pair)) for pair in pairs}
