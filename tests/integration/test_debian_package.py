"""The Debian package: built, looked into, unpacked somewhere else, and run from there.

The libraries are those that these tests run with, so no package index is asked.
"""

import os
import shutil
import subprocess
import sysconfig
from pathlib import Path

import pytest

from sip2xmpp import __version__
from tests.peers.gateway import Gateway

ROOT = Path(__file__).resolve().parent.parent.parent

pytestmark = pytest.mark.slow


def run(*command: str | Path, **environment: str) -> str:
    done = subprocess.run(
        command,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=290,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    assert shutil.which("dh"), "debhelper is not installed; see etc/install-debian-packages"
    folder = tmp_path_factory.mktemp("debian")
    run(
        ROOT / "etc/build-debian-package",
        folder,
        SIP2XMPP_SITE=sysconfig.get_path("platlib"),
        SIP2XMPP_COMPRESSION="-Znone",
    )
    (built,) = folder.glob("*.deb")
    return built


class Installed(Gateway):
    """A gateway that runs from the unpacked package and nothing else."""

    def __init__(self, directory: Path, root: Path) -> None:
        super().__init__(directory)
        self.root = root

    def command(self) -> list[str]:
        return [str(self.root / "usr/libexec/sip2xmpp/twistd"), *super().command()[1:]]


def test_it_holds_what_the_unit_names_and_runs_from_where_it_is_unpacked(
    package: Path, tmp_path: Path
) -> None:
    told = run("dpkg-deb", "--info", package)
    assert f"Version: {__version__}" in told
    assert "python3 (<<" in told
    assert run("dpkg-deb", "--info", package, "conffiles").split() == ["/etc/sip2xmpp/sip2xmpp.toml"]

    root = tmp_path / "root"
    run("dpkg-deb", "--extract", package, root)
    unit = (root / "lib/systemd/system/sip2xmpp.service").read_text()
    for line in unit.splitlines():
        if line.startswith("Exec"):
            assert (root / line.partition("=/")[2].split()[0]).is_file()
    assert "/opt/" not in unit
    assert not list(root.rglob("pytest*"))
    assert list((root / "usr/share/man").rglob("sip2xmpp.1.gz"))
    assert (root / "usr/share/bash-completion/completions/sip2xmpp").read_text().strip()
    assert not list(root.rglob("__pycache__"))

    command = root / "usr/bin/sip2xmpp"
    assert run(command, "--version").split() == ["sip2xmpp", __version__]
    with Installed(tmp_path / "run", root) as gateway:
        assert "up" in run(command, "--config", gateway.file, "status")
        assert run(command, "--config", gateway.file, "reload") == "nothing to take over\n"
