import string

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.digest import (
    WINDOW,
    Algorithm,
    Challenge,
    Credentials,
    Nonces,
    algorithm_named,
    answer,
    digest_parameters,
    ha1,
    parameters,
    quoted,
)
from sip2xmpp.errors import BadInput

MD5, SHA256, SHA512_256 = Algorithm.MD5, Algorithm.SHA256, Algorithm.SHA512_256

SIP_VECTORS = [
    (
        MD5,
        "ab6c29342212379ae19d0a2ec33c8c58",
        "aa58e3ff2b35737f8af5805f6d636edf",
        "3bcc4d51076c4dc973c018dc431082aa",
    ),
    (
        SHA256,
        "f63331951138ad59bad241b279157b6f3eb3663758a3d3aeff27be875bcda566",
        "98d02ae0cabc319e4986f33c53d2d751729edbc376ff20a5b2f4a4d09d443cc0",
        "55180019b1d98c383eb19928c111122f361abf577d72316751189fd2f850b1e9",
    ),
    (
        SHA512_256,
        "04de4220af4dabd2363471ef95aa5f03a0327f00184ac74f5b3301e4d0ab1cf8",
        "23c04ba56b629d20a036bde75ab01b2b63a324ea6c47b8c36f998bb7d0d8289b",
        "610cbe033e5113b44ebe5811b328a7488c79a722906ab6924f25f6427496f0d2",
    ),
]


@pytest.mark.parametrize(("algorithm", "hash1", "with_qop", "without_qop"), SIP_VECTORS)
def test_known_answers_for_a_subscription(algorithm, hash1, with_qop, without_qop):
    assert ha1(algorithm, "juliet", "example.com", "s3cr3t") == hash1
    for qop, expected in ((("auth",), with_qop), ((), without_qop)):
        credentials = answer(
            Challenge(
                realm="example.com",
                nonce="dcd98b7102dd2f0e8b11d0f600bfb0c0",
                algorithm=algorithm.value,
                qop=qop,
            ),
            username="juliet",
            ha1=hash1,
            method="SUBSCRIBE",
            uri="sip:romeo@example.com",
            cnonce="0a4f113b",
        )
        assert credentials.response == expected
        assert credentials.is_right("SUBSCRIBE", hash1)
        assert not credentials.is_right("PUBLISH", hash1)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_example_of_rfc_7616(algorithm, response):
    """Section 3.9.1."""
    credentials = answer(
        Challenge(
            realm="http-auth@example.org",
            nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v",
            algorithm=algorithm,
            qop=("auth", "auth-int"),
            opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS",
        ),
        username="Mufasa",
        ha1=ha1(Algorithm(algorithm), "Mufasa", "http-auth@example.org", "Circle of Life"),
        method="GET",
        uri="/dir/index.html",
        cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ",
    )
    assert credentials.response == response


def test_a_session_algorithm_mixes_the_nonces_into_ha1():
    challenge = Challenge(realm="r", nonce="n", algorithm="MD5-sess", qop=("auth",))
    hash1 = ha1(MD5, "u", "r", "p")
    credentials = answer(challenge, username="u", ha1=hash1, method="GET", uri="/", cnonce="c")
    plain = Credentials(
        **{**{f: getattr(credentials, f) for f in Credentials.__dataclass_fields__}, "algorithm": "MD5"}
    )
    assert credentials.is_right("GET", hash1)
    assert not plain.is_right("GET", hash1)


def test_algorithms_are_known_by_name_whatever_their_case():
    assert algorithm_named("") == (MD5, False)
    assert algorithm_named("md5") == (MD5, False)
    assert algorithm_named("sha-512-256-SESS") == (SHA512_256, True)
    assert algorithm_named("SHA-1") is None


def test_a_challenge_as_servers_write_it_is_read():
    challenge = Challenge.parse(
        'digest  Realm="a \\"b\\", c" ,nonce="n=,"\t, algorithm=SHA-256,,qop="auth, AUTH-INT", opaque="", stale=TRUE,'
    )
    assert challenge == Challenge(
        realm='a "b", c', nonce="n=,", algorithm="SHA-256", qop=("auth", "auth-int"), opaque="", stale=True
    )


