"""The published decoding of both networks, simple and slow, as a reference for the fast one.

Written from the description of the algorithm. NumPy compares pixels, as in the published code. Loops process
people, pairs and (in 3D) points along a limb.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import cv2
import numpy as np

from posedeploy.poses.limbs import FIELDS, LIMBS
from posedeploy.types import Array


@dataclass
class Keypoint:
    """A candidate with x and y in px of the upsampled map. number: unique among all kinds of keypoints."""

    x: int
    y: int
    score: float
    number: int


@dataclass
class Person:
    """numbers: the keypoint's number for each kind; -1 if missing."""

    numbers: list[int] = field(default_factory=lambda: [-1] * 18)
    count: int = 0
    score: float = 0.0


Link = tuple[Keypoint, Keypoint, float]


def decode_2d(heatmaps: Array, pafs: Array) -> tuple[list[Keypoint], list[Person]]:
    """Decode (19, h, w) heatmaps and (38, h, w) fields into keypoints and people, as for the 2D network."""
    kinds = _keypoints(_enlarge(heatmaps, cv2.INTER_CUBIC))
    fields = _enlarge(pafs, cv2.INTER_CUBIC)
    people: list[Person] = []
    for limb, (a, b) in enumerate(LIMBS):
        if kinds[a] and kinds[b]:
            links = _links_2d(kinds[a], kinds[b], fields[:, :, 2 * FIELDS[limb] : 2 * FIELDS[limb] + 2])
            _join(people, limb, links)
    return [keypoint for kind in kinds for keypoint in kind], _filter_people(people)


def decode_3d(heatmaps: Array, pafs: Array) -> tuple[list[Keypoint], list[Person]]:
    """Decode as for the 3D network, which has an older grouping."""
    kinds = _keypoints(_enlarge(heatmaps[:18], cv2.INTER_LINEAR))
    fields = _enlarge(pafs, cv2.INTER_LINEAR)
    people: list[Person] = []
    for limb, (a, b) in enumerate(LIMBS):
        if kinds[a] and kinds[b]:
            links = _links_3d(kinds[a], kinds[b], fields[:, :, 2 * FIELDS[limb] : 2 * FIELDS[limb] + 2])
            _join(people, limb, links)
            continue
        for kind in (a, b):
            for keypoint in kinds[kind]:
                if all(person.numbers[kind] != keypoint.number for person in people):
                    loner = Person(count=1, score=keypoint.score)
                    loner.numbers[kind] = keypoint.number
                    people.append(loner)
    return [keypoint for kind in kinds for keypoint in kind], _filter_people(people)


def _enlarge(maps: Array, interpolation: int) -> Array:
    enlarged: Array = cv2.resize(maps.transpose(1, 2, 0), None, fx=4, fy=4, interpolation=interpolation)
    return enlarged


def _keypoints(heatmaps: Array) -> list[list[Keypoint]]:
    kinds: list[list[Keypoint]] = []
    for kind in range(18):
        plane = heatmaps[:, :, kind].copy()
        plane[plane < 0.1] = 0
        framed = np.pad(plane, 1)
        peak = (plane > framed[1:-1, :-2]) & (plane > framed[1:-1, 2:])
        peak &= (plane > framed[:-2, 1:-1]) & (plane > framed[2:, 1:-1])
        peaks = sorted((int(x), int(y)) for y, x in zip(*np.nonzero(peak), strict=True))
        begin = sum(len(earlier) for earlier in kinds)
        kept: list[Keypoint] = []
        # A peak that was dropped suppresses no others.
        for x, y in peaks:
            if all(math.hypot(x - other.x, y - other.y) >= 6 for other in kept):
                kept.append(Keypoint(x, y, float(plane[y, x]), begin + len(kept)))
        kinds.append(kept)
    return kinds


def _links_2d(starts: list[Keypoint], ends: list[Keypoint], field_: Array) -> list[Link]:
    a = np.array([(k.x, k.y) for k in starts], np.float32)
    b = np.array([(k.x, k.y) for k in ends], np.float32)
    vectors = (b[:, None] - a[None]).reshape(-1, 2)
    origins = np.tile(a, (len(b), 1))
    share = np.float32(1 / 9)
    points = (share * vectors)[:, None] * np.arange(10, dtype=np.float32)[None, :, None] + origins[:, None]
    cells = np.round(points).astype(np.int32)
    sampled = field_[cells[..., 1], cells[..., 0]]
    units = vectors / (np.linalg.norm(vectors, axis=1, keepdims=True) + np.float32(1e-6))
    along = (sampled * units[:, None]).sum(-1)
    good = along > 0.05
    number = good.sum(1)
    scores = (along * good).sum(1) / (number + 1e-6)
    ranked = [
        (float(scores[flat]), int(flat))
        for flat in range(len(scores))
        if scores[flat] > 0 and number[flat] / 10 > 0.8
    ]
    ranked.sort(reverse=True)
    return _one_to_one(
        [(starts[flat % len(starts)], ends[flat // len(starts)], score) for score, flat in ranked]
    )


def _links_3d(starts: list[Keypoint], ends: list[Keypoint], field_: Array) -> list[Link]:
    links: list[Link] = []
    for a in starts:
        for b in ends:
            length = math.sqrt((b.x - a.x) ** 2 + (b.y - a.y) ** 2)
            if length == 0:
                continue
            unit_x, unit_y = (b.x - a.x) / length, (b.y - a.y) / length
            total, number = 0.0, 0
            xs = 1 / 9 * (b.x - a.x) * np.arange(10) + a.x
            ys = 1 / 9 * (b.y - a.y) * np.arange(10) + a.y
            for x, y in zip(xs, ys, strict=True):
                sampled = field_[int(y), int(x)]
                along = unit_x * float(sampled[0]) + unit_y * float(sampled[1])
                if along > 0.05:
                    total += along
                    number += 1
            score = (total / number if number else 0.0) + min(field_.shape[0] // 2 / length - 1, 0)
            if score > 0 and number / 10 > 0.8:
                links.append((a, b, score))
    return _one_to_one(sorted(links, key=lambda link: link[2], reverse=True))


def _one_to_one(links: list[Link]) -> list[Link]:
    kept: list[Link] = []
    for link in links:
        if all(link[0] is not other[0] and link[1] is not other[1] for other in kept):
            kept.append(link)
    return kept


def _join(people: list[Person], limb: int, links: list[Link]) -> None:
    kind_a, kind_b = LIMBS[limb]
    for a, b, score in links:
        if limb >= 17:
            _complete(people, kind_a, kind_b, a, b)
            continue
        holding = [person for person in people if person.numbers[kind_a] == a.number]
        for person in holding:
            person.numbers[kind_b] = b.number
            person.count += 1
            person.score += b.score + score
        if not holding:
            person = Person(count=2, score=a.score + b.score + score)
            person.numbers[kind_a], person.numbers[kind_b] = a.number, b.number
            people.append(person)


def _complete(people: list[Person], kind_a: int, kind_b: int, a: Keypoint, b: Keypoint) -> None:
    for person in people:
        if person.numbers[kind_a] == a.number and person.numbers[kind_b] == -1:
            person.numbers[kind_b] = b.number
        elif person.numbers[kind_b] == b.number and person.numbers[kind_a] == -1:
            person.numbers[kind_a] = a.number


def _filter_people(people: list[Person]) -> list[Person]:
    return [person for person in people if person.count >= 3 and person.score / person.count >= 0.2]
