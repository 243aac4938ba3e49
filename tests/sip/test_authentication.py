"""Digest as a server and as a client, one against the other and each against awkward peers."""

from collections.abc import Mapping
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp import digest
from sip2xmpp.digest import Algorithm, Credentials, ha1
from sip2xmpp.sip.authentication import (
    AccountOf,
    Challenge,
    DigestClient,
    DigestServer,
    Rejected,
    Secret,
    Throttle,
    Verified,
)
from sip2xmpp.sip.flow import Flow, HostPort, Transport
from sip2xmpp.sip.message import Request, Response, make_request, make_response

REALM = "sip.example.org"
MD5, SHA256 = Algorithm.MD5, Algorithm.SHA256
PASSWORDS = {"bob": "s3cr3t", "bob@sip.example.org": "s3cr3t", "alice": "pässword", "": ""}


def account_of(username: str, realm: str) -> tuple[str, str] | None:
    password = PASSWORDS.get(username)
    if password is None or realm != REALM:
        return None
    return ha1(MD5, username, realm, password), ha1(SHA256, username, realm, password)


def flow(host: str = "192.0.2.1") -> Flow:
    return Flow(transport=Transport.UDP, local=HostPort("192.0.2.9", 5060), peer=HostPort(host, 5060))


def subscribe(
    *authorizations: str, host: str = "192.0.2.1", uri: str = "sip:romeo@sip.example.org"
) -> Request:
    request = make_request(
        "SUBSCRIBE",
        uri,
        from_="<sip:bob@sip.example.org>;tag=1",
        to="<sip:romeo@sip.example.org>",
        call_id="a@b",
        cseq=1,
        headers=[("Authorization", value) for value in authorizations],
    )
    request.flow = flow(host)
    return request


def server(clock: Clock, *, accounts: AccountOf = account_of, **options) -> DigestServer:
    return DigestServer(lambda _: REALM, accounts, b"secret", clock, **options)


def challenge_of(verdict: object, index: int = 0) -> digest.Challenge:
    assert isinstance(verdict, Challenge)
    read = digest.Challenge.parse(verdict.headers[index][1])
    assert read is not None
    return read


def answered(
    challenge: digest.Challenge,
    username: str = "bob",
    password: str = "s3cr3t",
    *,
    nc: int = 1,
    uri: str = "sip:romeo@sip.example.org",
    method: str = "SUBSCRIBE",
) -> str:
    named = digest.algorithm_named(challenge.algorithm)
    assert named is not None
    return str(
        digest.answer(
            challenge,
            username=username,
            ha1=ha1(named[0], username, challenge.realm, password),
            method=method,
            uri=uri,
            count=nc,
            cnonce="0a4f113b",
        )
    )


# -- the server --


def test_a_request_without_credentials_is_challenged_in_each_algorithm_strongest_first(clock):
    verdict = server(clock).check(subscribe())
    assert isinstance(verdict, Challenge)
    assert (verdict.status, verdict.stale) == (401, False)
    assert [name for name, _ in verdict.headers] == ["WWW-Authenticate"] * 2
    strong, weak = challenge_of(verdict), challenge_of(verdict, 1)
    assert (strong.algorithm, weak.algorithm) == ("SHA-256", "MD5")
    assert strong.nonce == weak.nonce
    assert strong.realm == REALM and strong.qop == ("auth",) and not strong.stale


def test_the_operator_may_offer_md5_alone_or_first(clock):
    for algorithms in ((MD5,), (MD5, SHA256)):
        verdict = server(clock, algorithms=algorithms).check(subscribe())
        assert isinstance(verdict, Challenge)
        assert [challenge_of(verdict, n).algorithm for n in range(len(verdict.headers))] == [
            a.value for a in algorithms
        ]


