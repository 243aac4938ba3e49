"""The configuration file: what is read, what is refused, and how the operator is told."""

import ssl
from ipaddress import ip_network
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import LogLevel

from sip2xmpp.config import load, read
from sip2xmpp.errors import ConfigError
from sip2xmpp.keys import Listener
from sip2xmpp.presence.policy import Handling
from sip2xmpp.settings import Authentication, Config, LogFormat, MessageType
from sip2xmpp.sip.flow import HostPort, Transport
from tests.certificates import Authority

SIP = '[sip]\ndomains = ["sip.example.org"]\n'
XMPP = SIP + '[xmpp]\nsecret = "s3cret"\ndomains = ["sip.example.org"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sip2xmpp.toml"


def loaded(file: Path, text: str, **environment: str) -> Config:
    file.write_text(text, "utf-8")
    return load(file, environment)


def faults(file: Path, text: str, **environment: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        loaded(file, text, **environment)
    return list(caught.value.faults)


# what is read


def test_one_domain_is_enough_and_everything_else_is_safe(file: Path) -> None:
    config = loaded(file, SIP)
    assert config.gateway.state == "sqlite:/var/lib/sip2xmpp/state.db"
    assert config.sip.domains == ("sip.example.org",)
    assert config.sip.listen == (
        Listener(Transport.UDP, "0.0.0.0", 5060),
        Listener(Transport.TCP, "0.0.0.0", 5060),
    )
    assert config.sip.authentication is Authentication.DIGEST
    assert config.sip.trusted_peers == ()
    assert config.presence.default is Handling.CONFIRM
    assert config.log.format is LogFormat.TEXT


def test_a_leg_that_is_not_configured_is_off(file: Path) -> None:
    config = loaded(file, SIP)
    assert config.xmpp is None
    assert config.http is None


def test_a_leg_with_an_empty_table_is_on(file: Path) -> None:
    config = loaded(file, SIP + "[http]\n")
    assert config.http is not None
    assert config.http.listen == HostPort("127.0.0.1", 8080)


def test_every_key_can_be_given(file: Path) -> None:
    config = loaded(
        file,
        """
        [gateway]
        state = "memory:"
        [sip]
        domains = ["SIP.Example.org.", "münchen.example"]
        listen = ["udp:127.0.0.1:5070", "tcp:[::1]:5070"]
        authentication = "none"
        trusted_peers = ["192.0.2.0/24", "2001:db8::1"]
        outbound_proxy = "sip:proxy.example.com;transport=tcp"
        t1 = 0.25
        [sip.credentials."example.com"]
        username = "gateway"
        password = "secret"
        [xmpp]
        server = "[::1]:5348"
        secret = "s3cret"
        domains = ["sip.example.org"]
        gateway_domain = "gw.example.org"
        allowed_domains = ["jabber.example"]
        message_type = "normal"
        [presence]
        default = "deny"
        [presence.domains]
        "sip.example.org" = "allow"
        [dns]
        servers = ["127.0.0.1:53", "[::1]:53"]
        [dns.domains]
        "example.net" = "sip"
        "jabber.example" = "xmpp"
        "example.com" = "sip:192.0.2.1:5080;transport=tcp"
        "other.example" = "127.0.0.1:5347"
        [http]
        listen = "[::1]:8081"
        [log]
        format = "json"
        level = "debug"
        [limits]
        min_expires = 30
        """,
    )
    assert config.gateway.state == "memory:"
    assert config.sip.domains == ("sip.example.org", "münchen.example")
    assert config.sip.listen[1] == Listener(Transport.TCP, "::1", 5070)
    assert config.sip.trusted_peers == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))
    assert config.sip.outbound_proxy == "sip:proxy.example.com;transport=tcp"
    assert config.sip.t1 == 0.25
    assert config.sip.credentials["example.com"].username == "gateway"
    assert config.xmpp is not None
    assert config.xmpp.server == HostPort("::1", 5348)
    assert config.xmpp.gateway_domain == "gw.example.org"
    assert config.xmpp.message_type is MessageType.NORMAL
    assert config.presence.default is Handling.BLOCK
    assert config.presence.domains == {"sip.example.org": Handling.ALLOW}
    assert config.dns.servers == (HostPort("127.0.0.1", 53), HostPort("::1", 53))
    assert list(config.dns.domains.values()) == [
        "sip",
        "xmpp",
        "sip:192.0.2.1:5080;transport=tcp",
        "127.0.0.1:5347",
    ]
    assert config.http is not None
    assert config.log.level is LogLevel.debug
    assert config.limits.min_expires == 30


