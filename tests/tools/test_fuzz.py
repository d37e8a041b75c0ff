"""Fuzz targets: their seeds, earlier findings, and the count of findings."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from posedeploy.errors import InputError, PoseDeployError
from tools.fuzz.campaign import fuzz
from tools.fuzz.contract import Finding, attempt
from tools.fuzz.mutators import MUTATORS
from tools.fuzz.targets import TARGETS, Target, load_object

HOSTILE = Path(__file__).parents[1] / "data" / "hostile"
"""A folder for each target, named by its slug, of inputs that once broke the contract."""
REGRESSIONS = sorted(path for path in HOSTILE.glob("*/*") if path.is_file())
BY_SLUG = {target.slug: target for target in TARGETS.values()}
WITHOUT_VALUES = {"model: engine"}
"""Targets whose seeds can only be read with a GPU."""
SLOW = {"checkpoint: known network", "joints: mat", *(name for name in TARGETS if name.startswith("model: "))}


pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")  # as where users run it


def _marked(name: str) -> object:
    return pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name


def _try(target: Target, content: bytes, folder: Path) -> Finding | PoseDeployError | None:
    path = folder / f"a{target.suffix}"
    path.write_bytes(content)
    return attempt(load_object(target.read), path)


@pytest.mark.parametrize("name", [_marked(name) for name in TARGETS])
def test_seeds_are_read(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    seeds = load_object(target.seeds)()
    outcomes = [_try(target, content, tmp_path) for content in seeds]
    assert None in outcomes or name in WITHOUT_VALUES, outcomes
    assert not [outcome for outcome in outcomes if isinstance(outcome, Finding)]


@pytest.mark.parametrize("name", [_marked(name) for name in TARGETS])
def test_mutated_seeds_keep_the_contract(name: str, tmp_path: Path) -> None:
    target = TARGETS[name]
    seeds, rng = load_object(target.seeds)(), random.Random(name)
    for number in range(5 if name in SLOW else 25):
        mutate = MUTATORS[target.mutators[number % len(target.mutators)]]
        outcome = _try(target, mutate(rng.choice(seeds), rng), tmp_path)
        assert not isinstance(outcome, Finding), outcome


@pytest.mark.parametrize("path", REGRESSIONS, ids=lambda path: f"{path.parent.name}/{path.name}")
def test_earlier_findings_keep_the_contract(path: Path, tmp_path: Path) -> None:
    outcome = _try(BY_SLUG[path.parent.name], path.read_bytes(), tmp_path)
    assert not isinstance(outcome, Finding), outcome


def _raise(error: BaseException) -> None:
    raise error


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (KeyError("a"), "traceback"),
        (RecursionError("deep"), "traceback"),
        (MemoryError(), "memory"),
        (InputError(""), "message"),
    ],
)
def test_errors_other_than_one_line_messages_are_findings(
    error: BaseException, kind: str, tmp_path: Path
) -> None:
    outcome = attempt(lambda path: _raise(error), tmp_path)
    assert isinstance(outcome, Finding) and outcome.kind == kind


@pytest.mark.parametrize("name", MUTATORS)
def test_a_mutator_changes_any_bytes(name: str) -> None:
    changed = 0
    for seed in range(60):
        rng = random.Random(seed)
        content = rng.randbytes(rng.choice((0, 1, 11, 300))) if seed % 2 else b'{"a": [1, 2.5, {"b": "c"}]}'
        changed += MUTATORS[name](content, rng) != content
    assert changed > 30


HARMFUL = {
    "crash": ("os.abort()", lambda result: result.crashes),
    "hang": ("time.sleep(60)", lambda result: result.hangs),
    "memory": ("bytearray(1500 << 20)", lambda result: result.tally.memory),
    "traceback": ("{}['a']", lambda result: result.tally.tracebacks),
}
MODULE = """
import os, time
def seeds(): return [b"fine"]
def read(path):
    if path.read_bytes() != b"fine": HARM
"""


@pytest.mark.slow
@pytest.mark.parametrize("what", HARMFUL)
def test_a_finding_is_counted_and_its_input_is_kept(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("atheris", reason="Atheris has wheels for Linux on x86-64 alone")
    harm, count = HARMFUL[what]
    (tmp_path / "harmful.py").write_text(MODULE.replace("HARM", harm))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    target = Target(
        name=f"a {what}",
        read="harmful:read",
        seeds="harmful:seeds",
        suffix=".x",
        mutators=("fields",),
        timeout_s=2 if what == "hang" else 30,  # a busy machine takes seconds to allocate the memory
    )
    result = fuzz(target, tmp_path / "work", tmp_path / "findings", 4, 1)
    assert count(result) > 0 and not result.is_clean
    assert next(iter(result.findings)).startswith(f"a-{what}-{what}-")
    assert next((tmp_path / "findings").glob("*.x")).read_bytes() != b"fine"
