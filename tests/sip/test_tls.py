"""Which domains a certificate proves (RFC 5922, section 7)."""

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from sip2xmpp.errors import ConfigError
from sip2xmpp.sip.tls import Tls, proves, sip_identities
from tests.certificates import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize(
    ("names", "identities"),
    [
        ({"uris": ["sip:Example.com"]}, ["example.com"]),
        ({"uris": ["sip:example.com;transport=tls"]}, ["example.com"]),
        ({"uris": ["sip:example.com"], "dns": ["host.example.net"]}, ["example.com"]),
        ({"uris": ["sip:bob@example.com"], "dns": ["example.net"]}, ["example.net"]),
        ({"uris": ["https://example.com"], "dns": ["example.net"]}, ["example.net"]),
        ({"dns": ["a.example", "b.example"], "common_name": "c.example"}, ["a.example", "b.example"]),
        ({"uris": ["sip:bob@example.com"], "common_name": "example.com"}, []),
        ({"common_name": "Example.com"}, ["example.com"]),
        ({"ips": ["192.0.2.9", "2001:db8::9"]}, ["192.0.2.9", "2001:db8::9"]),
        ({}, []),
    ],
)
def test_the_identities_of_a_certificate(
    authority: Authority, names: dict[str, Any], identities: list[str]
) -> None:
    certificate, _ = authority.sign(**names)
    assert sip_identities(certificate) == identities


@pytest.mark.parametrize(
    ("names", "host", "verdict"),
    [
        ({"dns": ["example.com"]}, "EXAMPLE.com.", True),
        ({"dns": ["example.com"]}, "sip.example.com", False),
        ({"dns": ["*.example.com"]}, "sip.example.com", False),
        ({"ips": ["2001:db8::9"]}, "[2001:DB8:0::9]", True),
        ({"dns": ["192.0.2.9"]}, "192.0.2.10", False),
        ({}, "", False),
    ],
)
def test_only_the_whole_name_counts(
    authority: Authority, names: dict[str, Any], host: str, verdict: bool
) -> None:
    certificate, _ = authority.sign(**names)
    assert proves(certificate, host) is verdict


def test_without_a_certificate_there_are_clients_only() -> None:
    tls = Tls()
    with pytest.raises(ConfigError, match="certificate"):
        tls.server()


def test_files_that_are_not_pem_are_refused_by_name(tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")
    with pytest.raises(ConfigError, match=r"junk\.pem"):
        Tls(certificate=junk, private_key=junk)
    with pytest.raises(ConfigError, match=r"none\.pem"):
        Tls(authorities=tmp_path / "none.pem")


def test_a_key_with_a_passphrase_is_a_fault_and_asks_nobody(authority: Authority, tmp_path: Path) -> None:
    """OpenSSL asks on the terminal otherwise, and a running gateway would stand still until somebody types."""
    certificate, key = authority.issue("locked", ips=["127.0.0.1"])
    locked = tmp_path / "locked.key"
    private = serialization.load_pem_private_key(key.read_bytes(), None)
    locked.write_bytes(
        private.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.BestAvailableEncryption(b"sesame"),
        )
    )
    with pytest.raises(ConfigError, match=r"sip\.private_key: .*locked\.key needs a passphrase"):
        Tls(certificate=certificate, private_key=locked)
