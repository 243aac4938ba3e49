"""The recipe of the OCI image, read as an engine would, and checked for what usually goes wrong."""

import json
import re
from pathlib import Path

import pytest

from sip2xmpp.config import DEFAULT_PATH

ROOT = Path(__file__).resolve().parent.parent
KNOWN = {
    "FROM", "WORKDIR", "COPY", "RUN", "ENV", "USER", "VOLUME", "EXPOSE", "STOPSIGNAL", "HEALTHCHECK", "ENTRYPOINT", "CMD",
}  # fmt: skip


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instruction and arguments of each step, continued lines joined."""
    text = (ROOT / "etc/Containerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    joined = re.sub(r"\\\n\s*", " ", "\n".join(lines))
    return [(line.split()[0], line.partition(" ")[2]) for line in joined.splitlines() if line.strip()]


def last(steps: list[tuple[str, str]], instruction: str) -> str:
    return [arguments for name, arguments in steps if name == instruction][-1]


def test_it_consists_of_known_steps_on_bases_of_a_version(steps: list[tuple[str, str]]) -> None:
    assert {name for name, _ in steps} <= KNOWN
    bases = [arguments.split()[0] for name, arguments in steps if name == "FROM"]
    assert all(re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-\w+", base) for base in bases)


def test_what_it_copies_is_there(steps: list[tuple[str, str]]) -> None:
    copied = [
        arguments.split()[:-1] for name, arguments in steps if name == "COPY" and "--from" not in arguments
    ]
    assert all((ROOT / source).exists() for sources in copied for source in sources)
    # what the package is built of, and what it shows on the index
    assert {"LICENSE", "README.rst", "pyproject.toml", "setup.cfg", "sip2xmpp", "twisted"} == {
        source for sources in copied for source in sources
    }


def test_it_does_not_run_as_root_and_keeps_its_state_outside(steps: list[tuple[str, str]]) -> None:
    user, group = last(steps, "USER").split(":")
    assert int(user) > 0
    assert int(group) > 0
    names = [name for name, _ in steps]
    assert names.index("USER") < names.index("ENTRYPOINT")
    assert json.loads(last(steps, "VOLUME")) == [str(DEFAULT_PATH.parent), "/var/lib/sip2xmpp"]


def test_signals_reach_the_gateway_itself(steps: list[tuple[str, str]]) -> None:
    # the form with brackets: a shell in between would be process 1, and keep signals to itself
    assert json.loads(last(steps, "ENTRYPOINT"))[0] == "twistd"
    assert json.loads(last(steps, "CMD")) == ["sip2xmpp", "--config", str(DEFAULT_PATH)]
    assert last(steps, "STOPSIGNAL") == "SIGTERM"
    assert json.loads(last(steps, "HEALTHCHECK").partition("CMD ")[2])[:2] == ["/bin/sh", "-c"]
