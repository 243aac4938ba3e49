"""``[http.tokens]``: programs that may use the API."""

from pathlib import Path

import pytest

from sip2xmpp.address import Address
from sip2xmpp.portal.problems import Problem
from sip2xmpp.portal.tokens import Right, Token
from tests.test_config import SIP, faults, loaded

GOOD = 'token = "0123456789abcdef"\naddresses = ["*@sip.example.org"]\n'


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "sip2xmpp.toml"


def weather(text: str, more: str = "") -> str:
    return f"{SIP}[http.tokens.weather]\n{text}{more}"


def test_a_token_may_publish_unless_it_is_given_more_rights(file: Path) -> None:
    config = loaded(file, weather(GOOD))
    assert config.http is not None
    assert config.http.tokens["weather"].may == (Right.PUBLISH,)
    config = loaded(file, weather(GOOD, 'may = ["read", "decide"]'))
    assert config.http is not None
    assert config.http.tokens["weather"].may == (Right.READ, Right.DECIDE)


def test_a_token_is_the_first_line_of_its_file_and_never_shown(file: Path) -> None:
    (file.parent / "weather.token").write_text("abcdefghijklmnop\nanother line\n")
    config = loaded(file, weather('token_file = "weather.token"\naddresses = ["W@SIP.example.org"]'))
    assert config.http is not None
    held = config.http.tokens["weather"]
    assert held.token == "abcdefghijklmnop" and held.addresses == ("w@sip.example.org",)
    assert "abcdefghijklmnop" not in repr(config)


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("", "http.tokens.weather.token: is missing; give it or token_file"),
        ("", "http.tokens.weather.addresses: is missing"),
        ('token = "short"', "http.tokens.weather.token: has 16 or more ASCII characters"),
        ('token = "with blanks inside"', "http.tokens.weather.token: has 16 or more ASCII characters"),
        ('token = "ünïcödé-0123456789"', "http.tokens.weather.token: has 16 or more ASCII characters"),
        ('token_file = "none"', "http.tokens.weather.token_file: none cannot be read"),
        ('addresses = ["sip.example.org"]', 'http.tokens.weather.addresses[0]: "sip.example.org" is not a pattern'),
        ('may = ["everything"]', 'http.tokens.weather.may[0]: "everything" is none of publish, read, decide'),
        ('tokne = "x"', "http.tokens.weather.tokne: no such key; did you mean token?"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_token_is_said(file: Path, text: str, fault: str) -> None:
    assert any(each.startswith(fault) for each in faults(file, weather(text)))


def test_two_programs_do_not_share_a_token_and_have_plain_names(file: Path) -> None:
    shared = weather(GOOD) + f"[http.tokens.news]\n{GOOD}"
    assert faults(file, shared) == ["http.tokens.news.token: is that of weather too"]
    assert "1 to 40 letters" in faults(file, f'{SIP}[http.tokens."two words"]\n{GOOD}')[0]
    # the token of this name says in the audit log who does something, and is believed
    assert "the name of the token of the command" in faults(file, f"{SIP}[http.tokens.command]\n{GOOD}")[0]


@pytest.mark.parametrize(
    ("pattern", "fitting", "other"),
    [
        ("*@sip.example.org", "a@b@sip.example.org", "sip.example.org@example.com"),
        ("a@*.example.org", "a@sip.example.org", "a@x@sip.example.org"),
        ("a@*", "a@sip.example.org", "a@b@sip.example.org"),
        ("a[b]@sip.example.org", "a[b]@sip.example.org", "ab@sip.example.org"),
        ("a[b]*@sip.example.org", "a[b]c@sip.example.org", "abc@sip.example.org"),
        ("Straße@SIP.example.org", "strasse@sip.example.org", "stra@sip.example.org"),
    ],
)
def test_a_pattern_is_of_local_parts_and_of_domains(
    file: Path, pattern: str, fitting: str, other: str
) -> None:
    config = loaded(file, weather(f'token = "0123456789abcdef"\naddresses = ["{pattern}"]'))
    assert config.http is not None
    addresses = config.http.tokens["weather"].addresses
    token = Token(name="weather", digest=b"", addresses=addresses, may=frozenset(Right))
    token.check(Right.PUBLISH, Address.parse(fitting))
    with pytest.raises(Problem, match="is not for"):
        token.check(Right.PUBLISH, Address.parse(other))
