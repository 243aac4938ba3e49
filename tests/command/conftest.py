"""A configuration with a state file, and the command run in this process."""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from io import StringIO
from pathlib import Path

import pytest

from sip2xmpp.command.main import main


@dataclass
class Operator:
    """Types commands; ``answers`` is what standard input holds for the next one."""

    config: Path
    capture: pytest.CaptureFixture[str]
    type_in: Callable[[str], None]
    url: str

    def __call__(self, *arguments: str, answers: str = "") -> tuple[int, str, str]:
        """Exit status, standard output, standard error."""
        self.type_in(answers)
        status = main(["--config", str(self.config), *arguments])
        told = self.capture.readouterr()
        return status, told.out, told.err


@pytest.fixture
def operator(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Operator:
    """Somebody with a shell."""
    config = tmp_path / "sip2xmpp.toml"
    url = f"sqlite:{tmp_path / 'state.db'}"
    config.write_text(f'[gateway]\nstate = "{url}"\n[sip]\ndomains = ["sip.example.org", "example.com"]\n')
    return Operator(config, capsys, lambda text: monkeypatch.setattr(sys, "stdin", StringIO(text)), url)
