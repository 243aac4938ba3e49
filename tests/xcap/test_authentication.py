"""Who sends an XCAP request: digest, tokens, Basic behind a proxy, and what strangers can find out."""

from base64 import b64encode
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.logger import capturedLogs

from sip2xmpp.address import Address
from sip2xmpp.digest import Algorithm
from sip2xmpp.store.accounts import make_account
from sip2xmpp.xcap.authentication import OF_NAME, OF_PEER, OF_PEER_AND_NAME, is_same_target
from sip2xmpp.xcap.resource import LOGGED_A_MINUTE
from tests.xcap.scene import (
    BOB,
    DOCUMENT,
    DOMAIN,
    HERD,
    INDEX,
    OTHER_DOMAIN,
    PASSWORDS,
    READER,
    Answer,
    Scene,
)


@pytest.fixture
def scene() -> Scene:
    return Scene()


def with_field(
    scene: Scene, value: str, method: str = "GET", path: str = INDEX, peer: str = "192.0.2.7"
) -> Answer:
    return scene.request(method, path, headers={"Authorization": value}, peer=peer)


def challenge(scene: Scene, peer: str = "192.0.2.7") -> Answer:
    return scene.request("GET", INDEX, peer=peer)


def test_both_algorithms_are_offered_and_md5_first(scene: Scene) -> None:
    offers = challenge(scene).all("www-authenticate")
    assert [f"algorithm={name}" in offer for name, offer in zip(("MD5", "SHA-256"), offers, strict=True)] == [
        True
    ] * 2
    assert all(f'realm="{DOMAIN}"' in offer and 'qop="auth"' in offer for offer in offers)
    only = Scene(algorithms=[Algorithm.SHA256])
    assert len(challenge(only).all("www-authenticate")) == 1
    assert only.ask("PUT", INDEX, DOCUMENT, algorithm="SHA-256").status == 201
    offered_by_the_other = scene.credentials(challenge(scene), "GET", INDEX)
    assert with_field(only, offered_by_the_other).status == 401


def test_a_user_of_whom_only_md5_is_known_proves_himself(scene: Scene) -> None:
    """As one that came from another server; the realm offers MD5 alone then, so that no client takes what cannot work."""
    account = make_account(BOB, PASSWORDS["bob"])
    scene.store.accounts.put(replace(account, ha1_sha256="", ha1_sha256_address=""))
    (offer,) = challenge(scene).all("www-authenticate")
    assert "algorithm=MD5" in offer
    assert scene.ask("PUT", INDEX, DOCUMENT).status == 201
    assert scene.ask("PUT", INDEX, DOCUMENT, password="wrong").status == 401


@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
@pytest.mark.parametrize("user", ["bob", f"bob@{DOMAIN}"])
def test_a_user_proves_himself(scene: Scene, algorithm: str, user: str) -> None:
    assert scene.ask("PUT", INDEX, DOCUMENT, algorithm=algorithm, user=user).status == 201


@pytest.mark.parametrize(
    ("user", "password"),
    [
        ("bob", "wrong"),
        ("bob", ""),
        ("nobody", "builder"),
        ("", "builder"),
        (f"bob@{OTHER_DOMAIN}", "builder"),
        (f"@{DOMAIN}", "builder"),
        ("bob ", "builder"),
        ("bob\\00", "builder"),
        ("sip:bob", "builder"),
    ],
)
def test_who_does_not_is_asked_again_in_the_same_words(scene: Scene, user: str, password: str) -> None:
    refused = scene.ask("GET", INDEX, user=user, password=password)
    wrong = scene.ask("GET", INDEX, user="bob", password="also wrong")

    def told(answer: Answer) -> list[tuple[str, str]]:
        return [(name, value.partition("nonce=")[0]) for name, _, value in answer.fields if name != "Date"]

    assert refused.status == 401 and refused.body == wrong.body and told(refused) == told(wrong)
    assert "stale" not in str(refused.fields)