def test_paths_are_relative_to_the_file(file: Path) -> None:
    assert (
        loaded(file, SIP + '[gateway]\nstate = "sqlite:state.db"').gateway.state
        == f"sqlite:{file.parent}/state.db"
    )


def test_secrets_do_not_show_in_what_is_printed(file: Path) -> None:
    config = loaded(file, XMPP + '[sip.credentials."a"]\nusername = "u"\npassword = "hidden"')
    assert "s3cret" not in repr(config)
    assert "hidden" not in repr(config)


# where the secret comes from


NO_SECRET = XMPP.replace('secret = "s3cret"\n', "")


def secret_of(config: Config) -> str:
    assert config.xmpp is not None
    return config.xmpp.secret


def test_the_secret_is_the_first_line_of_its_file(file: Path) -> None:
    file.with_name("secret").write_text("from a file\n")
    assert secret_of(loaded(file, NO_SECRET + 'secret_file = "secret"')) == "from a file"


def test_a_relative_secret_file_is_looked_for_among_the_credentials_first(file: Path, tmp_path: Path) -> None:
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "secret").write_text("from the manager")
    file.with_name("secret").write_text("from a file")
    text = NO_SECRET + 'secret_file = "secret"'
    assert (
        secret_of(loaded(file, text, CREDENTIALS_DIRECTORY=f"{tmp_path}/credentials")) == "from the manager"
    )


def test_a_credential_of_the_known_name_needs_no_key_at_all(file: Path, tmp_path: Path) -> None:
    (tmp_path / "xmpp-secret").write_text("from the manager\n")
    assert secret_of(loaded(file, NO_SECRET, CREDENTIALS_DIRECTORY=str(tmp_path))) == "from the manager"


def test_the_environment_goes_before_the_file(file: Path) -> None:
    assert (
        secret_of(loaded(file, XMPP, SIP2XMPP_XMPP_SECRET="from the environment")) == "from the environment"
    )


def test_a_password_file_serves_outgoing_credentials_too(file: Path) -> None:
    file.with_name("password").write_text("secret\n")
    config = loaded(file, SIP + '[sip.credentials."example.com"]\nusername = "u"\npassword_file = "password"')
    assert config.sip.credentials["example.com"].password == "secret"


@pytest.mark.parametrize(
    ("content", "why"),
    [(None, "cannot be read: No such file or directory"), (b"\n", "is empty"), (b"\xff\xfe", "is not text")],
)
def test_an_unusable_secret_file_is_one_fault(file: Path, content: bytes | None, why: str) -> None:
    if content is not None:
        file.with_name("secret").write_bytes(content)
    assert faults(file, NO_SECRET + 'secret_file = "secret"') == [f"xmpp.secret_file: secret {why}"]


def test_two_secrets_are_one_too_many(file: Path) -> None:
    file.with_name("secret").write_text("x")
    assert faults(file, XMPP + 'secret_file = "secret"') == [
        "xmpp.secret: give this or secret_file, not both"
    ]


# what is refused


