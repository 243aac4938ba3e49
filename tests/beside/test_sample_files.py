"""What the sample files say, without running them."""

import re
import shutil
from pathlib import Path

import pytest

from sip2xmpp.config import load
from tests.beside.samples import BESIDE

NEIGHBOURS = sorted(folder.name for folder in BESIDE.iterdir())
FILES = sorted(file for file in BESIDE.rglob("*") if file.is_file())
RESERVED = ("example", "example.org", "example.com", "example.net")


def test_each_neighbour_has_its_own_file_and_ours() -> None:
    assert NEIGHBOURS == ["ejabberd", "kamailio", "nginx", "opensips", "prosody"]
    for neighbour in NEIGHBOURS:
        assert len(list((BESIDE / neighbour).iterdir())) == 2
        assert (BESIDE / neighbour / "sip2xmpp.toml").is_file()


@pytest.mark.parametrize("neighbour", NEIGHBOURS)
def test_our_side_of_each_sample_loads(neighbour: str, tmp_path: Path) -> None:
    shutil.copy(BESIDE / neighbour / "sip2xmpp.toml", tmp_path)
    (tmp_path / "xmpp-secret").write_text("s3cret\n")
    config = load(tmp_path / "sip2xmpp.toml", {})
    assert (config.xmpp is None) == (neighbour == "nginx")
    assert config.xmpp is None or set(config.xmpp.domains) == set(config.sip.domains)
    # a proxy in front is believed, and nobody else
    assert bool(config.sip.trusted_peers) == (neighbour in ("kamailio", "opensips"))


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(BESIDE)))
def test_samples_name_reserved_domains_and_addresses_alone(file: Path) -> None:
    text = file.read_text("utf-8")
    for host in re.findall(r"(?:@|sips?:(?:\w+@)?|domain=\")([a-z][a-z0-9.-]*\.[a-z]{2,})", text):
        assert host.endswith(RESERVED), host
    for number in re.findall(r"\b\d+\.\d+\.\d+\.\d+\b", text):
        assert number.startswith(("192.0.2.", "127.0.0.")), number
