"""The description of the API against the running API, by a tool that knows neither: schemathesis makes requests of it."""

import os
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
include-path-regex = "/users/.*/contact"
[operations.parameters]
"path.address" = "alice@sip.example.org"
[operations.checks]
negative_data_rejection.enabled = false
"""
RIGHTS = ["publish", "read", "decide", "documents"]
UNCHECKED = "use_after_free"
"""DELETE takes one source away, and the address stays."""
TABLES = Path(__file__).parents[2] / ".hypothesis"
"""Where Hypothesis keeps its tables of characters, which take it longer to make than most of the requests."""
SECONDS = 300
"""It computes for some ten seconds, which are many more on a machine that has other things to do."""


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[Gateway]:
    rights = {"token": TOKEN, "addresses": ["*@sip.example.org"], "may": RIGHTS}
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
            f"--exclude-checks={UNCHECKED}",
            "--max-examples=15",
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
    assert "19 selected / 19 total" in done.stdout
