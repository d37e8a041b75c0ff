"""A BatchNorm is folded only if that does not change the outputs."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from posedeploy.convert.tflite.fold_batch_norm import fold_batch_norms

EXAMPLE = (torch.linspace(-1, 1, 2 * 3 * 8 * 8).reshape(2, 3, 8, 8),)


class Net(nn.Module):
    """Two pairs to fold; a convolution whose output has a second use, one with an activation before its
    BatchNorm, one whose BatchNorm has no statistics, and a pair that is called twice."""

    def __init__(self) -> None:
        super().__init__()
        self.plain = nn.Sequential(nn.Conv2d(3, 4, 3, bias=False), nn.BatchNorm2d(4), nn.ReLU())
        self.seen = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))
        self.wide = nn.Sequential(nn.ConvTranspose2d(6, 6, 2, groups=3), nn.BatchNorm2d(6))
        self.up = nn.Sequential(nn.ConvTranspose2d(4, 6, 4, 2, 1), nn.BatchNorm2d(6))
        shared = nn.ReLU()
        self.apart = nn.Sequential(shared, nn.Conv2d(4, 4, 1), shared, nn.BatchNorm2d(4))
        self.batch = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4, track_running_stats=False))
        self.twice = nn.Sequential(nn.Conv2d(4, 4, 1), nn.BatchNorm2d(4))

    def forward(self, x: Tensor) -> Tensor:
        x = self.batch(self.apart(self.plain(x)))
        between = self.seen[0](x)
        result: Tensor = self.wide(self.up(self.twice(self.twice(self.seen[1](between) + between))))
        return result


def drawn() -> Net:
    torch.manual_seed(0)
    net = Net()
    for module in net.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean, module.running_var):
                if tensor is not None:
                    tensor.uniform_(0.5, 2.0)
    return net.eval()


def test_only_batch_norms_of_exclusive_convolutions_are_folded() -> None:
    net, plain = drawn(), drawn()
    fold_batch_norms(net, EXAMPLE)
    left = [name for name, module in net.named_modules() if isinstance(module, nn.BatchNorm2d)]
    assert left == ["seen.1", "wide.1", "apart.3", "batch.1", "twice.1"]
    with torch.inference_mode():
        assert torch.allclose(net(*EXAMPLE), plain(*EXAMPLE), rtol=1e-5, atol=1e-5)


def test_the_original_weights_do_not_change() -> None:
    net = drawn()
    first = net.plain[0]
    assert isinstance(first, nn.Conv2d)
    before = first.weight.clone()
    fold_batch_norms(net, EXAMPLE)
    assert torch.equal(first.weight, before)
    assert not any(module._forward_hooks for module in net.modules())
