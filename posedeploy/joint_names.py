"""Normalize the names of joints to COCO's spelling."""

from __future__ import annotations

import re
from functools import cache

SIDES = {"l": "left", "r": "right", "left": "left", "right": "right"}
PARTS = {
    "sho": "shoulder", "shldr": "shoulder", "elb": "elbow", "wri": "wrist", "ank": "ankle", "kne": "knee",
}  # fmt: skip
"""COCO's names for abbreviations of body parts."""
SYNONYMS = {"midhip": "pelvis", "hipcenter": "pelvis", "hipcentre": "pelvis", "hipscenter": "pelvis"}
_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+|[^\W\d_A-Za-z]+")
_CONCATENATED = {
    "".join(words): f"{SIDES[side]}_{PARTS.get(part, part)}"
    for side in SIDES
    for part in (*PARTS, *PARTS.values(), "hip", "eye", "ear")
    for words in ([(side, part), (part, side)] if len(side) > 1 else [(side, part)])
}
"""Names without a separator between side and part, such as ``rshoulder`` and ``eyeleft``."""


@cache
def coco_name(name: str) -> str:
    """Return COCO's name of a keypoint, such as ``right_shoulder``, or another name in the same style.

    Case, spaces, underscores, hyphens, dots and the position of the side are ignored: ``r_sho``,
    ``RShoulder``, ``Right Shoulder``, ``shoulder.R`` and ``rightshoulder`` are the same.
    """
    words = [word.lower() for word in _WORDS.findall(name)]
    concatenated = "".join(words)
    if concatenated in _CONCATENATED:
        return _CONCATENATED[concatenated]
    if concatenated in SYNONYMS:
        return SYNONYMS[concatenated]
    if len(words) > 1 and words[-1] in SIDES and words[0] not in SIDES:
        words = [words[-1], *words[:-1]]
    if len(words) > 1 and words[0] in SIDES:
        return "_".join([SIDES[words[0]], *(PARTS.get(word, word) for word in words[1:])])
    return "_".join(words)
