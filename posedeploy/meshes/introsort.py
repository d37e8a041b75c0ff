"""Sort in the order of ``numpy.argsort`` up to NumPy 1.24, on every machine and with every NumPy.

NumPy's default sort is not stable, so the order of equal values depends on the algorithm. Meshes are
coarsened in such an order, with thousands of ties, and checkpoints were trained on the result. Newer versions
of NumPy use another algorithm on processors with AVX2 or AVX-512. This one is introsort (Musser, 1997):
quicksort on the median of three, insertion sort for short ranges, heapsort if the recursion gets too deep.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from posedeploy.types import Array

MAX_INSERTION_SPAN = 15
"""The largest ``high - low`` of a range that insertion sort sorts; such a range has up to 16 values."""


def classic_argsort(values: Array) -> Array:
    """Return (n,) int64 indices that sort ``values`` (n,), with ties in the order of the classic
    introsort."""
    keys: list[float] = values.tolist()
    order = list(range(len(keys)))
    waiting = [(0, len(keys) - 1, 2 * (len(keys).bit_length() - 1))]
    while waiting:
        low, high, depth = waiting.pop()
        if depth < 0:
            _heapsort(order, keys, low, high)
            continue
        while high - low > MAX_INSERTION_SPAN:
            middle = _partition(order, keys, low, high)
            depth -= 1
            if middle - low < high - middle:
                waiting.append((middle + 1, high, depth))
                high = middle - 1
            else:
                waiting.append((low, middle - 1, depth))
                low = middle + 1
        _insertion_sort(order, keys, low, high)
    return np.array(order, np.int64)


def _partition(order: list[int], keys: Sequence[float], low: int, high: int) -> int:
    """Partition a range at the median of its first, middle and last value; return its final index."""
    middle = (low + high) >> 1
    for left, right in ((low, middle), (middle, high), (low, middle)):
        if keys[order[right]] < keys[order[left]]:
            order[left], order[right] = order[right], order[left]
    pivot = keys[order[middle]]
    last = high - 1
    order[middle], order[last] = order[last], order[middle]
    left, right = low, last
    while True:
        left += 1
        while keys[order[left]] < pivot:
            left += 1
        right -= 1
        while pivot < keys[order[right]]:
            right -= 1
        if left >= right:
            break
        order[left], order[right] = order[right], order[left]
    order[left], order[last] = order[last], order[left]
    return left


def _insertion_sort(order: list[int], keys: Sequence[float], low: int, high: int) -> None:
    for start in range(low + 1, high + 1):
        moved, index = order[start], start
        while index > low and keys[moved] < keys[order[index - 1]]:
            order[index] = order[index - 1]
            index -= 1
        order[index] = moved


def _heapsort(order: list[int], keys: Sequence[float], low: int, high: int) -> None:
    heap = [-1, *order[low : high + 1]]
    size = len(heap) - 1
    for root in range(size >> 1, 0, -1):
        _sift_down(heap, keys, heap[root], root, size)
    while size > 1:
        moved, heap[size] = heap[size], heap[1]
        size -= 1
        _sift_down(heap, keys, moved, 1, size)
    order[low : high + 1] = heap[1:]


def _sift_down(heap: list[int], keys: Sequence[float], moved: int, index: int, size: int) -> None:
    """Move ``moved`` down from ``index`` in a heap that is counted from 1 and ends at ``size``."""
    child = 2 * index
    while child <= size:
        if child < size and keys[heap[child]] < keys[heap[child + 1]]:
            child += 1
        if not keys[moved] < keys[heap[child]]:
            break
        heap[index] = heap[child]
        index, child = child, 2 * child
    heap[index] = moved