def test_an_account_that_is_disabled_or_removed_is_nobodys(scene: Scene) -> None:
    account = make_account(BOB, PASSWORDS["bob"])
    account.disabled = True
    scene.store.accounts.put(account)
    assert scene.ask("GET", INDEX).status == 401
    scene.store.accounts.remove(str(BOB))
    assert scene.ask("GET", INDEX).status == 401


def test_credentials_are_good_for_one_request(scene: Scene) -> None:
    first = challenge(scene)
    given_once = scene.credentials(first, "GET", INDEX)
    assert with_field(scene, given_once).status == 404
    again = with_field(scene, given_once)
    assert again.status == 401 and all("stale=true" in each for each in again.all("www-authenticate"))
    assert with_field(scene, scene.credentials(first, "GET", INDEX, count=2)).status == 404


def test_credentials_are_for_one_method_and_one_target(scene: Scene) -> None:
    assert with_field(scene, scene.credentials(challenge(scene), "GET", INDEX), method="DELETE").status == 401
    other = with_field(scene, scene.credentials(challenge(scene), "GET", INDEX), path=f"{INDEX}2")
    assert other.status == 400
    lied = scene.credentials(challenge(scene), "GET", f"{INDEX}2", uri=f"/xcap/{INDEX}")
    assert with_field(scene, lied, path=f"{INDEX}2").status == 400


def test_a_nonce_is_for_one_peer_and_one_realm_and_ages(scene: Scene) -> None:
    first = challenge(scene)
    elsewhere = with_field(scene, scene.credentials(first, "GET", INDEX), peer="192.0.2.8")
    assert elsewhere.status == 401 and "stale=true" in elsewhere.headers["www-authenticate"]
    first = challenge(scene)
    scene.clock.advance(3601)
    assert (
        "stale=true" in with_field(scene, scene.credentials(first, "GET", INDEX)).headers["www-authenticate"]
    )
    invented = scene.credentials(challenge(scene), "GET", INDEX).replace('nonce="', 'nonce="A')
    assert "stale=true" in with_field(scene, invented).headers["www-authenticate"]


def test_protection_of_the_body_is_not_spoken(scene: Scene) -> None:
    field = scene.credentials(challenge(scene), "GET", INDEX).replace("qop=auth", "qop=auth-int")
    assert with_field(scene, field).status == 401


@pytest.mark.parametrize(
    ("field", "status"),
    [
        ("", 401),
        ("Digest", 400),
        ("Digest username", 400),
        ('Digest username="bob", username="bob"', 400),
        ("Negotiate abc", 401),
        ("Basic " + b64encode(b"bob:builder").decode(), 401),
        ("Bearer", 401),
        ("Bearer wrong-token-0123456789", 401),
        ("Digest " + "a=b, " * 1000, 400),
        ("\xff\xfe", 401),
    ],
)
def test_other_credentials_prove_nothing(scene: Scene, field: str, status: int) -> None:
    assert with_field(scene, field).status == status


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0xFF), max_size=200))
def test_no_authorization_field_lets_anybody_in_or_breaks_the_server(field: str) -> None:
    for scheme in ("", "Digest ", "Bearer ", "Basic "):
        assert with_field(Scene(), scheme + field).status in {400, 401, 429}


def test_several_authorizations_are_none(scene: Scene) -> None:
    good = scene.credentials(challenge(scene), "GET", INDEX)
    raw = f"GET /xcap/{INDEX} HTTP/1.1\r\nHost: x\r\nAuthorization: {good}\r\nAuthorization: {good}\r\n\r\n"
    assert scene.send(raw.encode()).status in {400, 401}


# who tries too often


def test_wrong_passwords_are_counted_for_each_peer_and_name(scene: Scene) -> None:
    for _ in range(OF_PEER_AND_NAME):
        assert scene.ask("GET", INDEX, password="wrong").status == 401
    closed = scene.ask("GET", INDEX)
    assert closed.status == 429 and closed.headers["retry-after"] == "60"
    assert scene.ask("GET", INDEX, user="alice").status == 403
    assert scene.ask("GET", INDEX, peer="192.0.2.8").status == 404
    scene.clock.advance(61)
    assert scene.ask("GET", INDEX).status == 404


