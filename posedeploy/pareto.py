"""The Pareto front of points with an error and a cost."""

from __future__ import annotations

import math
from collections.abc import Hashable, Mapping
from typing import TypeVar

K = TypeVar("K", bound=Hashable)


def find_front(points: Mapping[K, tuple[float, float]]) -> list[K]:
    """Return the keys of the (error, cost) points that no other point beats, by cost.

    A point is beaten by one that is no worse in both and better in one. Points that are not finite are left
    out.
    """
    front: list[K] = []
    least = math.inf
    finite = {key: point for key, point in points.items() if all(map(math.isfinite, point))}
    for key, (error, _) in sorted(finite.items(), key=lambda item: (item[1][1], item[1][0])):
        if error < least:
            front.append(key)
            least = error
    return front
