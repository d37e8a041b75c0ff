"""Isolated environments are created, inspected and removed; a broken one is reported and can be recreated."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from posedeploy.environments import locations
from posedeploy.environments.add import add
from posedeploy.environments.environment_specs import EnvironmentSpec
from posedeploy.environments.remove import remove
from posedeploy.environments.state import MARKER, folder_of, inspect_environment, require_installed
from posedeploy.errors import IsolatedEnvironmentError, OutputError
from tests.environments.tiny_environment import SCRIPT, have_ended, place, tiny, wait_for

ROOT = Path(__file__).parents[2]
INSTALLER = """
import os, subprocess, sys, time

child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
with open({pids!r} + ".part", "w") as stream:
    stream.write(f"{{os.getpid()}} {{child.pid}}")
os.rename({pids!r} + ".part", {pids!r})
time.sleep(600)
"""
"""A slow installer that starts a child process."""


def _site(spec: EnvironmentSpec) -> Path:
    return locations.packages(folder_of(spec), inspect_environment(spec).python)


def test_add_inspect_and_remove(home: Path, tmp_path: Path, base_environment: Path) -> None:
    spec = tiny(tmp_path)
    assert inspect_environment(spec).state == "missing"
    assert not home.exists()
    place(base_environment, spec)
    environment = require_installed(spec)
    assert (environment.state, environment.fault, environment.folder) == ("installed", "", home / "tiny")
    assert environment.shown == {"pip": environment.packages["pip"]}
    assert environment.size_bytes > 1e6
    assert add(spec) == (environment, False), "an installed environment is left as it is"
    assert remove(spec) == home / "tiny"
    assert list(home.iterdir()) == []
    assert inspect_environment(spec).state == "missing"


def test_an_environment_has_its_own_python_and_a_marker(base_environment: Path) -> None:
    assert (base_environment / MARKER).is_file()
    code = "import sys; print(sys.prefix)"
    python = locations.interpreter(base_environment)
    ran = subprocess.run([python, "-I", "-c", code], capture_output=True, text=True, check=True)
    assert Path(ran.stdout.strip()) == base_environment
    assert [path.name for path in base_environment.parent.iterdir()] == ["tiny"], "the work folder is deleted"


def test_a_missing_environment_is_reported_with_its_add_command(home: Path, tmp_path: Path) -> None:
    spec = tiny(tmp_path)
    message = f"the isolated environment tiny is not installed (looked in {home / 'tiny'})"
    with pytest.raises(IsolatedEnvironmentError) as refusal:
        require_installed(spec)
    assert str(refusal.value) == f"{message}; add it with: posedeploy env add tiny"
    with pytest.raises(IsolatedEnvironmentError) as refusal:
        remove(spec)
    assert str(refusal.value) == message


@pytest.mark.parametrize("damage", ["file", "package", "python", "marker", "requirements", "version"])
def test_a_broken_environment_is_reported_with_its_fault(installed: EnvironmentSpec, damage: str) -> None:
    folder, site = folder_of(installed), _site(installed)
    python = locations.interpreter(folder)
    version = inspect_environment(installed).packages["pip"]
    (folder / "marker").write_bytes((folder / MARKER).read_bytes())

    def damage_environment() -> str:
        if damage == "file":
            (site / "pip" / "__init__.py").unlink()
            return "the file pip/__init__.py of its package pip is missing or was changed"
        if damage == "package":
            (site / f"pip-{version}.dist-info").rename(folder / "elsewhere")
            return f"its package pip {version} is missing"
        if damage == "python":
            python.unlink()
            python.symlink_to(folder / "nothing")
            return f"Python {python} does not start (No such file or directory)"
        if damage == "marker":
            (folder / "marker").write_text('{"python": ')
            return f"{MARKER} is damaged (Input data was truncated)"
        if damage == "requirements":
            installed.requirements.write_text("# other packages\n")
            return "another release of posedeploy, with other requirements, created it"
        text = (folder / "marker").read_text()
        (folder / "marker").write_text(text.replace(inspect_environment(installed).python, "3.2"))
        return f"its Python is now {inspect_environment(installed).python}; it was created with 3.2"

    fault = damage_environment()
    (folder / "marker").replace(folder / MARKER)
    environment = inspect_environment(installed)
    assert (environment.state, environment.fault) == ("broken", fault)
    with pytest.raises(IsolatedEnvironmentError) as refusal:
        require_installed(installed)
    assert str(refusal.value) == (
        f"the isolated environment tiny in {folder} is broken: {fault}; "
        "recreate it with: posedeploy env add tiny"
    )


@pytest.mark.slow
def test_add_replaces_a_broken_environment(installed: EnvironmentSpec) -> None:
    locations.interpreter(folder_of(installed)).unlink()
    assert inspect_environment(installed).state == "broken"
    replaced, is_new = add(installed, installer="pip")
    assert is_new
    assert replaced == require_installed(installed)
    assert [path.name for path in folder_of(installed).parent.iterdir()] == ["tiny"]


def test_a_foreign_folder_is_neither_replaced_nor_removed(home: Path, tmp_path: Path) -> None:
    spec = tiny(tmp_path)
    (home / "tiny").mkdir(parents=True)
    (home / "tiny" / "precious").write_text("")
    fault = f"it has no {MARKER}, so posedeploy did not create it, or was interrupted"
    assert (inspect_environment(spec).state, inspect_environment(spec).fault) == ("broken", fault)
    with pytest.raises(
        IsolatedEnvironmentError, match=f"{fault}; move it away, or set POSEDEPLOY_ENVIRONMENTS"
    ):
        add(spec)
    with pytest.raises(IsolatedEnvironmentError, match=f"{fault}; delete it yourself if you do not need it"):
        remove(spec)
    assert (home / "tiny" / "precious").exists()


def test_an_unsupported_python_is_an_error(home: Path, tmp_path: Path) -> None:
    spec = replace(tiny(tmp_path), pythons=((3, 1), (3, 2)))
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    with pytest.raises(IsolatedEnvironmentError) as refusal:
        add(spec)
    assert str(refusal.value) == (
        f"tiny needs Python 3.1 or 3.2, and {sys.executable} is {running}; pass another one "
        "with: posedeploy env add tiny `python=PATH`"
    )
    with pytest.raises(
        IsolatedEnvironmentError, match=r"`python=/bin/true`: /bin/true is not a Python interpreter: it pr"
    ):
        add(spec, Path("/bin/true"))
    with pytest.raises(
        IsolatedEnvironmentError, match=r"`python=/no/python`: Python /no/python does not start"
    ):
        add(spec, Path("/no/python"))
    with pytest.raises(
        IsolatedEnvironmentError, match=r"`python=/bin/false`: Python /bin/false does not run"
    ):
        add(spec, Path("/bin/false"))
    assert not home.exists()


def test_an_unwritable_home_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv(locations.VARIABLE, str(tmp_path / "file" / "environments"))
    with pytest.raises(
        OutputError, match=r"cannot be written \(Not a directory\); set POSEDEPLOY_ENVIRONMENTS to"
    ):
        add(tiny(tmp_path))


@pytest.mark.slow
def test_a_failed_installation_leaves_only_its_log(home: Path, tmp_path: Path) -> None:
    spec = tiny(tmp_path)
    spec.requirements.write_text("posedeploy-no-such-package==1.0\n")
    with pytest.raises(
        IsolatedEnvironmentError, match=r"tiny: installing the packages with pip failed: .*; the log is "
    ) as refusal:
        add(spec, installer="pip")
    log = home / "tiny.log"
    assert str(refusal.value).endswith(f"the log is {log}")
    assert "posedeploy-no-such-package==1.0" in log.read_text()
    assert list(home.iterdir()) == [log]
    assert inspect_environment(spec).state == "missing"


def test_foreign_folders_are_kept(home: Path, tmp_path: Path) -> None:
    home.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    foreign = [home / name for name in (".tiny-backup", ".tiny-old-1", f".tiny-{os.getpid()}-x")]
    for folder in foreign:
        folder.mkdir()
    (home / f".tiny-{ended.pid}-file").touch()
    (home / f".tiny-{ended.pid}-left").mkdir()
    with pytest.raises(IsolatedEnvironmentError, match="is not installed"):
        remove(tiny(tmp_path))
    assert sorted(home.iterdir()) == sorted([*foreign, home / f".tiny-{ended.pid}-file"])


@pytest.mark.slow
def test_the_installer_ends_when_its_parent_is_killed(home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    installer = tmp_path / "uv"
    installer.write_text(f"#!{sys.executable}\n{INSTALLER.format(pids=str(pids))}")
    installer.chmod(0o755)
    code = f"""
