"""The description of the API against the running API, by a tool that knows neither: schemathesis makes requests of it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.peers.gateway import Gateway
from tests.peers.ports import LOOPBACK

TOKEN = "schemathesis-0123456789"
SETTINGS = """
[parameters]
"path.address" = "weather@sip.example.org"

[checks]
positive_data_acceptance.expected-statuses = ["2xx", "304", "404", "409", "412", "422"]

[[operations]]
include-path-regex = "/lookups/"
[operations.parameters]
"path.domain" = "sip.example.org"

[[operations]]
include-path-regex = "/users/.*/contact"
[operations.parameters]
"path.address" = "alice@sip.example.org"
[operations.checks]
negative_data_rejection.enabled = false
"""
RIGHTS = ["publish", "read", "decide", "documents", "observe", "operate"]
PHASES = "examples,coverage,fuzzing"
"""Not the one that goes on with what other operations answered: with addresses that are given it takes right requests for wrong ones."""
UNCHECKED = "ignored_auth"
"""It tries so many wrong tokens that it is told to wait; that each operation wants a right one is tested in memory."""
LEFT_OUT = "/(reload|restart)$"
"""What would end the gateway that is asked."""
TABLES = Path(__file__).parents[2] / ".hypothesis"
"""Where Hypothesis keeps its tables of characters, which take it longer to make than most of the requests."""
SECONDS = 300
"""It computes for some ten seconds, which are many more on a machine that has other things to do."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    rights = {"token": TOKEN, "addresses": ["*@*"], "may": RIGHTS}
    gateway = Gateway(
        tmp_path,
        users={"alice": "rabbit"},
        settings={"http": {"requests": 1_000_000, "tokens": {"all": rights}}},
    )
    gateway.start()
    yield gateway
    gateway.stop()


def test_the_api_is_as_it_is_described_whatever_is_sent(gateway: Gateway, tmp_path: Path) -> None:
    settings = tmp_path / "schemathesis.toml"
    settings.write_text(SETTINGS)
    url = f"http://{LOOPBACK}:{gateway.http_port}"
    done = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={settings}",
            "run",
            f"{url}/api/v1/openapi.json",
            f"--url={url}",
            f"--header=Authorization: Bearer {TOKEN}",
            f"--phases={PHASES}",
            f"--exclude-checks={UNCHECKED}",
            f"--exclude-path-regex={LEFT_OUT}",
            "--max-examples=8",
            "--seed=4",
            "--workers=1",
            "--generation-database=:memory:",
            "--no-color",
        ],
        check=False,
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=SECONDS,
        env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(TABLES)},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    selected = re.search(r"(\d+) selected / (\d+) total", done.stdout)
    assert selected is not None and int(selected[1]) == int(selected[2]) - 2 >= 50