def test_all_faults_come_out_at_once(file: Path) -> None:
    found = faults(
        file,
        """
        logging = 1
        [sipp]
        [sip]
        lisen = []
        domains = ["-", 5, "sip.example.org", "SIP.example.org"]
        listen = ["udp:0.0.0.0", "sctp:0.0.0.0:5060", "udp:example.org:5060", "udp:0.0.0.0:99999"]
        authentication = "digset"
        trusted_peers = ["10.0.0.1/8", "everybody"]
        outbound_proxy = "http://example.com"
        t1 = "fast"
        gateway_domain = "gw.example.org"
        [sip.credentials."example.com"]
        user = "x"
        [xmpp]
        server = "5347"
        secret = "s"
        [dns.domains]
        "example.net" = "telephone"
        [log]
        level = true
        [limits]
        min_expires = 0
        body = 1.5
        """,
    )
    assert [fault.partition(": ")[0] for fault in found] == [
        "logging",
        "sipp",
        "sip.lisen",
        "sip.domains[0]",
        "sip.domains[1]",
        "sip.domains[3]",
        "sip.listen[0]",
        "sip.listen[1]",
        "sip.listen[2]",
        "sip.listen[3]",
        "sip.authentication",
        "sip.trusted_peers[0]",
        "sip.trusted_peers[1]",
        "sip.outbound_proxy",
        "sip.t1",
        "sip.gateway_domain",
        'sip.credentials."example.com".user',
        "xmpp.server",
        'dns.domains."example.net"',
        "log.level",
        "limits.min_expires",
        "limits.body",
        "xmpp.domains",
    ]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("[sipp]", "sipp: no such table; did you mean sip?"),
        ("sip = 5", "sip: is a table, written as [sip]"),
        (SIP + 'lisen = ["udp:0.0.0.0:5060"]', "sip.lisen: no such key; did you mean listen?"),
        (SIP + "colour = 1", "sip.colour: no such key"),
        (SIP + '"odd key" = 1', 'sip."odd key": no such key'),
        (SIP + 'gateway_domain = "g.example.org"', "sip.gateway_domain: no such key; it belongs to [xmpp]"),
        (SIP + "listen = []", "sip.listen: the list must not be empty"),
        (SIP + 'listen = "udp:0.0.0.0:5060"', "sip.listen: a list is expected, not a string"),
        (
            SIP + 'listen = ["sctp:0.0.0.0:5060"]',
            'sip.listen[0]: "sctp" is none of udp, tcp, tls',
        ),
        (
            SIP + 'listen = ["udp:5060"]',
            'sip.listen[0]: "udp:5060" is not transport:address:port, as in udp:0.0.0.0:5060 or tls:[::]:5061',
        ),
        (SIP + 'listen = ["udp:localhost:5060"]', 'sip.listen[0]: "localhost" is not an IP address'),
        (SIP + 'listen = ["udp:0.0.0.0:0"]', "sip.listen[0]: 0 is not between 1 and 65535"),
        (
            SIP + 'listen = ["udp:0.0.0.0:5060", "udp:0.0.0.0:5060"]',
            'sip.listen[1]: "udp:0.0.0.0:5060" is in the list already',
        ),
        (
            SIP + 'authentication = "digset"',
            'sip.authentication: "digset" is none of digest, none; did you mean digest?',
        ),
        (
            SIP + 'trusted_peers = ["10.0.0.1/8"]',
            "sip.trusted_peers[0]: not a network: 10.0.0.1/8 has host bits set",
        ),
        (SIP + "t1 = 60", "sip.t1: 60 is not between 0.05 and 5.0"),
        (SIP + "t1 = true", "sip.t1: a number is expected, not true or false"),
        (SIP + 'outbound_proxy = "sip:a\\nb"', "sip.outbound_proxy: control characters are not allowed"),
        (SIP + 'credentials = "x"', "sip.credentials: a table is expected, not a string"),
        (
            SIP + '[sip.credentials."a"]\npassword = "x"',
            "sip.credentials.a.username: is missing",
        ),
        (
            SIP + '[sip.credentials."a.b"]\nusername = "x"',
            'sip.credentials."a.b".password: is missing; give it or password_file',
        ),
        (SIP + '[gateway]\nstate = "redis:x"', 'gateway.state: "redis:x" is neither memory: nor sqlite:PATH'),
        (
            SIP + '[xmpp]\nsecret = "s"',
            "xmpp.domains: is empty; give the component's names here, or gateway_domain, or both",
        ),
        (
            NO_SECRET,
            "xmpp.secret: is missing; give it, secret_file, SIP2XMPP_XMPP_SECRET or the credential xmpp-secret",
        ),
        (
            XMPP + 'gateway_domain = "sip.example.org"\n[sip.unused]',
            "xmpp.gateway_domain: is in xmpp.domains as well; it can stand for one thing only",
        ),
        (
            XMPP + 'allowed_domains = ["sip.example.org"]',
            "xmpp.allowed_domains[0]: sip.example.org is the gateway itself",
        ),
        (
            SIP + '[registrar.follow]\n"a.example" = "sip:192.0.2.9"',
            'registrar.follow."a.example": is not in sip.domains',
        ),
        (
            SIP + '[http.roles]\n"alice@a.example" = "operator"',
            'http.roles."alice@a.example": is not an address in sip.domains',
        ),
        (
            SIP + '[http.roles]\n"sip.example.org" = "viewer"',
            'http.roles."sip.example.org": is not an address in sip.domains',
        ),
        (
            SIP + '[presence.domains]\n"a.example" = "allow"',
            'presence.domains."a.example": is not in sip.domains',
        ),
        (
            SIP + '[registrar]\npresence = "yes"',
            "registrar.presence: true or false is expected, not a string",
        ),
        (
            SIP + '[registrar]\nwatchers = ["monitor@"]',
            'registrar.watchers[0]: "monitor@" is not an address: the domain is not a host name or an IP address',
        ),
        (
            SIP + '[presence]\ndefault = "yes"',
            'presence.default: "yes" is none of allow, confirm, deny',
        ),
        (
            SIP + '[dns.domains]\n"sip.example.org" = "sip"',
            'dns.domains."sip.example.org": is ours, and never looked up',
        ),
        (
            SIP + '[dns.domains]\na = "b"',
            'dns.domains.a: "b" is neither sip, xmpp, a sip: URI nor host:port',
        ),
        (
            SIP + "[limits]\ndefault_expires = 10",
            "limits.default_expires: must lie between min_expires and max_expires",
        ),
        (
            SIP + 'listen = ["tcp:127.0.0.1:8080"]\n[http]',
            "http.listen: is taken by sip.listen tcp:127.0.0.1:8080",
        ),
        (
            SIP + '[presence.domains]\n"a\\nb" = "sure"',
            'presence.domains."a\\nb": "sure" is none of allow, confirm, deny',
        ),
        (SIP + "[log]\nlevel = 1979-05-27", "log.level: a string is expected, not a date"),
        ("", "sip.domains: nothing to serve: give our SIP domains here, or an [xmpp] table, or both"),
    ],
)
def test_a_fault_says_where_and_why(file: Path, text: str, fault: str) -> None:
    assert fault in faults(file, text)