from pathlib import Path
from posedeploy.environments.add import add
from tests.environments.tiny_environment import tiny
add(tiny(Path({str(tmp_path)!r})), installer="uv")
"""
    path = os.pathsep.join([str(tmp_path), os.environ["PATH"]])
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT, env={**os.environ, "PATH": path}) as adding:
        wait_for(pids)
        adding.kill()
    assert have_ended([int(pid) for pid in pids.read_text().split()])


@pytest.mark.slow
def test_a_killed_add_leaves_no_environment(home: Path, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    code = f"""
from pathlib import Path
from posedeploy.environments.add import add
from tests.environments.tiny_environment import tiny
script = "def run(request): import time; open({str(pids)!r}, 'w').close(); time.sleep(600)"
add(tiny(Path({str(tmp_path)!r}), script=script), installer="pip")
"""
    with subprocess.Popen([sys.executable, "-c", code], cwd=ROOT) as adding:
        wait_for(pids)
        adding.kill()
    spec = tiny(tmp_path, script=SCRIPT)
    assert len(list(home.iterdir())) == 1, "the work folder is still there"
    assert inspect_environment(spec).state == "missing"
    environment, is_new = add(spec, installer="pip")
    assert is_new
    assert environment == require_installed(spec)
    assert [path.name for path in home.iterdir()] == ["tiny"], "the abandoned work folder is deleted"
