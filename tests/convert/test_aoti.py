"""Errors of exports to AOTInductor."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch._inductor.lowering import lowerings

from posedeploy.convert import aoti
from posedeploy.convert.aoti_requirements import check_toolkit
from posedeploy.convert.export import export
from posedeploy.convert.export_options import AotiOptions, ExportOptions
from posedeploy.convert.prepare import prepare
from posedeploy.errors import DeviceError, ExportError, MissingPackageError
from posedeploy.types import Artifact, Model, ModelSpec, TensorSpec
from tests.aoti_package.packages import ABORT, LOAD, RUN, SEGFAULT, WRONG, harmful


class _Branching(nn.Module):
    """A network that branches on its input's values, which a graph cannot."""

    def forward(self, data: Tensor) -> Tensor:
        return data[:, :1] if data.sum() > 0 else data[:, 1:2]


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_a_missing_gpu_is_an_error(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(
        DeviceError, match=r"`device=cuda`: AOTInductor compiles on the GPU .* torch finds none"
    ):
        export(tiny, ["aoti"], tmp_path, "tiny", ExportOptions(aoti=AotiOptions("cuda")))
    assert not list(tmp_path.iterdir())


def test_another_device_is_an_error(tiny: Model, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="`device=npu`: AOTInductor compiles for cpu or cuda"):
        export(tiny, ["aoti"], tmp_path, "tiny", ExportOptions(aoti=AotiOptions("npu")))


def test_the_error_without_a_compiler_names_the_packages(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("CXX", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ExportError, match=r"needs a C\+\+ compiler and .* on the PATH; install g\+\+, or"):
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("code", "before", "after", "message"),
    [
        pytest.param(LOAD, SEGFAULT, "", "crashes when it is loaded (SIGSEGV); compiled by g++ ", id="load"),
        pytest.param(
            RUN,
            ABORT,
            "",
            "crashes when it is run (SIGABRT; terminate called: no such symbol); compiled by ",
            id="run",
            marks=pytest.mark.slow,
        ),
        pytest.param(RUN, "", WRONG, "differs from PyTorch in early_heatmaps by ", id="wrong"),
    ],
)
def test_a_package_that_crashes_or_is_wrong_is_not_written(
    tiny: Model,
    exported: dict[str, Artifact],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: str,
    before: str,
    after: str,
    message: str,
) -> None:
    package = harmful(exported["aoti"], tmp_path / "harm", code, before, after)

    def compile_harm(program: object, *, package_path: str, inductor_configs: object) -> None:
        """Compile a harmful package, in place of a compiler that does not fit torch."""
        shutil.copy(package.path, package_path)

    monkeypatch.setattr(aoti, "aoti_compile_and_package", compile_harm)
    with pytest.raises(ExportError) as refusal:
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    assert str(refusal.value).startswith(f"the package that AOTInductor compiled {message}")
    assert not (tmp_path / "out").exists()


@pytest.mark.slow
def test_the_error_about_crashing_code_names_the_compiler_and_the_remedy(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "harm.cpp").write_text(LOAD.replace("BEFORE", ABORT).replace("AFTER", ""))
    compiler = tmp_path / "mine++"
    compiler.write_text(
        f"""#!/bin/sh
case " $* " in *" -print-file-name="*) echo "{tmp_path}/libstdc++.so.6"; exit;; esac
case " $* " in *" -shared "*) exec g++ "$@" "{tmp_path}/harm.cpp";; *) exec g++ "$@";; esac
"""
    )
    compiler.chmod(0o755)
    (tmp_path / "libstdc++.so.6").write_bytes(b"GLIBCXX_3.4.99\0")
    monkeypatch.setenv("CXX", str(compiler))
    with pytest.raises(ExportError) as refusal:
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    message = str(refusal.value)
    assert message.startswith("the package that AOTInductor compiled crashes when it is loaded (SIGABRT; ")
    assert f"compiled by {compiler} g++ (" in message and " (from CXX) with " in message
    assert f" with {tmp_path}/libstdc++.so.6 (GLIBCXX_3.4.99), needs GLIBCXX_3." in message
    assert message.endswith(
        "; export it again with CXX set to a compiler that links the C++ library that torch loads, such as "
        "g++"
    )
    assert not (tmp_path / "out").exists()


def test_the_error_without_the_cuda_toolkit_names_it() -> None:
    with pytest.raises(
        MissingPackageError,
        match=r"^`device=cuda`: AOTInductor needs the CUDA toolkit and found none; .* CUDA_HOME to",
    ):
        check_toolkit(None)
    check_toolkit("somewhere")


def test_the_error_about_an_unwritable_folder_names_it(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(ExportError, match=r"cannot write its own files \(Not a dir.*set the environment var"):
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("variable", "what"), [("TORCHINDUCTOR_CACHE_DIR", "torch's cache"), ("TMPDIR", "temporary files")]
)
def test_the_error_about_a_folder_with_spaces_names_the_variable(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str, what: str
) -> None:
    (tmp_path / "día 1").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", None)  # it is kept
    monkeypatch.setenv(variable, str(tmp_path / "día 1"))
    with pytest.raises(
        ExportError,
        match=rf"paths with spaces, and the folder of {what} is /.*/día 1; set another .* {variable}$",
    ):
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "fault",
    ["/usr/include/a.h:2:3: fatal error: omp.h: No such file or directory", "/usr/bin/ld: cannot find -lx"],
)
def test_a_compiler_that_fails_is_named_with_its_first_error(
    tiny: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, fault: str
) -> None:
    compiler = tmp_path / "failing++"
    compiler.write_text(
        f"""#!/bin/sh
case "$1" in --version|-print-file-name=*) exec g++ "$@";; esac
echo "In file included from a.cpp:1:" >&2
echo "{fault}" >&2
echo "collect2: error: ld returned 1 exit status" >&2
exit 1
"""
    )
    compiler.chmod(0o755)
    monkeypatch.setenv("CXX", str(compiler))
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path / "cache"))  # with nothing compiled yet
    with pytest.raises(ExportError) as refusal:
        export(tiny, ["aoti"], tmp_path / "out", "tiny")
    message = str(refusal.value)
    assert message.startswith(f"AOTInductor cannot compile this network with {compiler} g++ (")
    assert message.endswith(
        f" (from CXX): {fault}; install the missing files, or set the environment variable CXX to "
        "another compiler"
    )


