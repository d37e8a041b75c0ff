"""``make demo`` in an empty folder."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from posedeploy.predict.images import read_image

ROOT = Path(__file__).parents[2]


@pytest.mark.slow
def test_the_demo_writes_a_picture_both_tables_and_its_commands(tmp_path: Path) -> None:
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    done = subprocess.run(
        ["sh", "tools/demo.sh", str(Path(sys.executable).parent), "10"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    artifacts = tmp_path / "artifacts"
    assert read_image(artifacts / "skeletons.png").shape[1] == 912
    found = [
        json.loads((artifacts / "poses" / name / "poses.json").read_text())["annotations"]
        for name in ("sample", "sample.onnx", "sample.xml")
    ]
    assert len(found[0]) == len(found[1]) == len(found[2]) >= 3
    proof = (artifacts / "parity.txt").read_text()
    assert proof.startswith("artifacts/sample.xml\n") and proof.count("within tolerance of PyTorch") == 3
    assert (artifacts / "bench.txt").read_text().startswith("Latency")
    assert {
        result["passed"] for result in json.loads((artifacts / "parity.json").read_text())["results"]
    } == {True}
    first, *commands = (artifacts / "commands.txt").read_text().splitlines()
    assert first.endswith("/activate")
    assert all(command.split()[0] in ("posedeploy", "python") for command in commands)