def test_credentials_with_everything_quoted_are_read():
    credentials = Credentials.parse(
        'Digest username="bob",realm="r",nonce="n",uri="sip:r",response="AB",algorithm="MD5",qop="auth",nc="1",cnonce="c"'
    )
    assert credentials is not None
    assert (credentials.algorithm, credentials.qop, credentials.nc, credentials.count) == (
        "MD5",
        "auth",
        "1",
        1,
    )


def test_the_response_may_be_written_in_upper_case():
    hash1 = ha1(MD5, "u", "r", "p")
    right = answer(Challenge(realm="r", nonce="n"), username="u", ha1=hash1, method="GET", uri="/")
    shouted = Credentials.parse(str(right).replace(right.response, right.response.upper()))
    assert shouted is not None and shouted.is_right("GET", hash1)


@pytest.mark.parametrize("value", ["Basic YWxpY2U6c2VjcmV0", "", "Digestive realm=x", 'NTLM "', "realm=x"])
def test_other_schemes_are_told_apart(value):
    assert Challenge.parse(value) is None
    assert Credentials.parse(value) is None


BASE = 'Digest username="u", realm="r", nonce="n", uri="sip:r", response="0"'


@pytest.mark.parametrize(
    "value",
    [
        "Digest",
        'Digest realm="r"',
        'Digest realm="r',
        'Digest realm="r" nonce="n"',
        'Digest realm="r", nonce="n", realm="s"',
        'Digest =, nonce="n"',
        BASE + ", qop=auth",
        BASE + ", qop=auth, nc=00000001",
        BASE + ', qop=auth, nc=, cnonce="c"',
        BASE + ', qop=auth, nc=0000000000000001, cnonce="c"',
        BASE + ', qop=auth, nc=-1, cnonce="c"',
        BASE + ', username="admin"',
    ],
)
def test_digests_that_make_no_sense_are_bad_input(value):
    with pytest.raises(BadInput):
        Credentials.parse(value)


def test_a_long_unfinished_value_is_refused_in_linear_time():
    for value in (
        'Digest a="' + "\\" * 60_000,
        "Digest " + "a" * 60_000,
        "Digest " + ", " * 60_000 + "=",
        "Digest a=" + " " * 60_000 + "x y",
    ):
        with pytest.raises(BadInput):
            digest_parameters(value)


def test_line_ends_cannot_be_written():
    with pytest.raises(BadInput):
        quoted("a\r\nVia: b")


texts = st.text(st.characters(exclude_characters="\r\n\0", exclude_categories=("Cs",)))
tokens = st.text(string.ascii_letters + string.digits + "-", min_size=1)


@given(
    st.builds(
        Challenge,
        realm=texts,
        nonce=texts,
        algorithm=st.just("") | tokens,
        qop=st.lists(st.sampled_from(["auth", "auth-int", "x"])).map(tuple),
        opaque=st.none() | texts,
        stale=st.booleans(),
    )
)
def test_challenges_are_read_as_they_were_written(challenge):
    assert Challenge.parse(str(challenge)) == challenge


@given(
    username=texts,
    password=texts,
    realm=texts,
    nonce=texts,
    method=tokens,
    uri=texts,
    cnonce=texts.filter(bool),
    count=st.integers(1, 2**32 - 1),
    opaque=st.none() | texts,
    algorithm=st.sampled_from(["", *(a.value + s for a in Algorithm for s in ("", "-sess"))]),
    qop=st.sampled_from([(), ("auth",), ("auth-int", "auth")]),
)
def test_an_answer_is_read_as_written_and_right(  # noqa: PLR0917
    username, password, realm, nonce, method, uri, cnonce, count, opaque, algorithm, qop
):
    named = algorithm_named(algorithm)
    assert named is not None
    hash1 = ha1(named[0], username, realm, password)
    challenge = Challenge(realm=realm, nonce=nonce, algorithm=algorithm, qop=qop, opaque=opaque)
    written = answer(
        challenge, username=username, ha1=hash1, method=method, uri=uri, count=count, cnonce=cnonce
    )
    read = Credentials.parse(str(written))
    assert read == written
    assert read.is_right(method, hash1)
    assert not read.is_right(method, ha1(named[0], username, realm, password + "x"))
    assert read.count == (count if qop else None)