def test_wrong_passwords_are_counted_for_each_peer(scene: Scene) -> None:
    for number in range(OF_PEER):
        assert scene.ask("GET", INDEX, user=f"user{number}").status == 401
    assert scene.ask("GET", INDEX).status == 429
    assert scene.ask("GET", INDEX, peer="192.0.2.8").status == 404


def test_who_shares_an_address_with_somebody_who_tries_names_is_not_locked_out(scene: Scene) -> None:
    assert scene.ask("GET", INDEX).status == 404
    for number in range(OF_PEER):
        assert scene.ask("GET", INDEX, user=f"user{number}").status == 401
    assert scene.ask("GET", INDEX, user="alice").status == 429
    assert scene.ask("GET", INDEX).status == 404
    statuses = [scene.ask("GET", INDEX, password="wrong").status for _ in range(OF_PEER_AND_NAME + 1)]
    assert statuses == [401] * OF_PEER_AND_NAME + [429]


def test_strangers_close_a_name_to_strangers_only(scene: Scene) -> None:
    assert scene.ask("GET", INDEX, peer="198.51.100.1").status == 404
    for number in range(OF_NAME):
        scene.ask("GET", INDEX, password="wrong", peer=f"203.0.113.{number}")
    assert scene.ask("GET", INDEX, peer="203.0.113.200").status == 429
    assert scene.ask("GET", INDEX, peer="198.51.100.1").status == 404
    assert scene.ask("GET", INDEX, user="alice", peer="203.0.113.200").status == 403


def test_the_two_spellings_of_a_name_are_counted_as_one(scene: Scene) -> None:
    for number in range(OF_PEER_AND_NAME):
        scene.ask("GET", INDEX, user=("bob", f"bob@{DOMAIN}")[number % 2], password="wrong")
    assert (
        scene.ask("GET", INDEX).status == 429 and scene.ask("GET", INDEX, user=f"bob@{DOMAIN}").status == 429
    )


def test_strangers_do_not_fill_the_log(scene: Scene) -> None:
    with capturedLogs() as told:
        for number in range(3 * LOGGED_A_MINUTE):
            scene.ask("GET", INDEX, password="wrong", peer=f"203.0.113.{number}")
            scene.ask("GET", INDEX, user="alice")
        assert len([each for each in told if "refused" in each["log_format"]]) == LOGGED_A_MINUTE
        scene.clock.advance(61)
        scene.ask("GET", INDEX, user="alice")
        last = told[-1]
    assert "refused" in last["log_format"] and "rabbit" not in str(told) and "builder" not in str(told)


@pytest.mark.parametrize("user", ["j\xfcrgen", f"j\xfcrgen@{DOMAIN}"])
@pytest.mark.parametrize("algorithm", ["MD5", "SHA-256"])
def test_names_and_passwords_have_any_letters(scene: Scene, user: str, algorithm: str) -> None:
    scene.store.accounts.put(make_account(Address("j\xfcrgen", DOMAIN), "gr\xfc\xdfe"))
    path = f"resource-lists/users/sip:j%C3%BCrgen@{DOMAIN}/index"
    for uri in (f"/xcap/{path}", f"/xcap/{path.replace('%C3%BC', chr(0xFC))}"):
        first = scene.request("GET", path)
        given = scene.credentials(
            first, "GET", path, user=user, password="gr\xfc\xdfe", algorithm=algorithm, uri=uri
        )
        octets = given.encode().decode("latin-1")  # as the scene writes fields
        assert scene.request("GET", path, headers={"Authorization": octets}).status == 404
        assert with_field(scene, octets.replace("\xc3", "\xff")).status in {400, 401}


