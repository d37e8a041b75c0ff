"""The order of ties against NumPy's own introsort, which it still has where no vector instruction is used."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.meshes import introsort
from posedeploy.meshes.introsort import classic_argsort
from posedeploy.types import Array


def _numpys(values: Array) -> Array:
    """NumPy sorts long doubles by its portable code on every processor."""
    return np.argsort(values.astype(np.longdouble))


@pytest.mark.parametrize("different", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 16, 17, 18, 40, 100, 1000])
def test_ties_are_in_numpys_order(count: int, different: int) -> None:
    values = np.random.RandomState(count).randint(0, different, count)
    assert classic_argsort(values).tolist() == _numpys(values).tolist()


def test_values_against_which_quicksort_is_slow_are_sorted_by_heap(monkeypatch: pytest.MonkeyPatch) -> None:
    heaps = []
    sort = introsort._heap
    monkeypatch.setattr(introsort, "_heap", lambda *stretch: (heaps.append(stretch), sort(*stretch)))
    values = _killer(1000)
    assert classic_argsort(values).tolist() == _numpys(values).tolist()
    assert heaps


class _Adversary:
    """Decides only when asked which of its values is the least, and so that it helps the least (McIlroy,
    1999)."""

    def __init__(self, count: int) -> None:
        self.undecided = count
        self.values = [count] * count
        self.decided = self.candidate = 0

    def tolist(self) -> list[_Value]:
        return [_Value(self, index) for index in range(len(self.values))]

    def less(self, a: int, b: int) -> bool:
        if self.values[a] == self.values[b] == self.undecided:
            self.values[a if a == self.candidate else b] = self.decided
            self.decided += 1
        if self.values[a] == self.undecided:
            self.candidate = a
        elif self.values[b] == self.undecided:
            self.candidate = b
        return self.values[a] < self.values[b]


class _Value:
    def __init__(self, adversary: _Adversary, index: int) -> None:
        self.adversary, self.index = adversary, index

    def __lt__(self, other: _Value) -> bool:
        return self.adversary.less(self.index, other.index)


def _killer(count: int) -> Array:
    adversary = _Adversary(count)
    classic_argsort(adversary)  # type: ignore[arg-type]
    return np.array(adversary.values)
