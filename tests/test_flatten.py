from __future__ import annotations

from posedeploy.flatten import flat


def test_leaves_keep_their_order_in_every_container() -> None:
    assert flat({"a": [1, (2, 3)], "b": {"c": 4}}) == (1, 2, 3, 4)
    assert flat(1) == (1,)
    assert flat([]) == ()