def test_a_fault_in_one_key_is_not_reported_twice(file: Path) -> None:
    assert len(faults(file, '[sip]\ndomains = ["-"]')) == 1


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"none\.toml: cannot be read: No such file or directory"):
        load(tmp_path / "none.toml")


def test_a_file_that_is_not_toml_says_the_line(file: Path) -> None:
    (fault,) = faults(file, "[sip]\ndomains = \n")
    assert "is not TOML" in fault
    assert "line 2" in fault


def test_a_file_that_is_not_text(file: Path) -> None:
    file.write_bytes(b"# \xff\n")
    with pytest.raises(ConfigError, match="is not UTF-8 at octet 2"):
        load(file)


@given(st.recursive(st.none() | st.booleans() | st.integers() | st.floats() | st.text(), st.lists))
def test_no_value_whatever_is_a_traceback(value: object) -> None:
    names = (
        "domains",
        "listen",
        "certificate",
        "authentication",
        "trusted_peers",
        "outbound_proxy",
        "credentials",
        "t1",
    )
    tables = {
        "sip": dict.fromkeys(names, value),
        "gateway": {"state": value},
        "log": value,
        "xmpp": {"server": value},
    }
    with pytest.raises(ConfigError):
        read(tables, Path("/nowhere"), {})


# certificates


