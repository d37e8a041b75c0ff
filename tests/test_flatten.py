from __future__ import annotations

from posedeploy.flatten import flat


def test_leaves_come_in_order_whatever_they_are_nested_in() -> None:
    assert flat({"a": [1, (2, 3)], "b": {"c": 4}}) == (1, 2, 3, 4)
    assert flat(1) == (1,)
    assert flat([]) == ()