@given(st.text())
def test_any_text_gives_parameters_or_bad_input(text):
    for parse in (parameters, Challenge.parse, Credentials.parse):
        try:
            parse(text)
        except BadInput:
            pass


# -- nonces --


def nonces(clock: Clock, **options) -> Nonces:
    return Nonces(b"secret", clock, **options)


def accepts(made: Nonces, nonce: str, count: int | None) -> bool:
    minted = made.fresh_since(nonce, "here")
    return minted is not None and made.accept(nonce, minted, count)


def test_a_nonce_is_fresh_for_its_scope_until_it_expires(clock):
    made = nonces(clock, lifetime=10)
    nonce = made.mint("here")
    assert made.fresh_since(nonce, "here") is not None
    assert made.fresh_since(nonce, "there") is None
    clock.advance(9.9)
    assert made.fresh_since(nonce, "here") is not None
    clock.advance(0.2)
    assert made.fresh_since(nonce, "here") is None
    assert not accepts(made, nonce, 1)


def test_no_two_nonces_are_alike(clock):
    made = nonces(clock)
    assert len({made.mint("here") for _ in range(1000)}) == 1000


def test_a_nonce_of_another_secret_is_not_ours(clock):
    assert nonces(clock).fresh_since(Nonces(b"other", clock).mint("here"), "here") is None


@given(st.text() | st.from_regex(r"[A-Za-z0-9+/]{44}", fullmatch=True))
def test_a_guessed_nonce_is_not_ours(guess):
    assert nonces(Clock()).fresh_since(guess, "here") is None


def test_a_nonce_with_any_character_changed_is_not_ours(clock):
    made = nonces(clock)
    nonce = made.mint("here")
    for index in range(len(nonce)):
        changed = nonce[:index] + ("A" if nonce[index] != "A" else "B") + nonce[index + 1 :]
        assert made.fresh_since(changed, "here") is None


def test_each_count_is_accepted_once_and_late_ones_within_the_window(clock):
    made = nonces(clock)
    nonce = made.mint("here")
    assert accepts(made, nonce, 1)
    assert not accepts(made, nonce, 1)
    assert accepts(made, nonce, 5)
    assert accepts(made, nonce, 3)
    assert not accepts(made, nonce, 3)
    assert accepts(made, nonce, 5 + WINDOW)
    assert not accepts(made, nonce, 5)
    assert accepts(made, nonce, 6)
    assert accepts(made, nonce, 2**32 - 1)
    assert not accepts(made, nonce, 7)


@given(st.lists(st.integers(1, 200), max_size=60))
def test_no_sequence_of_counts_gets_one_accepted_twice(counts):
    made = nonces(Clock())
    nonce = made.mint("here")
    accepted = [count for count in counts if accepts(made, nonce, count)]
    assert len(accepted) == len(set(accepted))
    if counts:
        assert max(counts) in accepted


def test_without_qop_a_nonce_serves_once(clock):
    made = nonces(clock)
    nonce = made.mint("here")
    assert accepts(made, nonce, None)
    assert not accepts(made, nonce, None)
    other = made.mint("here")
    assert accepts(made, other, 1)
    assert not accepts(made, other, None)


def test_what_is_remembered_is_bounded_and_what_was_forgotten_is_not_accepted_again(clock):
    made = nonces(clock, limit=3)
    given_away = []
    for _ in range(5):
        given_away.append(made.mint("here"))
        clock.advance(1)
    for nonce in given_away:
        assert accepts(made, nonce, 1)
    assert not any(accepts(made, nonce, 1) for nonce in given_away)
    assert accepts(made, given_away[-1], 2)
    assert not accepts(made, given_away[0], 2)


def test_what_has_expired_makes_room(clock):
    made = nonces(clock, limit=2, lifetime=10)
    early = made.mint("here")
    assert accepts(made, early, 1)
    clock.advance(11)
    unused = made.mint("here")
    for _ in range(2):
        assert accepts(made, made.mint("here"), 1)
    assert made.fresh_since(early, "here") is None
    assert made.fresh_since(unused, "here") is not None
