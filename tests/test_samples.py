"""The files in etc/ that an operator starts from are true."""

import re
import shutil
import subprocess
import sys
import tomllib
from configparser import ConfigParser
from dataclasses import fields
from pathlib import Path

import pytest

from sip2xmpp.config import DEFAULT_PATH, SECRET_CREDENTIAL, load, read
from sip2xmpp.settings import Config

ETC = Path(__file__).resolve().parent.parent / "etc"
SAMPLE = ETC / "sip2xmpp.toml"

EXAMPLES = {
    ("sip", "domains"),
    ("sip", "credentials"),
    ("xmpp", "secret_file"),
    ("xmpp", "domains"),
    ("xmpp", "gateway_domain"),
    ("presence", "domains"),
    ("dns", "domains"),
}
"""Keys whose value in the sample is not the default."""

SHOWN_IN_COMMENTS = {("xmpp", "secret"), ("sip", "credentials"), ("http", "tokens")}


def loaded(folder: Path) -> Config:
    shutil.copy(SAMPLE, folder)
    (folder / "xmpp-secret").write_text("s3cret\n")
    return load(folder / SAMPLE.name, {})


def test_the_sample_configuration_loads(tmp_path: Path) -> None:
    config = loaded(tmp_path)
    assert config.xmpp is not None
    assert config.xmpp.secret == "s3cret"
    assert config.http is not None


def test_the_sample_names_every_key_and_no_other() -> None:
    written = tomllib.loads(SAMPLE.read_text("utf-8"))
    assert set(written) == {table.name for table in fields(Config)}
    text = SAMPLE.read_text("utf-8")
    config = read({**written, "xmpp": {"secret": "x", "domains": ["sip.example.org"]}}, ETC, {})
    for name, keys in written.items():
        for key in fields(getattr(config, name)):
            assert key.name in keys or (name, key.name) in SHOWN_IN_COMMENTS
    assert re.search(r"^# \[sip\.credentials\.", text, re.MULTILINE)
    assert re.search(r"^# \[http\.tokens\.", text, re.MULTILINE)


def test_what_the_sample_shows_as_a_default_is_the_default(tmp_path: Path) -> None:
    shown = loaded(tmp_path)
    plain = read(
        {"sip": {"domains": ["a.example"]}, "xmpp": {"secret": "s3cret", "domains": ["a"]}, "http": {}},
        ETC,
        {},
    )
    for table in fields(Config):
        for key in fields(getattr(shown, table.name)):
            if (table.name, key.name) not in EXAMPLES:
                assert getattr(getattr(shown, table.name), key.name) == getattr(
                    getattr(plain, table.name), key.name
                )


@pytest.mark.parametrize("found", ["1e999", "NaN", '{"a": 1}', "seventeen", "[" * 100_000, ""])
def test_the_weather_survives_whatever_others_say_it_is(tmp_path: Path, found: str) -> None:
    (tmp_path / "degrees").write_text(found)
    (tmp_path / "token").write_text("weather-token-0123456789\n")
    command = (sys.executable, ETC / "examples" / "weather", "weather@sip.example.org", "--once")
    files = ("--token-file", tmp_path / "token", "--read", tmp_path / "degrees")
    ended = subprocess.run([*command, *files], capture_output=True, text=True, timeout=30, check=False)
    assert (ended.returncode, len(ended.stderr.splitlines())) == (1, 1)
    assert ended.stderr.startswith("weather: ")


def test_the_systemd_unit_agrees_with_the_program() -> None:
    unit = ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(ETC / "sip2xmpp.service")
    service = unit["Service"]
    assert service["ExecStart"].endswith(f"sip2xmpp --config {DEFAULT_PATH}")
    assert service["LoadCredential"].startswith(f"{SECRET_CREDENTIAL}:")
    state = load_state().removeprefix("sqlite:")
    assert Path(state).parent == Path("/var/lib", service["StateDirectory"])


def load_state() -> str:
    return read({"sip": {"domains": ["sip.example.org"]}}, ETC, {}).gateway.state