def test_a_realm_offers_what_its_accounts_can_do(clock):
    lacking: list[Algorithm] = []

    def offered(realm: str) -> list[Algorithm]:
        assert realm == REALM
        return [each for each in (SHA256, MD5) if each not in lacking]

    asked = server(clock, offered=offered)
    for missing, names in (((), ["SHA-256", "MD5"]), ((SHA256,), ["MD5"]), ((MD5,), ["SHA-256"])):
        lacking[:] = missing
        headers = asked.check(subscribe()).headers
        assert [f"algorithm={name}" in value for (_, value), name in zip(headers, names, strict=True)]
    # what the operator chose is never widened
    lacking[:] = [MD5]
    (only,) = server(clock, algorithms=[MD5], offered=offered).check(subscribe()).headers
    assert "algorithm=MD5" in only[1]


def test_an_algorithm_that_accounts_have_no_hash_for_cannot_be_offered(clock):
    for algorithms in ((), (Algorithm.SHA512_256,)):
        with pytest.raises(ValueError, match="MD5 and SHA-256 only"):
            server(clock, algorithms=algorithms)


@pytest.mark.parametrize("index", [0, 1])
@pytest.mark.parametrize(("username", "password"), PASSWORDS.items())
def test_who_knows_the_password_is_verified_under_the_user_part(clock, index, username, password):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()), index)
    verdict = checked.check(subscribe(answered(challenge, username, password)))
    assert verdict == Verified(username=username.partition("@")[0], realm=REALM)


def test_a_proxy_asks_with_407_and_reads_its_own_header(clock):
    checked = server(clock)
    verdict = checked.check(subscribe(), proxy=True)
    assert isinstance(verdict, Challenge)
    assert verdict.status == 407
    assert {name for name, _ in verdict.headers} == {"Proxy-Authenticate"}
    request = subscribe(answered(challenge_of(verdict)))
    assert isinstance(checked.check(request, proxy=True), Challenge)
    request.headers.add("Proxy-Authorization", answered(challenge_of(verdict)))
    assert isinstance(checked.check(request, proxy=True), Verified)


def test_a_wrong_password_and_an_unknown_name_get_the_same_answer(clock):
    asked: list[str] = []

    def accounts(username: str, realm: str) -> tuple[str, str] | None:
        asked.append(username)
        return account_of(username, realm)

    checked = server(clock, accounts=accounts)
    challenge = challenge_of(checked.check(subscribe()))
    for username in ("bob", "nobody"):
        verdict = checked.check(subscribe(answered(challenge, username, "wrong")))
        assert isinstance(verdict, Challenge)
        assert (verdict.status, verdict.stale, len(verdict.headers)) == (401, False, 2)
        assert challenge_of(verdict).nonce != challenge.nonce
    assert asked == ["bob", "nobody"]


def test_an_account_without_hashes_proves_nothing(clock):
    checked = server(clock, accounts=lambda username, realm: ("", ""))
    challenge = challenge_of(checked.check(subscribe()))
    forged = digest.answer(
        challenge, username="bob", ha1="", method="SUBSCRIBE", uri="sip:romeo@sip.example.org", cnonce="c"
    )
    assert isinstance(checked.check(subscribe(str(forged))), Challenge)


def test_a_name_of_another_domain_is_nobody_though_its_user_part_has_an_account(clock):
    checked = server(clock, accounts=lambda username, realm: account_of("bob", realm))
    challenge = challenge_of(checked.check(subscribe()))
    forged = digest.answer(
        challenge,
        username="bob@other.example.org",
        ha1=ha1(SHA256, "bob", REALM, "s3cr3t"),
        method="SUBSCRIBE",
        uri="sip:romeo@sip.example.org",
        cnonce="c",
    )
    assert isinstance(checked.check(subscribe(str(forged))), Challenge)


