"""Find the operators whose fusion in a runtime changes the results."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence


def list_outside_fusion(tensors: Sequence[str], is_right: Callable[[Collection[str]], bool]) -> list[str]:
    """Return the tensors that can be outputs while the difference remains: all but those that the first wrong
    fusion hides.

    A runtime does not fuse operators across a tensor that is an output. Each binary search finds the last
    tensor that must be hidden, until one wrong fusion remains.

    Args:
        tensors: the names of all tensors, in the order of the graph.
        is_right: returns whether the difference disappears if these tensors are outputs. It does with all of
            them. If it also does without any, all tensors are returned.
    """
    shown = list(tensors)
    if is_right([]):  # the copy of the file does not have the difference, whatever its outputs are
        return shown
    wrong = len(shown)  # the difference remains if those from here on are outputs
    while is_right(shown):
        right = 0
        while wrong - right > 1:
            middle = (right + wrong) // 2
            if is_right(shown[middle:]):
                right = middle
            else:
                wrong = middle
        del shown[right]
        wrong = right
    return shown