# realms


def test_the_realm_is_the_domain_of_the_user_or_what_the_host_says() -> None:
    scene = Scene(domains=(DOMAIN, OTHER_DOMAIN))

    def realm(path: str, host: str = "localhost") -> str:
        return scene.request("GET", path, headers={"Host": host}).headers["www-authenticate"].split('"')[1]

    assert realm(f"resource-lists/users/sip:bob@{OTHER_DOMAIN}/index") == OTHER_DOMAIN
    assert realm(INDEX, host=OTHER_DOMAIN) == DOMAIN
    assert realm("resource-lists/users/sip:bob@elsewhere.example/index") == DOMAIN
    assert realm("resource-lists/global/index") == DOMAIN
    assert realm("resource-lists/global/index", host=OTHER_DOMAIN) == OTHER_DOMAIN
    assert realm("resource-lists/global/index", host=f"xcap.{OTHER_DOMAIN}:8080") == OTHER_DOMAIN
    assert realm(f"/xcap@{OTHER_DOMAIN}/resource-lists/users/bob/index") == OTHER_DOMAIN


def test_users_of_two_domains_with_one_name_are_two() -> None:
    scene = Scene(domains=(DOMAIN, OTHER_DOMAIN))
    theirs = f"resource-lists/users/sip:bob@{OTHER_DOMAIN}/index"
    assert scene.ask("PUT", theirs, DOCUMENT).status == 201
    assert scene.ask("GET", INDEX).status == 404
    here = scene.request("GET", INDEX)
    assert with_field(scene, scene.credentials(here, "GET", theirs), path=theirs).status == 403
    assert scene.ask("GET", "resource-lists/users/bob/index").status == 404


# programs


def test_a_token_is_for_the_documents_that_its_patterns_name(scene: Scene) -> None:
    alice = INDEX.replace("bob", "alice")
    assert scene.admin("PUT", INDEX, DOCUMENT, token=HERD).status == 201
    assert scene.admin("GET", INDEX, token=HERD).body == DOCUMENT
    assert scene.admin("GET", alice, token=HERD).status == 403
    assert scene.admin("PUT", alice, DOCUMENT, token=HERD).status == 403
    assert scene.admin("PUT", "resource-lists/global/index", DOCUMENT, token=HERD).status == 403
    assert scene.admin("GET", "rls-services/global/index", token=HERD).status == 403
    assert scene.admin("PUT", alice, DOCUMENT).status == 201
    assert scene.admin("GET", "rls-services/global/index").status == 200
    assert scene.admin("PUT", INDEX.replace("bob", "stranger"), DOCUMENT).status == 404


def test_a_token_without_the_right_reads_the_global_tree_only(scene: Scene) -> None:
    scene.admin("PUT", "resource-lists/global/index", DOCUMENT)
    assert scene.admin("GET", "resource-lists/global/index", token=READER).status == 200
    assert scene.admin("PUT", "resource-lists/global/index", DOCUMENT, token=READER).status == 403
    for method in ("GET", "PUT", "DELETE"):
        assert scene.admin(method, INDEX, DOCUMENT, token=READER).status == 403
    assert scene.admin("GET", "rls-services/global/index", token=READER).status == 403


def test_wrong_tokens_are_metered(scene: Scene) -> None:
    statuses = [with_field(scene, f"Bearer wrong-token-{number}").status for number in range(30)]
    assert statuses[0] == 401 and statuses[-1] == 429


# where nothing has to be proved, and behind a proxy


def test_where_nothing_is_proved_users_documents_are_everybodys_and_the_global_tree_is_not() -> None:
    scene = Scene(authenticates=False)
    assert scene.request("PUT", INDEX, DOCUMENT).status == 201
    assert scene.request("GET", INDEX).body == DOCUMENT
    assert scene.request("GET", "resource-lists/global/index").status == 404
    assert scene.request("PUT", "resource-lists/global/index", DOCUMENT).status == 403
    assert scene.request("GET", "rls-services/global/index").status == 403
    assert scene.admin("PUT", "resource-lists/global/index", DOCUMENT).status == 201
    assert scene.admin("PUT", INDEX, DOCUMENT, token="wrong-token-01234567").status == 401


