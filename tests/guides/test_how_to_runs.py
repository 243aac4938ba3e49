"""The commands of the how-tos, typed one after the other beside a gateway that runs, chapter after chapter."""

import io
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from sip2xmpp.command.main import main
from tests.guides.reading import blocks, calls
from tests.importing.test_dumps import DUMPS
from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK
from tests.peers.waiting import eventually

NOT_ALL_KEPT = "sip2xmpp import "
"""The sample of a dump has rows that cannot be kept, and so the status is 1."""

ANSWERED = re.compile(r"echo (\S+) \| (sip2xmpp .*)")
OF_ITS_OWN = "sip2xmpp check"
"""Runs an event loop, so it needs a process of its own."""


def test_what_the_how_tos_say_can_be_typed_one_after_the_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway = Gateway(tmp_path / "gateway")
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    shutil.copy(DUMPS / "kamailio.mysqldump.sql", here / "kamailio.sql")

    def type_in(line: str) -> tuple[int, str]:
        answered = ANSWERED.fullmatch(line)
        monkeypatch.setattr(sys, "stdin", io.StringIO(f"{answered[1]}\n" if answered else ""))
        if line.startswith(OF_ITS_OWN):
            done = gateway.attempt(*next(calls(line)))
            return done.returncode, done.stdout + done.stderr
        if answered or line.startswith("sip2xmpp "):
            (arguments,) = calls(answered[2] if answered else line)
            status = main(["--config", str(gateway.file), *arguments])
            told = capsys.readouterr()
            return status, told.out + told.err
        at = f"{LOOPBACK}:{gateway.http_port}"
        done = subprocess.run(
            ["sh", "-c", line.replace("127.0.0.1:8080", at)], check=False, capture_output=True, text=True, timeout=60
        )  # fmt: skip
        return done.returncode, done.stdout + done.stderr

    def is_ready(line: str) -> bool:
        return "curl" not in line or type_in(line)[0] == 0

    typed = 0
    with gateway:
        for block in blocks("how-to.rst"):
            if block.language == "xml":
                (here / "departments.xml").write_text(block.text, "utf-8")
            for line in block.commands() if block.runs else ():
                # what was written into the state file is known to the gateway within a second
                eventually(partial(is_ready, line), line, every=0.2)
                status, told = type_in(line)
                assert status == (1 if line.startswith(NOT_ALL_KEPT) else 0), f"{line}\n{told}"
                typed += 1
                if "token add" in line:
                    found = re.search(r"[A-Za-z0-9_-]{20,}", told)
                    assert found, told
                    monkeypatch.setitem(os.environ, "TOKEN", found[0])
                if line == "sip2xmpp lists sales@sip.example.org":
                    assert "juliet@jabber.example" in told
    assert typed > 15