TLS = SIP + 'listen = ["tls:127.0.0.1:5061"]\n'


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


def test_a_tls_listener_needs_a_certificate_and_its_key(file: Path) -> None:
    assert faults(file, TLS) == [
        "sip.certificate: is missing; a tls listener needs it",
        "sip.private_key: is missing; a tls listener needs it",
    ]


def test_a_certificate_needs_its_key_even_without_a_listener(file: Path, authority: Authority) -> None:
    certificate, _ = authority.issue("sip.example.org")
    assert faults(file, SIP + f'certificate = "{certificate.name}"') == [
        "sip.private_key: is missing; certificate and private_key go together"
    ]


def test_a_certificate_with_its_key_is_taken(file: Path, authority: Authority) -> None:
    certificate, private_key = authority.issue("sip.example.org")
    config = loaded(
        file,
        TLS
        + f'certificate = "{certificate}"\nprivate_key = "{private_key}"\nauthorities = "{authority.file}"',
    )
    assert config.sip.certificate == certificate
    assert config.sip.private_key == private_key
    ssl.create_default_context(cafile=config.sip.authorities)


def test_a_certificate_with_another_key_is_refused(file: Path, authority: Authority) -> None:
    certificate, _ = authority.issue("sip.example.org")
    _, other = authority.issue("example.com")
    assert faults(file, TLS + f'certificate = "{certificate}"\nprivate_key = "{other}"') == [
        f"sip.certificate: {certificate} does not belong to the private key"
    ]


@pytest.mark.parametrize("name", ["certificate", "authorities"])
def test_a_file_without_certificates_is_refused(file: Path, authority: Authority, name: str) -> None:
    certificate, private_key = authority.issue("sip.example.org")
    files = {"certificate": certificate, "private_key": private_key, "authorities": authority.file}
    files[name] = file.with_name("empty.pem")
    files[name].write_text("nothing")
    (fault,) = faults(file, TLS + "".join(f'{key} = "{path}"\n' for key, path in files.items()))
    assert fault.startswith(f"sip.{name}: {files[name]}")


def test_a_certificate_that_is_not_there_is_named(file: Path, authority: Authority) -> None:
    _, private_key = authority.issue("sip.example.org")
    assert faults(file, TLS + f'certificate = "none.pem"\nprivate_key = "{private_key}"') == [
        f"sip.certificate: {file.parent}/none.pem does not exist"
    ]


def test_the_web_port_has_a_certificate_and_its_key_or_neither(file: Path, authority: Authority) -> None:
    certificate, private_key = authority.issue("sip.example.org")
    _, other = authority.issue("example.com")
    web = SIP + "[http]\n"
    assert faults(file, web + f'private_key = "{private_key.name}"') == [
        "http.certificate: is missing; certificate and private_key go together"
    ]
    assert faults(file, web + f'certificate = "{certificate}"\nprivate_key = "{other}"') == [
        f"http.certificate: {certificate} does not belong to the private key"
    ]
    config = loaded(file, web + f'certificate = "{certificate.name}"\nprivate_key = "{private_key.name}"')
    assert config.http is not None
    assert config.http.certificate == certificate


def test_a_key_with_a_pass_phrase_asks_nobody(file: Path, authority: Authority) -> None:
    """OpenSSL would ask on the terminal, and the gateway would wait for the answer."""
    certificate, private_key = authority.issue("sip.example.org")
    key = load_pem_private_key(private_key.read_bytes(), None)
    private_key.write_bytes(
        key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"secret"))
    )
    assert faults(file, TLS + f'certificate = "{certificate}"\nprivate_key = "{private_key}"') == [
        f"sip.certificate: the key of {certificate} is protected by a pass phrase, which nobody is there to type"
    ]
