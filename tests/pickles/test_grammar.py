"""Random pickles result in a value or a ``PickleError``, in limited memory, and run nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

RUN = """
import io, pickle, resource, struct, sys
from pathlib import Path
from posedeploy.pickles.reading import load_pickle
from posedeploy.pickles.regions import FileRegion
from posedeploy.pickles.tensors import TensorRecord
from posedeploy.pickles.values import PickleError
from posedeploy.checkpoints.weight_selection import choose
from posedeploy.checkpoints.weight_sets import find_sets
from tests.pickles.grammar import program
b"x".decode("raw-unicode-escape"), "x".encode("unicode_escape")  # Python imports codecs when they are used
first, count = map(int, sys.argv[1:])
used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
resource.setrlimit(resource.RLIMIT_AS, (used + (512 << 20),) * 2)
read = refused = tensors = 0
calls = []
HEAD = b"".join(pickle.dumps(part, 2) for part in (0x1950A86A20F9469CFC6C, 1001, {}))
TAIL = pickle.dumps(["0"], 2) + struct.pack("<q6f", 6, *range(6))
names = ("import", "exec", "compile", "os.system", "subprocess.Popen", "open", "ctypes.dlopen")
sys.addaudithook(lambda event, arguments: event in names and calls.append((event, arguments)))
for seed in range(first, first + count):
    content = program(seed)
    if seed % 2:
        content = HEAD + content + TAIL
    try:
        value = load_pickle(FileRegion(io.BytesIO(content), 0, len(content)))
        read += 1
        for weights in find_sets(value):
            choose([weights], lambda shapes: 1, None)
            for tensor in weights.tensors.values():
                if isinstance(tensor, TensorRecord):
                    tensor.bits().sum()
                    tensors += 1
    except PickleError as error:
        refused += 1
        assert "\\n" not in str(error), seed
    except BaseException as error:
        print("seed", seed, repr(error))
        raise
assert not calls, calls
print(read, refused, tensors)
"""


@pytest.mark.parametrize(
    ("first", "count"), [(0, 3000), pytest.param(10_000, 30_000, marks=pytest.mark.slow)]
)
def test_random_pickles_are_read_or_refused(first: int, count: int) -> None:
    process = subprocess.run(
        [sys.executable, "-c", RUN, str(first), str(count)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert process.returncode == 0, process.stdout + process.stderr
    read, refused, tensors = map(int, process.stdout.split())
    assert min(read, refused) > count / 10 and tensors > count / 100, "the grammar generates each kind"
