"""The order of ties agrees with NumPy's introsort, which NumPy uses without vector instructions."""

from __future__ import annotations

import numpy as np
import pytest

from posedeploy.meshes import introsort
from posedeploy.meshes.introsort import classic_argsort
from posedeploy.types import Array


def _sort_with_numpy(values: Array) -> Array:
    """Sort as long doubles, for which NumPy uses its portable code on every processor."""
    return np.argsort(values.astype(np.longdouble))


@pytest.mark.parametrize("different", [1, 2, 3, 10, 1000])
@pytest.mark.parametrize("count", [0, 1, 2, 16, 17, 18, 40, 100, 1000])
def test_ties_have_numpys_order(count: int, different: int) -> None:
    values = np.random.RandomState(count).randint(0, different, count)
    assert classic_argsort(values).tolist() == _sort_with_numpy(values).tolist()


def test_heapsort_sorts_values_for_which_quicksort_is_slow(monkeypatch: pytest.MonkeyPatch) -> None:
    heaps = []
    sort = introsort._heapsort
    monkeypatch.setattr(introsort, "_heapsort", lambda *stretch: (heaps.append(stretch), sort(*stretch)))
    values = _slow_input(1000)
    assert classic_argsort(values).tolist() == _sort_with_numpy(values).tolist()
    assert heaps


class _Adversary:
    """Chooses its values during the sort so that each comparison helps least (McIlroy, 1999)."""

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


def _slow_input(count: int) -> Array:
    adversary = _Adversary(count)
    classic_argsort(adversary)  # type: ignore[arg-type]
    return np.array(adversary.values)
