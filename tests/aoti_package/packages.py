"""Real packages with a small harmful library in front of the code of the network."""

from __future__ import annotations

import subprocess
import zipfile
from dataclasses import replace
from pathlib import Path

from posedeploy import files
from posedeploy.aoti_package.compilers import choose_compiler
from posedeploy.types import Artifact

RUN = """
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <dlfcn.h>
#include <unistd.h>
typedef int (*Run)(void*, void**, size_t, void**, size_t, void*, void*);
extern "C" int aoti_torch_get_data_ptr(void*, void**);
extern "C" int AOTInductorModelContainerRun(
    void* container, void** inputs, size_t ins, void** outputs, size_t outs, void* stream, void* proxy) {
  BEFORE;
  Run run = (Run)dlsym(RTLD_NEXT, "AOTInductorModelContainerRun");
  int status = run(container, inputs, ins, outputs, outs, stream, proxy);
  float* data;
  aoti_torch_get_data_ptr(outputs[0], (void**)&data);
  AFTER;
  return status;
}
"""
LOAD = """
#include <cstdio>
#include <cstdlib>
#include <unistd.h>
__attribute__((constructor)) static void constructed() { BEFORE; }
__attribute__((destructor)) static void destructed() { AFTER; }
"""
SEGFAULT = "*(volatile int*)0 = 1"
ABORT = 'fprintf(stderr, "terminate called: no such symbol\\n"); abort()'
HANG = "for (;;) sleep(1)"
LEAVE = "_exit(0)"
WRONG = "data[0] += 1e6f"


def harmful(artifact: Artifact, folder: Path, code: str, before: str = "", after: str = "") -> Artifact:
    """Copy an artifact to ``folder``, with code that runs before or after the package is loaded (``LOAD``) or
    run (``RUN``).

    The network's own library stays; the harmful one is linked with it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / artifact.path.name
    with zipfile.ZipFile(artifact.path) as whole:
        contents = {info.filename: whole.read(info) for info in whole.infolist()}
    (name,) = (name for name in contents if name.endswith(".so"))
    network_library = name.removesuffix(".so") + ".so.1"
    contents[network_library] = contents[name]
    contents[name] = _library(
        folder / "harm", contents[name], Path(network_library).name, code, before, after
    )
    with zipfile.ZipFile(path, "w") as archive:
        for file, content in contents.items():
            archive.writestr(file, content)
    return replace(artifact, path=path, files={path.name: files.sha256(path)})


def _library(folder: Path, network: bytes, network_library: str, code: str, before: str, after: str) -> bytes:
    folder.mkdir()
    (folder / network_library).write_bytes(network)
    (folder / "harm.cpp").write_text(code.replace("BEFORE", before).replace("AFTER", after))
    command = [choose_compiler().command, "-shared", "-fPIC", "-O0", "harm.cpp", "-o", "harm.so"]
    link = [
        "-Wl,--no-as-needed,--unresolved-symbols=ignore-all,-rpath,$ORIGIN",
        "-L.",
        f"-l:{network_library}",
    ]
    subprocess.run([*command, *link], cwd=folder, check=True, capture_output=True)
    return (folder / "harm.so").read_bytes()