class _WithSecondHead(nn.Module):
    """A network with another second head."""

    def __init__(self, head: nn.Module) -> None:
        super().__init__()
        self.first = nn.Conv2d(3, 4, 1)
        self.heads = nn.ModuleList([nn.Identity(), head])

    def forward(self, data: Tensor) -> Tensor:
        result: Tensor = self.heads[1](self.heads[0](self.first(data)))
        return result


class _Calling(nn.Module):
    """A module of one operator."""

    def __init__(self, operator: Callable[[Tensor], Tensor]) -> None:
        super().__init__()
        self.operator = operator

    def forward(self, data: Tensor) -> Tensor:
        return self.operator(data)


def _refused(head: nn.Module, folder: Path) -> str:
    inputs, outputs = (TensorSpec("data", (1, 3, 4, 4)),), (TensorSpec("made", (1, 4, 4, 4)),)
    model = Model(_WithSecondHead(head).eval(), ModelSpec("x", "", inputs, outputs), None, "")
    with pytest.raises(ExportError) as refusal:
        export(model, ["aoti"], folder, "x")
    assert not list(folder.iterdir())
    assert "\n" not in str(refusal.value)
    return str(refusal.value)


CANNOT = "AOTInductor cannot compile this network: "


def test_the_error_about_branches_on_values_names_the_module(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    message = _refused(_Branching(), tmp_path)
    assert message.startswith(f"{CANNOT}in heads.1: Could not guard on data-dependent expression")
    assert capfd.readouterr() == ("", "")


def test_an_operator_without_a_fake_implementation_is_named_with_its_module(tmp_path: Path) -> None:
    @torch.library.custom_op("posedeploy_tests::lifted", mutates_args=())
    def lifted(x: Tensor) -> Tensor:
        return x + 1

    message = _refused(_Calling(lifted), tmp_path)
    assert message.startswith(
        f"{CANNOT}it fails at the operator posedeploy_tests::lifted in heads.1 (There was no fake"
    )


def test_an_operator_registered_in_c_is_named_with_its_module(tmp_path: Path) -> None:
    library = torch.library.Library("posedeploy_tests_c", "DEF")  # as TORCH_LIBRARY does
    library.define("lifted(Tensor x) -> Tensor")
    library.impl("lifted", lambda x: x + 1, "CPU")
    assert _refused(_Calling(torch.ops.posedeploy_tests_c.lifted), tmp_path) == (
        f"{CANNOT}it fails at the operator posedeploy_tests_c.lifted.default in heads.1 (it has no fake "
        "implementation; add one with torch.library.register_fake)"
    )


def test_an_operator_that_inductor_has_no_code_for_is_named_with_its_module(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def lower(*arguments: object) -> None:
        raise NotImplementedError("no code for this")

    monkeypatch.setitem(lowerings, torch.ops.aten.sin.default, lower)
    assert _refused(_Calling(torch.sin), tmp_path) == (
        f"{CANNOT}it fails at the operator aten.sin.default in heads.1 (LoweringException: "
        "NotImplementedError: no code for this)"
    )


def test_the_network_stays_on_its_device_and_a_copy_is_compiled(tiny: Model) -> None:
    prepared = prepare(tiny, ExportOptions())
    # a device that every machine has
    program = aoti._export(aoti._copy_to_device(prepared.module, "meta"), prepared, "meta")
    assert {tensor.device.type for tensor in program.state_dict.values()} == {"meta"}
    assert {tensor.device.type for tensor in prepared.module.parameters()} == {"cpu"}
