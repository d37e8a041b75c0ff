"""Non-maximum suppression of boxes."""

from __future__ import annotations

import numpy as np

from posedeploy.types import Array


def suppress_overlaps(corners: Array, scores: Array, iou_threshold: float, count: int) -> Array:
    """Return the indices of at most ``count`` boxes, the best first, that do not overlap a better one.

    Args:
        corners: (boxes, 4) left, top, right, bottom; a box whose sides are not positive overlaps no other.
        scores: (boxes,), finite; the first of equal ones is better.
        iou_threshold: the intersection over union above which two boxes overlap.
    """
    left, top, right, bottom = corners.T
    areas = np.maximum(right - left, 0) * np.maximum(bottom - top, 0)
    remaining = np.argsort(-scores, kind="stable")
    kept: list[int] = []
    while len(remaining) and len(kept) < count:
        best, others = remaining[0], remaining[1:]
        kept.append(int(best))
        width = np.minimum(right[best], right[others]) - np.maximum(left[best], left[others])
        height = np.minimum(bottom[best], bottom[others]) - np.maximum(top[best], top[others])
        shared = np.maximum(width, 0) * np.maximum(height, 0)
        remaining = others[shared <= iou_threshold * (areas[best] + areas[others] - shared)]
    return np.array(kept, np.int64)