def basic(user: str, password: str) -> str:
    return "Basic " + b64encode(f"{user}:{password}".encode()).decode()


def test_a_password_in_the_clear_counts_only_behind_a_proxy_that_spoke_tls() -> None:
    scene = Scene(proxies=["127.0.0.0/8"])

    def ask(field: str, peer: str = "127.0.0.1", **said: str) -> Answer:
        headers = {name.replace("_", "-"): value for name, value in said.items()}
        return scene.request("GET", INDEX, headers={**headers, "Authorization": field}, peer=peer)

    good = basic("bob", "builder")
    assert ask(good).status == 401 and "Basic" not in str(ask(good).all("www-authenticate"))
    assert ask(good, x_forwarded_proto="http").status == 401
    assert ask(good, peer="192.0.2.7", x_forwarded_proto="https").status == 401
    assert ask(good, x_forwarded_proto="https, http").status == 401
    assert ask(good, x_forwarded_proto="https").status == 404
    assert ask(basic(f"bob@{DOMAIN}", "builder"), x_forwarded_proto="https").status == 404
    account = make_account(BOB, "builder")
    scene.store.accounts.put(replace(account, ha1_sha256="", ha1_sha256_address=""))
    for name in ("bob", f"bob@{DOMAIN}"):
        assert ask(basic(name, "builder"), x_forwarded_proto="https").status == 404
    wrong = ask(basic("bob", "wrong"), x_forwarded_proto="https")
    assert wrong.status == 401 and wrong.all("www-authenticate")[-1].startswith(f'Basic realm="{DOMAIN}"')
    for field in ("Basic", "Basic !", basic("nobody", "builder"), "Basic " + b64encode(b"\xff").decode()):
        assert ask(field, x_forwarded_proto="https").status == 401


def test_behind_a_proxy_that_is_trusted_each_client_is_counted_by_itself() -> None:
    scene = Scene(proxies=["127.0.0.0/8", "10.0.0.0/8"])

    def ask(forwarded: str, password: str, peer: str = "127.0.0.1") -> int:
        headers = {"X-Forwarded-For": forwarded}
        return scene.ask("GET", INDEX, password=password, headers=headers, peer=peer).status

    for number in range(OF_PEER_AND_NAME):
        assert ask(f"198.51.100.{number}, 203.0.113.1", "wrong") == 401
    assert ask("198.51.100.99, 203.0.113.1", "builder") == 429
    assert ask("203.0.113.2", "builder") == 404
    assert ask("203.0.113.3, 10.1.1.1", "builder") == 404
    assert ask("nonsense", "builder") == 404
    # Somebody else who says so is not believed.
    for _ in range(OF_PEER_AND_NAME):
        assert ask("203.0.113.4", "wrong", peer="192.0.2.9") == 401
    assert ask("203.0.113.5", "builder", peer="192.0.2.9") == 429


@pytest.mark.parametrize(
    ("hashed", "is_same"),
    [
        ("/xcap/a/users/sip:b@c/index", True),
        ("/xcap/a/users/sip%3Ab%40c/index", True),
        ("http://xcap.example.org/xcap/a/users/sip:b@c/index", True),
        ("https://x/xcap/a/users/sip:b@c/index?q", False),
        ("/xcap/a/users/sip:b@c/index/", False),
        ("/xcap/a/users/sip:b@c%2Findex", False),
        ("/a/users/sip:b@c/index", False),
        ("*", False),
        ("", False),
        ("http://[", False),
    ],
)
def test_credentials_name_the_target_in_one_spelling_or_another(hashed: str, is_same: bool) -> None:
    assert is_same_target(hashed, "/xcap/a/users/sip:b@c/index") is is_same
