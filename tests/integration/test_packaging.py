"""What a plain ``pip install`` of the built wheel gives, and what its removal leaves; needs a package index."""

import shutil
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
SHIPPED = ("LICENSE", "README.rst", "pyproject.toml", "setup.cfg", "sip2xmpp", "twisted")


def run(*command: str | Path) -> str:
    """The standard output of a command that must succeed."""
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=180)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def pip(*arguments: str | Path) -> str:
    return run(sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built from a copy, so that the work tree stays clean."""
    folder = tmp_path_factory.mktemp("build")
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(
                source, folder / name, ignore=shutil.ignore_patterns("__pycache__", "dropin.cache")
            )
        else:
            shutil.copy(source, folder / name)
    pip("wheel", "--no-deps", "--wheel-dir", folder / "dist", folder)
    (built,) = (folder / "dist").iterdir()
    return built


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bin directory of a fresh environment with the wheel and what it depends on."""
    folder = tmp_path_factory.mktemp("installed")
    venv.create(folder, symlinks=True)
    pip("--python", folder / "bin/python", "install", wheel)
    return folder / "bin"


def test_the_wheel_holds_the_plugin_and_nothing_else_of_twisted(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    assert [name for name in names if name.startswith("twisted/")] == ["twisted/plugins/sip2xmpp_plugin.py"]
    assert "sip2xmpp/py.typed" in names
    assert not [name for name in names if name.startswith("tests")]


def test_an_installed_wheel_gives_both_commands_and_leaves_twisted_whole(installed: Path) -> None:
    assert " sip2xmpp " in run(installed / "twistd", "--help")
    assert "--config" in run(installed / "twistd", "sip2xmpp", "--help")
    assert run(installed / "sip2xmpp", "--version").startswith("sip2xmpp ")
    pip("--python", installed / "python", "uninstall", "--yes", "sip2xmpp")
    assert " sip2xmpp " not in run(installed / "twistd", "--help")
