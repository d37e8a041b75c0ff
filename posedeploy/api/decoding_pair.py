"""The decoding of both models of a comparison, by the descriptions of the reference and of the artifact."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from posedeploy.benchmarks.description_differences import (
    find_skeleton_difference,
    list_decoding_differences,
    order_by_names,
)
from posedeploy.benchmarks.image_comparison import Pairing
from posedeploy.decoders import Decode, decoder_of, has_heatmaps
from posedeploy.errors import InputError
from posedeploy.families import decoder_poses_of, has_decoding, poses_of
from posedeploy.keypoint_descriptions import find_missing_description
from posedeploy.types import Array, Camera, ModelSpec, Placed, Poses, Tensors

logger = logging.getLogger(__name__)


UNDECODABLE = "the description of the artifact does not decode its outputs: {}"


class UndecodableError(Exception):
    """The description of the artifact does not decode its outputs."""


@dataclass(frozen=True, kw_only=True)
class DecodingPair:
    """The decoding of the reference, and that of the candidate where its description differs.

    decode: the published decoding; None if it is unknown. decode_candidate: raises ``UndecodableError``; None
    if it is the same. peaks: the outputs whose peaks ``decode`` selects. differences: between the
    descriptions. failures: faults in the description that move no keypoint. note: why the decodings are not
    compared; empty otherwise.
    """

    decode: Decode | None
    decode_candidate: Decode | None = None
    pairing: Pairing | None = None
    peaks: Sequence[str] = ()
    differences: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    note: str = ""

    def without_candidate(self) -> DecodingPair:
        """Return the pair in which the reference's decoding is also that of the candidate."""
        pairing = self.pairing and replace(self.pairing, refine_candidate=None)
        return replace(self, decode_candidate=None, pairing=pairing)


def pair_decodings(reference: ModelSpec, candidate: ModelSpec) -> DecodingPair:
    """Return the decoding of both models. If only the candidate's is known, it is also the reference's.

    Inputs of a candidate on images are noise if the reference does not describe its own.
    """
    if candidate.contract is not None and reference.contract is None:
        return DecodingPair(decode=None, note="the reference has no description of its input")
    ours, theirs = build_decode(reference), build_decode(candidate)
    if ours is None:
        note = "the reference has no description of its decoding" if theirs else "the decoding is unknown"
        return replace(_single(candidate, theirs), note=note)
    differences = list_decoding_differences(reference, candidate)
    if theirs is None and (candidate.family != reference.family or not differences):
        return DecodingPair(decode=None, note="the artifact has no description of its decoding")
    failures = (*_list_lost_roles(reference, candidate), find_skeleton_difference(reference, candidate))
    pair = replace(_single(reference, ours), failures=tuple(filter(None, failures)))
    if theirs is None:
        why = find_missing_description(candidate) or "it has no description of its input"
        return replace(pair, differences=differences, failures=(*pair.failures, UNDECODABLE.format(why)))
    if not differences:
        return pair
    assert pair.pairing is not None, "a network with a decoding has a pairing"
    guard = _Guard(reference, candidate)
    refine = build_pairing(candidate).refine
    has_refined = refine is not None and pair.pairing.refine is not None
    refined = replace(pair.pairing, refine_candidate=guard.wrap(refine) if refine and has_refined else None)
    pairing = refined if has_refined else replace(refined, refine=None)
    return replace(pair, decode_candidate=guard.wrap(theirs), pairing=pairing, differences=differences)


def _list_lost_roles(reference: ModelSpec, candidate: ModelSpec) -> Iterator[str]:
    """Yield a sentence for each output of depth or of a mesh that the candidate's description leaves out."""
    family = poses_of(reference.family)
    for role, content in ((family.DEPTH_ROLE, "3D positions"), (family.MESH_ROLE, "mesh")):
        name = reference.roles.get(role or "")
        if name in [tensor.name for tensor in candidate.outputs] and role not in candidate.roles:
            yield f"the description has no output with the role {role}, so its poses have no {content}"


def _single(spec: ModelSpec, decode: Decode | None) -> DecodingPair:
    if decode is None:
        return DecodingPair(decode=None)
    return DecodingPair(decode=decode, pairing=build_pairing(spec), peaks=list_peak_outputs(spec))


@dataclass(frozen=True)
class _Guard:
    """Gives the candidate's keypoints the order of the reference's."""

    reference: ModelSpec
    candidate: ModelSpec

    def wrap(self, decode: Decode) -> Decode:
        order = order_by_names(self.reference, self.candidate)
        ours, theirs = len(self.reference.keypoint_names), len(self.candidate.keypoint_names)

        def guarded(outputs: Tensors, placement: Placed) -> Poses:
            if ours and theirs and ours != theirs:
                raise UndecodableError(f"the description has {theirs} keypoints instead of {ours}")
            if self.reference.unit != self.candidate.unit:
                raise UndecodableError(
                    f"the poses are in {self.candidate.unit} instead of {self.reference.unit} as for the "
                    "reference"
                )
            try:
                poses = decode(outputs, placement)
            except InputError as error:
                raise UndecodableError(str(error)) from error
            return poses if order is None else _reordered(poses, order)

        return guarded


def _reordered(poses: Poses, order: Sequence[int]) -> Poses:
    def select(points: Array | None) -> Array | None:
        return points[:, list(order)] if points is not None and points.shape[1] == len(order) else points

    return replace(poses, keypoints=poses.keypoints[:, list(order)], keypoints_3d=select(poses.keypoints_3d))


def build_decode(spec: ModelSpec) -> Decode | None:
    """Return the published decoding of a network; None, with the reason logged, if it is unknown."""
    if not has_decoding(spec.family) or (spec.contract is None and spec.joints is None):
        return None
    if missing := find_missing_description(spec):
        logger.info(f"only outputs are compared, not keypoints: {missing}")
        return None
    return decoder_of(spec, Camera())


def build_pairing(spec: ModelSpec) -> Pairing:
    """Return how the people of a network are compared one by one."""
    refine = decoder_of(spec, Camera(), refine=True) if has_heatmaps(spec.family) else None
    return Pairing(spec.keypoint_names, refine, spec.skeleton)


def list_peak_outputs(spec: ModelSpec) -> list[str]:
    """Return the outputs whose peaks the family's decoding selects, or whose values decide which candidates
    are people."""
    if not has_decoding(spec.family):
        return []
    decoder = decoder_poses_of(spec.family)
    roles = (*poses_of(spec.family).PEAK_ROLES, *(decoder.DECISION_ROLES if decoder is not None else ()))
    return [spec.roles[role] for role in roles if role in spec.roles]
