"""Completion in real shells: what is typed with the tabulator key is what the command gets."""

import os
import pty
import select
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sip2xmpp.address import Address
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.offline import offline

PROGRAM = Path(sys.executable).with_name("sip2xmpp")

START = {
    "bash": (
        ["bash", "--norc", "--noprofile", "-i"],
        (
            'eval "$(sip2xmpp completion bash)"\n'
            'sip2xmpp() { if [ "$1" = completion ]; then command sip2xmpp "$@"; else echo "<$*>"; fi; }\n'
        ),
    ),
    "zsh": (
        ["zsh", "-f", "-i"],
        (
            'unsetopt beep; autoload -U compinit; compinit -D -u; eval "$(sip2xmpp completion zsh)"\n'
            'sip2xmpp() { if [ "$1" = completion ]; then command sip2xmpp "$@"; else echo "<$*>"; fi; }\n'
        ),
    ),
    "fish": (
        ["fish", "--no-config", "-i"],
        (
            "sip2xmpp completion fish | source\n"
            'function sip2xmpp; if test "$argv[1]" = completion; command sip2xmpp $argv; else; echo "<$argv>"; end; end\n'
        ),
    ),
}

CASES = {
    "registra": "registrations",
    "user ad": "user add",
    "user list --js": "user list --json",
    "map docu": "map document.xml",
    "publish --transport tl": "publish --transport tls",
    "inject alice@sip.example.org --alw": "inject alice@sip.example.org --always",
    "inject alice@sip.example.org on-t": "inject alice@sip.example.org on-the-phone",
    "contacts alice@sip.example.org mo": "contacts alice@sip.example.org move",
    "allow ali": "allow alice@sip.example.org",
    "allow alice@sip.example.org bo": "allow alice@sip.example.org bob@sip.example.org",
    "--config sip2": "--config sip2xmpp.toml",
}


class Shell:
    """Somebody at a terminal."""

    def __init__(self, name: str, folder: Path) -> None:
        command, prepare = START[name]
        environment = {
            **os.environ,
            "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}",
            "SIP2XMPP_CONFIG": str(folder / "sip2xmpp.toml"),
            "HOME": str(folder),
            "TERM": "xterm",
            "COLUMNS": "200",
        }
        self._pid, self._terminal = pty.fork()
        if not self._pid:
            os.chdir(folder)
            os.execvpe(command[0], command, environment)
        self._seen = ""
        self.press(prepare)
        self.wait_for_line_of("sip2xmpp ready\n", "<ready>")

    def press(self, keys: str) -> None:
        os.write(self._terminal, keys.encode())

    def wait_for_line_of(self, keys: str, line: str) -> None:
        """Press keys; what they lead to stands alone on a line."""
        self._seen = ""
        self.press(keys)
        end = time.monotonic() + 20
        while line not in self._seen.replace("\r", "\n").split("\n"):
            assert time.monotonic() < end, f"{line} does not come: {self._seen!r}"
            if select.select([self._terminal], [], [], 0.1)[0]:
                self._seen += os.read(self._terminal, 4096).decode("utf-8", "replace")

    def close(self) -> None:
        os.close(self._terminal)
        os.kill(self._pid, 9)
        os.waitpid(self._pid, 0)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shell")
    url = f"sqlite:{made / 'state.db'}"
    (made / "sip2xmpp.toml").write_text(f'[gateway]\nstate = "{url}"\n[sip]\ndomains = ["sip.example.org"]\n')
    (made / "document.xml").touch()
    with offline(url) as store:
        for name in ("alice", "bob"):
            store.accounts.put(make_account(Address(name, "sip.example.org"), "secret"))
    return made


@pytest.fixture
def shell(folder: Path) -> Iterator[Callable[[str], Shell]]:
    opened: list[Shell] = []

    def start(name: str) -> Shell:
        opened.append(Shell(name, folder))
        return opened[-1]

    yield start
    for each in opened:
        each.close()


@pytest.mark.parametrize("name", START)
def test_the_tabulator_key_completes_verbs_options_files_and_addresses(
    name: str, shell: Callable[[str], Shell]
) -> None:
    opened = shell(name)
    for typed, meant in CASES.items():
        opened.wait_for_line_of(f"sip2xmpp {typed}\t\n", f"<{meant}>")


def test_addresses_that_are_not_to_be_had_are_no_noise(tmp_path: Path) -> None:
    done = subprocess.run(
        [PROGRAM, "--config", str(tmp_path / "missing.toml"), "completion", "addresses"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
