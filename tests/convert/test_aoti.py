"""AOTInductor: refused in a sentence where it cannot compile."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._inductor import config as inductor

from posedeploy.convert import aoti
from posedeploy.convert.export import export
from posedeploy.convert.options import AotiOptions, ExportOptions
from posedeploy.convert.prepare import prepare
from posedeploy.errors import DeviceError, ExportError
from posedeploy.types import Model


class _Branching(nn.Module):
    """Goes by its input's values, which no graph can."""

    def forward(self, data: Tensor) -> Tensor:
        return data[:, :1] if data.sum() > 0 else data[:, 1:2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_gpu_that_is_not_there_is_refused(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(
        DeviceError, match=r"--device cuda: AOTInductor compiles on the GPU .* torch finds none"
    ):
        export(tiny, ["aoti"], tmp_path, "tiny", ExportOptions(aoti=AotiOptions("cuda")))
    assert not list(tmp_path.iterdir())


def test_no_other_device_is_known(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="--device tpu: AOTInductor compiles for CPU or cuda"):
        export(tiny, ["aoti"], tmp_path, "tiny", ExportOptions(aoti=AotiOptions("tpu")))


def test_without_a_compiler_it_says_what_to_install(tiny: Model, tmp_path: Path) -> None:
    without = inductor.patch({"cpp.cxx": ("no-such-compiler",)})
    with without, pytest.raises(ExportError, match=r"needs a C\+\+ compiler and found none; install g\+\+"):
        export(tiny, ["aoti"], tmp_path, "tiny")
    assert not list(tmp_path.iterdir())


def test_where_the_compiler_cannot_write_it_says_which_folder(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(
        ExportError, match=r"cannot write its own files \(Not a dir.*name another folder in the"
    ):
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    assert not (tmp_path / "out").exists()


def test_a_network_that_branches_on_values_is_refused(tiny: Model, tmp_path: Path) -> None:
    model = replace(tiny, module=_Branching(), deployed=None)
    with pytest.raises(ExportError, match=r"^AOTInductor cannot take this network: .*data-dependent"):
        export(model, ["aoti"], tmp_path, "tiny", ExportOptions())


def test_the_network_stays_where_it_is_and_its_copy_where_it_is_compiled(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions())
    program = aoti._exported(prepared, "meta")  # a device that every machine has
    assert {tensor.device.type for tensor in program.state_dict.values()} == {"meta"}
    assert {tensor.device.type for tensor in prepared.module.parameters()} == {"cpu"}