def test_the_method_is_part_of_what_is_proved(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    assert isinstance(checked.check(subscribe(answered(challenge, method="PUBLISH"))), Challenge)


def test_a_replay_is_refused_as_stale_and_later_counts_are_good(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    first = subscribe(answered(challenge, nc=1))
    assert isinstance(checked.check(first), Verified)
    replayed = checked.check(first)
    assert isinstance(replayed, Challenge) and replayed.stale
    assert challenge_of(replayed).stale
    assert isinstance(checked.check(subscribe(answered(challenge, nc=3))), Verified)
    assert isinstance(checked.check(subscribe(answered(challenge, nc=2))), Verified)
    assert isinstance(checked.check(subscribe(answered(challenge, nc=2))), Challenge)


def test_an_old_nonce_is_stale(clock):
    checked = server(clock, nonce_lifetime=60)
    challenge = challenge_of(checked.check(subscribe()))
    clock.advance(61)
    verdict = checked.check(subscribe(answered(challenge)))
    assert isinstance(verdict, Challenge) and verdict.stale
    assert isinstance(checked.check(subscribe(answered(challenge_of(verdict)))), Verified)


@pytest.mark.parametrize("password", ["s3cr3t", "wrong"])
def test_a_nonce_that_is_not_ours_is_stale_whatever_the_password(clock, password):
    looked_up: list[str] = []
    checked = server(clock, accounts=lambda username, realm: looked_up.append(username))
    foreign = digest.Challenge(
        realm=REALM, nonce="dcd98b7102dd2f0e8b11d0f600bfb0c0", algorithm="MD5", qop=("auth",)
    )
    verdict = checked.check(subscribe(answered(foreign, password=password)))
    assert isinstance(verdict, Challenge) and verdict.stale
    assert looked_up == []


def test_a_nonce_serves_the_source_that_asked_for_it_only(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    verdict = checked.check(subscribe(answered(challenge), host="198.51.100.7"))
    assert isinstance(verdict, Challenge) and verdict.stale


def test_a_client_without_qop_is_let_in_once_for_each_nonce(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()), 1)
    old = digest.Challenge(realm=REALM, nonce=challenge.nonce)
    assert isinstance(checked.check(subscribe(answered(old))), Verified)
    verdict = checked.check(subscribe(answered(old)))
    assert isinstance(verdict, Challenge) and verdict.stale


def test_other_schemes_realms_and_algorithms_are_passed_over(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    others = [
        "Basic Ym9iOnMzY3IzdA==",
        answered(
            digest.Challenge(realm="example.com", nonce=challenge.nonce, algorithm="MD5", qop=("auth",))
        ),
        answered(challenge).replace("SHA-256", "SHA-1024"),
        answered(challenge).replace("qop=auth", "qop=auth-int"),
        "Digest nonsense",
    ]
    assert isinstance(checked.check(subscribe(*others, answered(challenge))), Verified)
    verdict = checked.check(subscribe(*others[:-1]))
    assert isinstance(verdict, Challenge) and not verdict.stale


def test_the_strongest_of_several_credentials_counts(clock):
    checked = server(clock)
    verdict = checked.check(subscribe())
    weak, strong = answered(challenge_of(verdict, 1)), answered(challenge_of(verdict), password="wrong")
    assert isinstance(checked.check(subscribe(weak, strong)), Challenge)


def test_credentials_that_cannot_be_read_are_a_bad_request(clock):
    assert server(clock).check(subscribe("Digest username=bob")) == Rejected(
        status=400, reason="digest without realm, nonce, uri, response"
    )


@pytest.mark.parametrize(
    ("uri", "accepted"),
    [
        ("sip:romeo@sip.example.org", True),
        ("sip:romeo@sip.example.org;transport=tcp", True),
        ("sip:romeo@192.0.2.9:5060", True),
        ("sip:SIP.example.org", True),
        ("sip:alice@sip.example.org", True),
        ("sip:alice@example.com", False),
        ("http://sip.example.org/", False),
        ("", False),
    ],
)
def test_the_uri_that_was_hashed_must_share_user_or_host_with_that_of_the_request(clock, uri, accepted):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    verdict = checked.check(subscribe(answered(challenge, uri=uri)))
    assert isinstance(verdict, Verified if accepted else Rejected)
    assert accepted or verdict == Rejected(status=400, reason="The credentials are for another URI")


def test_after_many_wrong_passwords_nothing_is_evaluated_for_a_minute(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    for _ in range(10):
        assert isinstance(checked.check(subscribe(answered(challenge, password="wrong"))), Challenge)
    closed = checked.check(subscribe(answered(challenge)))
    assert isinstance(closed, Rejected) and closed.status == 403
    assert isinstance(checked.check(subscribe(answered(challenge, "alice", "pässword"))), Verified)
    elsewhere = challenge_of(checked.check(subscribe(host="198.51.100.7")))
    assert isinstance(checked.check(subscribe(answered(elsewhere), host="198.51.100.7")), Verified)
    clock.advance(60)
    assert isinstance(checked.check(subscribe(answered(challenge, nc=2))), Verified)


def test_the_right_password_clears_the_failures(clock):
    checked = server(clock)
    challenge = challenge_of(checked.check(subscribe()))
    for nc in range(1, 40):
        password = "s3cr3t" if nc % 10 == 0 else "wrong"
        verdict = checked.check(subscribe(answered(challenge, password=password, nc=nc)))
        assert not isinstance(verdict, Rejected)


def test_wrong_passwords_with_forged_nonces_close_nothing(clock):
    checked = server(clock)
    for n in range(50):
        forged = digest.Challenge(realm=REALM, nonce=f"{n:044d}", algorithm="MD5", qop=("auth",))
        checked.check(subscribe(answered(forged, password="wrong")))
    challenge = challenge_of(checked.check(subscribe()))
    assert isinstance(checked.check(subscribe(answered(challenge))), Verified)


def test_the_throttle_remembers_a_bounded_number_of_names(clock):
    throttle = Throttle(clock, limit=1, size=3)
    for name in "abcd":
        throttle.failed("192.0.2.1", name)
    assert [throttle.is_closed("192.0.2.1", name) for name in "abcd"] == [False, True, True, True]


def test_the_throttle_keeps_no_more_of_a_name_than_tells_people_apart(clock):
    throttle = Throttle(clock, limit=2, size=3)
    for end in "ab":
        throttle.failed("192.0.2.1", "x" * 16_000 + end)
    assert throttle.is_closed("192.0.2.1", "x" * 16_000 + "c")
    throttle.succeeded("192.0.2.1", "x" * 16_000)
    assert not throttle.is_closed("192.0.2.1", "x" * 16_000 + "a")


@given(st.text(), st.booleans())
def test_any_authorization_gets_an_answer(value, as_parameters):
    clock = Clock()
    value = ("Digest " if as_parameters else "") + value.replace("\r", "").replace("\n", "").replace("\0", "")
    assert isinstance(server(clock).check(subscribe(value)), Challenge | Rejected)


# -- the client --


def response_to(request: Request, status: int, *headers: tuple[str, str]) -> Response:
    return make_response(request, status, headers=headers)


def client(secret: Secret = "s3cr3t", *, realm: str = REALM, username: str = "bob") -> DigestClient:
    numbers = count(1)
    return DigestClient(
        lambda asked, host: (username, secret) if asked == realm else None, cnonce=lambda: f"c{next(numbers)}"
    )


def credentials_in(request: Request, header: str = "Authorization") -> list[Credentials]:
    parsed = [Credentials.parse(value) for value in request.headers.all(header)]
    return [credentials for credentials in parsed if credentials is not None]


def exchange(
    ours: DigestClient, theirs: DigestServer, request: Request, *, proxy: bool = False
) -> list[object]:
    """What the server said to each attempt."""
    verdicts: list[object] = []
    attempt: Request | None = ours.preempt(request)
    while attempt is not None:
        attempt.flow = flow()
        verdict = theirs.check(attempt, proxy=proxy)
        verdicts.append(verdict)
        assert len(verdicts) < 10
        if not isinstance(verdict, Challenge):
            break
        attempt = ours.answer(attempt, response_to(attempt, verdict.status, *verdict.headers))
    return verdicts


@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("algorithms", [(SHA256, MD5), (MD5,), (MD5, SHA256)])
def test_the_client_satisfies_the_server(clock, proxy, algorithms):
    theirs = server(clock, algorithms=algorithms)
    verdicts = exchange(client(), theirs, subscribe(), proxy=proxy)
    assert verdicts[1:] == [Verified(username="bob", realm=REALM)]


def test_the_next_request_to_the_host_carries_credentials_at_once(clock):
    ours, theirs = client(), server(clock)
    exchange(ours, theirs, subscribe())
    for _ in range(5):
        assert exchange(ours, theirs, subscribe()) == [Verified(username="bob", realm=REALM)]
    (last,) = credentials_in(ours.preempt(subscribe()))
    assert last.nc == "00000007"
    other = subscribe(uri="sip:romeo@example.com")
    assert ours.preempt(other) is other


def test_a_remembered_nonce_that_has_expired_or_was_lost_in_a_restart_is_replaced(clock):
    ours = client()
    exchange(ours, server(clock, nonce_lifetime=60), subscribe())
    clock.advance(61)
    verdicts = exchange(ours, server(clock, nonce_lifetime=60), subscribe())
    assert [type(verdict) for verdict in verdicts] == [Challenge, Verified]
    verdicts = exchange(ours, DigestServer(lambda _: REALM, account_of, b"restarted", clock), subscribe())
    assert [type(verdict) for verdict in verdicts] == [Challenge, Verified]


def test_a_server_that_does_not_say_stale_is_answered_once_more_when_the_nonce_was_a_remembered_one():
    ours = client()
    fresh = ("WWW-Authenticate", 'Digest realm="sip.example.org", nonce="one", qop="auth"')
    other = ("WWW-Authenticate", 'Digest realm="sip.example.org", nonce="two", qop="auth"')
    first = ours.answer(subscribe(), response_to(subscribe(), 401, fresh))
    assert first is not None
    remembered = ours.preempt(subscribe())
    again = ours.answer(remembered, response_to(remembered, 401, other))
    assert again is not None
    assert credentials_in(again)[0].nonce == "two"
    assert ours.answer(again, response_to(again, 401, fresh)) is None


def test_a_wrong_password_is_tried_once_and_not_remembered(clock):
    ours, theirs = client("wrong"), server(clock)
    verdicts = exchange(ours, theirs, subscribe())
    assert [type(verdict) for verdict in verdicts] == [Challenge, Challenge]
    assert "Authorization" not in ours.preempt(subscribe()).headers


def test_the_same_nonce_again_is_a_refusal_though_counted_on():
    ours = client()
    asked = ("WWW-Authenticate", 'Digest realm="sip.example.org", nonce="always", qop="auth"')
    first = ours.answer(subscribe(), response_to(subscribe(), 401, asked))
    assert first is not None
    second = ours.answer(subscribe(), response_to(subscribe(), 401, asked))
    assert second is not None
    assert [c.nc for c in credentials_in(first) + credentials_in(second)] == ["00000001", "00000002"]
    assert ours.answer(second, response_to(second, 401, asked)) is None


def test_the_request_is_repeated_with_the_next_cseq_and_otherwise_as_it_was():
    asked = ("WWW-Authenticate", 'Digest realm="sip.example.org", nonce="n", opaque="o", algorithm=MD5')
    request = subscribe()
    again = client().answer(request, response_to(request, 401, asked))
    assert again is not None
    assert again.cseq.number == 2 and request.cseq.number == 1
    assert "Authorization" not in request.headers
    (said,) = credentials_in(again)
    assert (said.opaque, said.qop, said.uri) == ("o", "", request.uri)
    again.headers.remove("Authorization")
    again.headers.set("CSeq", "1 SUBSCRIBE")
    assert again.to_bytes() == request.to_bytes()


def test_a_nonce_without_qop_is_not_used_again():
    asked = ("WWW-Authenticate", 'Digest realm="sip.example.org", nonce="n"')
    ours = client()
    ours.answer(subscribe(), response_to(subscribe(), 401, asked))
    request = subscribe()
    assert ours.preempt(request) is request


@pytest.mark.parametrize(
    "asked",
    [
        (),
        ("Basic realm=sip.example.org",),
        ('Digest realm="sip.example.org"',),
        ('Digest realm="elsewhere", nonce="n"',),
        ('Digest realm="sip.example.org", nonce="n", algorithm=SHA-1024',),
        ('Digest realm="sip.example.org", nonce="n", qop="auth-int"',),
        ('Digest realm="sip.example.org", nonce="n"', 'Digest realm="elsewhere", nonce="n"'),
    ],
)
def test_what_cannot_be_answered_is_the_end(asked):
    response = response_to(subscribe(), 401, *(("WWW-Authenticate", value) for value in asked))
    assert client().answer(subscribe(), response) is None


def test_a_proxy_and_a_server_that_both_ask_both_get_answers():
    ours = DigestClient(lambda realm, host: (f"us@{realm}", "s3cr3t"))
    proxy = ("Proxy-Authenticate", 'Digest realm="proxy", nonce="p", qop="auth"')
    end = ("WWW-Authenticate", 'Digest realm="end", nonce="e", qop="auth"')
    request = subscribe()
    second = ours.answer(request, response_to(request, 407, proxy))
    assert second is not None
    third = ours.answer(second, response_to(second, 401, end))
    assert third is not None
    assert [c.username for c in credentials_in(third, "Proxy-Authorization") + credentials_in(third)] == [
        "us@proxy",
        "us@end",
    ]
    at_once = ours.preempt(subscribe())
    assert [c.nc for c in credentials_in(at_once, "Proxy-Authorization") + credentials_in(at_once)] == [
        "00000002"
    ] * 2


def test_two_realms_of_a_forked_request_are_both_answered():
    ours = DigestClient(lambda realm, host: ("bob", "s3cr3t"))
    asked = [("WWW-Authenticate", f'Digest realm="{realm}", nonce="n{realm}", qop="auth"') for realm in "ab"]
    again = ours.answer(subscribe(), response_to(subscribe(), 401, *asked))
    assert again is not None
    assert [(c.realm, c.nonce) for c in credentials_in(again)] == [("a", "na"), ("b", "nb")]


def test_hashes_serve_in_place_of_a_password(clock):
    stored: Mapping[Algorithm, str] = {MD5: ha1(MD5, "bob", REALM, "s3cr3t")}
    ours = client(stored)
    assert exchange(ours, server(clock), subscribe())[1:] == [Verified(username="bob", realm=REALM)]
    assert credentials_in(ours.preempt(subscribe()))[0].algorithm == "MD5"
    assert [type(v) for v in exchange(client(stored), server(clock, algorithms=[SHA256]), subscribe())] == [
        Challenge
    ]


def test_the_strongest_algorithm_is_chosen_whatever_the_order():
    asked = [
        ("WWW-Authenticate", f'Digest realm="sip.example.org", nonce="n", algorithm={name}, qop="auth"')
        for name in ("MD5", "SHA-512-256", "SHA-256")
    ]
    again = client().answer(subscribe(), response_to(subscribe(), 401, *asked))
    assert again is not None
    assert credentials_in(again)[0].algorithm == "SHA-512-256"


@pytest.mark.parametrize(
    ("user_agent", "algorithms"),
    [
        ("baresip v1.0.0 (x86_64/linux)", ["MD5"]),
        ("baresip v2.11.0 (x86_64/linux)", ["SHA-256", "MD5"]),
        ("Linphonec/5.1.65", ["SHA-256", "MD5"]),
    ],
)
def test_a_client_that_stumbles_over_sha_256_is_offered_md5_alone(
    user_agent: str, algorithms: list[str]
) -> None:
    request = subscribe()
    request.headers.add("User-Agent", user_agent)
    verdict = server(Clock()).check(request)
    assert isinstance(verdict, Challenge)
    assert [challenge_of(verdict, index).algorithm for index in range(len(verdict.headers))] == algorithms
