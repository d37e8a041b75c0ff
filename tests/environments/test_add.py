"""Toolchains are made, looked at and removed; whatever breaks one is told, and mended by adding it again."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.add import add
from posedeploy.environments.remove import remove
from posedeploy.environments.state import MARKER, folder_of, look, whole
from posedeploy.environments.table import Toolchain
from posedeploy.errors import OutputError, ToolchainError
from tests.environments.chains import SCRIPT, all_gone, place, tiny, wait_for

ROOT = Path(__file__).parents[2]
INSTALLER = """
import os, subprocess, sys, time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open({pids!r} + ".part", "w") as stream:
    stream.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({pids!r} + ".part", {pids!r})
time.sleep(600)
"""
"""An installer that takes long, with a process of its own."""


def _site(toolchain: Toolchain) -> Path:
    return locations.packages(folder_of(toolchain), look(toolchain).python)


def test_a_toolchain_is_made_listed_and_removed(home: Path, tmp_path: Path, made: Path) -> None:
    toolchain = tiny(tmp_path)
    assert look(toolchain).state == "missing"
    assert not home.exists()
    place(made, toolchain)
    found = whole(toolchain)
    assert (found.state, found.fault, found.folder) == ("whole", "", home / "tiny")
    assert found.shown == {"pip": found.packages["pip"]}
    assert found.size_bytes > 1e6
    assert add(toolchain) == (found, False), "what is whole is left alone"
    assert remove(toolchain) == home / "tiny"
    assert list(home.iterdir()) == []
    assert look(toolchain).state == "missing"


def test_the_environment_has_a_python_and_a_marker_of_its_own(made: Path) -> None:
    assert (made / MARKER).is_file()
    code = "import sys; print(sys.prefix)"
    python = locations.interpreter(made)
    ran = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert Path(ran.stdout.strip()) == made
    assert [path.name for path in made.parent.iterdir()] == ["tiny"], "nothing of the work is left"


def test_a_missing_toolchain_is_told_with_the_command_that_adds_it(home: Path, tmp_path: Path) -> None:
    toolchain = tiny(tmp_path)
    message = f"the toolchain tiny is not installed (looked in {home / 'tiny'})"
    with pytest.raises(ToolchainError) as refusal:
        whole(toolchain)
    assert str(refusal.value) == f"{message}; add it with: posedeploy toolchain add tiny"
    with pytest.raises(ToolchainError) as refusal:
        remove(toolchain)
    assert str(refusal.value) == message


@pytest.mark.parametrize("damage", ["file", "package", "python", "marker", "requirements", "version"])
def test_a_broken_toolchain_is_told_with_what_broke_it(chain: Toolchain, damage: str) -> None:
    folder, site = folder_of(chain), _site(chain)
    python = locations.interpreter(folder)
    version = look(chain).packages["pip"]
    (folder / "marker").write_bytes((folder / MARKER).read_bytes())

    def broken() -> str:
        if damage == "file":
            (site / "pip" / "__init__.py").unlink()
            return "the file pip/__init__.py of its package pip is gone or was changed"
        if damage == "package":
            (site / f"pip-{version}.dist-info").rename(folder / "elsewhere")
            return f"its package pip {version} is gone"
        if damage == "python":
            python.unlink()
            python.symlink_to(folder / "nothing")
            return f"its Python {python} is gone or does not start (No such file or directory)"
        if damage == "marker":
            (folder / "marker").write_text('{"python": ')
            return f"{MARKER} is damaged (Input data was truncated)"
        if damage == "requirements":
            chain.requirements.write_text("# other packages\n")
            return "it was made from the requirements of another release"
        text = (folder / "marker").read_text()
        (folder / "marker").write_text(text.replace(look(chain).python, "3.2"))
        return f"its Python is {look(chain).python} now and was 3.2"

    fault = broken()
    (folder / "marker").replace(folder / MARKER)
    found = look(chain)
    assert (found.state, found.fault) == ("broken", fault)
    with pytest.raises(ToolchainError) as refusal:
        whole(chain)
    assert str(refusal.value) == (
        f"the toolchain tiny in {folder} is broken: {fault}; make it anew with: posedeploy toolchain add tiny"
    )


@pytest.mark.slow
def test_a_broken_toolchain_is_mended_by_adding_it_again(chain: Toolchain) -> None:
    locations.interpreter(folder_of(chain)).unlink()
    assert look(chain).state == "broken"
    mended, fresh = add(chain, installer="pip")
    assert fresh
    assert mended == whole(chain)
    assert [path.name for path in folder_of(chain).parent.iterdir()] == ["tiny"]


def test_what_posedeploy_did_not_make_is_neither_replaced_nor_removed(home: Path, tmp_path: Path) -> None:
    toolchain = tiny(tmp_path)
    (home / "tiny").mkdir(parents=True)
    (home / "tiny" / "precious").write_text("")
    fault = f"it has no {MARKER}, so posedeploy did not make it, or not to its end"
    assert (look(toolchain).state, look(toolchain).fault) == ("broken", fault)
    with pytest.raises(ToolchainError, match=f"{fault}; move it away, or name another folder"):
        add(toolchain)
    with pytest.raises(ToolchainError, match=f"{fault}; delete it yourself if it is not wanted"):
        remove(toolchain)
    assert (home / "tiny" / "precious").exists()


def test_a_python_that_the_pins_are_not_for_is_refused(home: Path, tmp_path: Path) -> None:
    toolchain = replace(tiny(tmp_path), pythons=((3, 1), (3, 2)))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(ToolchainError) as refusal:
        add(toolchain)
    assert str(refusal.value) == (
        f"tiny installs on Python 3.1 or 3.2 and {sys.executable} is {running}; name another with: "
        "posedeploy toolchain add tiny `python=PATH`"
    )
    with pytest.raises(
        ToolchainError, match=r"`python=/bin/true`: Python /bin/true is none: asked for its v"
    ):
        add(toolchain, Path("/bin/true"))
    with pytest.raises(ToolchainError, match=r"`python=/no/python`: Python /no/python is gone or does not"):
        add(toolchain, Path("/no/python"))
    with pytest.raises(ToolchainError, match=r"`python=/bin/false`: Python /bin/false does not run"):
        add(toolchain, Path("/bin/false"))
    assert not home.exists()


def test_a_folder_that_cannot_be_made_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(locations.VARIABLE, str(tmp_path / "file" / "chains"))
    with pytest.raises(
        OutputError, match=r"cannot write here \(Not a directory\); name another folder in POSE"
    ):
        add(tiny(tmp_path))


@pytest.mark.slow
def test_an_installation_that_fails_leaves_its_log_and_nothing_else(home: Path, tmp_path: Path) -> None:
    toolchain = tiny(tmp_path)
    toolchain.requirements.write_text("posedeploy-no-such-package==1.0\n")
    with pytest.raises(ToolchainError, match=r"tiny: installing with pip failed: .*; its log is ") as refusal:
        add(toolchain, installer="pip")
    log = home / "tiny.log"
    assert str(refusal.value).endswith(f"its log is {log}")
    assert "posedeploy-no-such-package==1.0" in log.read_text()
    assert list(home.iterdir()) == [log]
    assert look(toolchain).state == "missing"


def test_what_posedeploy_did_not_make_stays(home: Path, tmp_path: Path) -> None:
    home.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    theirs = [home / name for name in (".tiny-backup", ".tiny-old-1", f".tiny-{os.getpid()}-x")]
    for folder in theirs:
        folder.mkdir()
    (home / f".tiny-{ended.pid}-file").touch()
    (home / f".tiny-{ended.pid}-left").mkdir()
    with pytest.raises(ToolchainError, match="is not installed"):
        remove(tiny(tmp_path))
    assert sorted(home.iterdir()) == sorted([*theirs, home / f".tiny-{ended.pid}-file"])


@pytest.mark.slow
def test_what_installs_ends_with_who_asked_for_it(home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    installer = tmp_path / "uv"
    installer.write_text(f"#!{sys.executable}\n{INSTALLER.format(pids=str(pids))}")
    installer.chmod(0o755)
    code = f"""
from pathlib import Path
from posedeploy.environments.add import add
from tests.environments.chains import tiny
add(tiny(Path({str(tmp_path)!r})), installer="uv")
"""
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PATH": path}) as adding:
        wait_for(pids)
        adding.kill()
    assert all_gone([int(pid) for pid in pids.read_text().split()])


@pytest.mark.slow
def test_a_kill_midway_leaves_nothing_that_is_taken_for_whole(home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
from pathlib import Path
from posedeploy.environments.add import add
from tests.environments.chains import tiny
script = "def run(request): import time; open({str(pids)!r}, 'w').close(); time.sleep(600)"
add(tiny(Path({str(tmp_path)!r}), script=script), installer="pip")
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as adding:
        wait_for(pids)
        adding.kill()
    toolchain = tiny(tmp_path, script=SCRIPT)
    assert len(list(home.iterdir())) == 1, "the work folder is left"
    assert look(toolchain).state == "missing"
    environment, fresh = add(toolchain, installer="pip")
    assert fresh
    assert environment == whole(toolchain)
    assert [path.name for path in home.iterdir()] == ["tiny"], "what was left is gone"
