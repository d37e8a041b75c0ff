"""CUDA graphs on a GPU: order of outputs, and random numbers after a failed capture."""

from __future__ import annotations

import pytest
import torch

from posedeploy.cuda_graph import GraphedCall

pytestmark = [
    pytest.mark.gpu,
    pytest.mark.skipif(not torch.cuda.is_available(), reason="this machine has no CUDA device"),
]
FORMS = (((4,), torch.float32),)


def test_outputs_of_several_dtypes_keep_their_order() -> None:
    device = torch.device("cuda")
    call = GraphedCall(lambda x: (x * 2, x.long(), (x + 1).view(2, 2)), FORMS, device)
    for start in (0.0, 1.0):
        outputs = torch.arange(4.0) + start
        doubled, whole, grown = call([outputs])
        assert torch.equal(doubled, outputs * 2) and torch.equal(whole, outputs.long())
        assert torch.equal(grown, (outputs + 1).view(2, 2))


def test_random_numbers_work_after_a_failed_capture() -> None:
    device = torch.device("cuda")
    with pytest.raises(RuntimeError):
        GraphedCall(lambda x: x * x.sum().item(), FORMS, device)
    assert torch.randn(3, device=device).isfinite().all()
    assert GraphedCall(lambda x: x * 2, FORMS, device)([torch.ones(4)])[0].tolist() == [2, 2, 2, 2]
