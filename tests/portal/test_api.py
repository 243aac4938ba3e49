"""The HTTP API, as programs use it and as strangers try to."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.error import ConnectionLost
from twisted.internet.task import Clock
from twisted.internet.testing import StringTransport
from twisted.logger import capturedLogs
from twisted.python.failure import Failure

from sip2xmpp.documents import pidf
from sip2xmpp.errors import StorageFailed
from sip2xmpp.portal.site import CONNECTIONS
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.states import State
from sip2xmpp.presence.telling import Telling, document_of
from tests.portal.scene import (
    ADMIN,
    BOB,
    PERMANENT_PATH,
    READER,
    STATION,
    WEATHER,
    WEATHER_PATH,
    Answer,
    Scene,
)
from tests.presence.test_agent import ROMEO, Ear

WATCHERS = "/api/v1/watchers/bob@sip.example.org"


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_seventeen_degrees_are_stated_read_and_withdrawn(scene: Scene) -> None:
    said = {
        "state": "chat",
        "note": {"en": "17 degrees", "de": "17 Grad"},
        "activities": ["working", "Measuring"],
        "mood": "calm",
        "place": "outdoors",
        "priority": 0.5,
        "lifetime": 600,
    }
    made = scene.ask("POST", WEATHER_PATH, said)
    assert made.status == 200 and made.headers["content-type"] == "application/json"
    assert made.json["source"] == "station" and made.json["expires_in"] == 600
    read = scene.ask("GET", WEATHER_PATH, token=READER).json
    (source,) = read["sources"]
    assert source["rank"] == "injected" and source["told_by"] == "token station" and source["age"] == 0
    assert source["note"] == read["composed"]["note"] == {"en": "17 degrees", "de": "17 Grad"}
    assert source["moods"] == ["calm"] and source["places"] == ["outdoors"]
    assert source["activities"] == ["working", "Measuring"]
    assert read["composed"]["state"] == "chat" and "17 degrees" in read["composed"]["document"]
    gone = scene.ask("DELETE", WEATHER_PATH)
    assert gone.status == 204 and not gone.body
    assert scene.ask("GET", WEATHER_PATH, token=READER).json["composed"]["state"] == "offline"
    assert scene.ask("DELETE", WEATHER_PATH).status == 404


def test_what_is_read_can_be_stated_again(scene: Scene) -> None:
    scene.ask("POST", WEATHER_PATH, {"state": "away", "note": "17 degrees"})
    (source,) = scene.ask("GET", WEATHER_PATH, token=READER).json["sources"]
    assert source["note"] == {"": "17 degrees"}
    again = {"state": source["state"], "note": source["note"], "activities": source["activities"]}
    before = scene.statements.of(WEATHER)[0].document
    assert scene.ask("POST", WEATHER_PATH, again).status == 200
    assert scene.statements.of(WEATHER)[0].document == before


def test_raw_pidf_is_taken_as_it_is_with_the_rest_in_the_query(scene: Scene) -> None:
    document = pidf.write(document_of(Telling(state=State.AWAY), WEATHER.sip_uri()))
    path = f"{WEATHER_PATH}?source=roof&lifetime=60&precedence=always"
    made = scene.ask("POST", path, document, media="application/pidf+xml; charset=UTF-8")
    assert made.status == 200
    (held,) = scene.statements.of(WEATHER)
    assert (held.document, held.source, held.rank) == (document, "roof", Rank.OVERRIDE)
    assert scene.ask("POST", WEATHER_PATH, b"<presence", media="application/pidf+xml").status == 422
    bomb = b"<!DOCTYPE a [<!ENTITY b 'c'>]><presence>&b;</presence>"
    assert scene.ask("POST", WEATHER_PATH, bomb, media="application/pidf+xml").status == 422


def test_it_is_answered_when_it_is_on_the_disk_and_not_before(scene: Scene) -> None:
    scene.store.slow = True
    body = b'{"note": "17 degrees"}'
    head = (
        f"POST {WEATHER_PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {STATION}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    transport = scene.send(head.encode() + body)
    assert not transport.value()
    for told in scene.store.untold:
        told(None)
    assert b"200 OK" in transport.value()
    transport = scene.send(head.encode() + body)
    with capturedLogs() as logs:
        for told in scene.store.untold[1:]:
            told(StorageFailed("the disk is full"))
    # The change is in force, and so there is a line of it in the log.
    assert [one["what"] for one in logs if "what" in one] == ["a change is in force and not stored yet"]
    assert b"503 " in transport.value() and b"Retry-After" in transport.value()


def test_who_hung_up_before_the_answer_breaks_nothing(scene: Scene) -> None:
    scene.store.slow = True
    protocol = scene.site.buildProtocol(None)
    transport = StringTransport()
    protocol.makeConnection(transport)
    protocol.dataReceived(
        f"DELETE {WEATHER_PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {STATION}\r\n\r\n".encode()
    )
    protocol.connectionLost(Failure(ConnectionLost()))
    for told in scene.store.untold:
        told(None)
    assert not transport.value()


def test_a_permanent_statement_has_a_begin_an_end_and_a_source_of_its_own(scene: Scene) -> None:
    scene.clock.advance(1_800_000_000 - scene.clock.seconds())
    assert scene.ask("POST", WEATHER_PATH, {"note": "17 degrees"}).status == 200
    made = scene.ask(
        "PUT",
        PERMANENT_PATH,
        {
            "state": "xa",
            "note": "Closed in winter",
            "from": "2027-12-01T00:00:00Z",
            "until": "2028-03-01T00:00:00+01:00",
        },
    )
    assert made.status == 200
    assert (
        made.json["begins_at"] == "2027-12-01T00:00:00Z" and made.json["expires_at"] == "2028-02-29T23:00:00Z"
    )
    (held,) = scene.ask("GET", PERMANENT_PATH, token=READER).json
    assert held["source"] == "station.permanent" and held["rank"] == "permanent" and held["state"] == "xa"
    assert len(scene.ask("GET", WEATHER_PATH, token=READER).json["sources"]) == 1
    assert scene.ask("DELETE", PERMANENT_PATH).status == 204
    assert scene.ask("GET", PERMANENT_PATH, token=READER).json == []
    endless = scene.ask("PUT", PERMANENT_PATH, {"state": "xa", "precedence": "always"}).json
    assert endless["expires_at"] is None and endless["rank"] == "override"


def test_a_row_that_cannot_be_read_does_not_hide_the_others(scene: Scene) -> None:
    scene.ask("PUT", PERMANENT_PATH, {"state": "xa"}, token=ADMIN)
    (held,) = scene.statements.of(WEATHER)
    scene.store.statements.put(replace(held, source="other", document=b"<presence"))
    told = scene.ask("GET", PERMANENT_PATH, token=ADMIN)
    assert [(one["source"], one["state"]) for one in told.json] == [
        ("admin.permanent", "xa"),
        ("other", "unknown"),
    ]


def test_every_fault_is_told_at_once_with_its_place(scene: Scene) -> None:
    answer = scene.ask(
        "POST",
        f"{WEATHER_PATH}",
        {
            "state": "awya",
            "note": {"en": "", "no language!": "x"},
            "activities": ["meeting", 7, ""],
            "priority": 2,
            "lifetime": 1.5,
            "until": "tomorrow",
            "colour": "red",
        },
    )
    assert answer.status == 400 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json["title"] == "Bad Request" and answer.json["status"] == 400
    assert sorted(answer.pointers) == [
        "#/activities/1",
        "#/activities/2",
        "#/colour",
        "#/lifetime",
        "#/note/no language!",
        "#/priority",
        "#/state",
        "#/until",
    ]
    answer = scene.ask("POST", f"{WEATHER_PATH}?lifetime=x&source=a%20b&colour=red&from=now", {})
    assert sorted(answer.pointers) == ["?colour", "?from", "?lifetime", "?source"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"[]", b"7", b"null", b'{"note": "a", "note": "b"}', b'{"priority": NaN}', b"\xff",
     b"[" * 60_000, b'{"a":' * 10_000, b'{"priority": 1' + b"0" * 5000 + b"}",
     b'{"lifetime": true}', b'{"lifetime": 1e999}'],
)  # fmt: skip
def test_what_is_no_such_json_is_a_problem_and_nothing_worse(scene: Scene, body: bytes) -> None:
    answer = scene.ask("POST", WEATHER_PATH, body)
    assert answer.status == 400
    assert answer.json["status"] == 400
    assert not scene.statements.of(WEATHER)


@given(st.binary(max_size=200), st.sampled_from(["application/json", "application/pidf+xml"]))
def test_whatever_octets_come_the_answer_is_one_of_those_described(body: bytes, media: str) -> None:
    answer = Scene(Clock()).ask("POST", WEATHER_PATH, body, media=media)
    assert answer.status in {200, 400, 422}


def test_what_makes_no_sense_is_told_apart_from_what_is_malformed(scene: Scene) -> None:
    scene.clock.advance(1_800_000_000 - scene.clock.seconds())
    past = scene.ask("POST", WEATHER_PATH, {"until": "2001-01-01T00:00:00Z"})
    for blank in ("  ", "\u0000", "\ud800"):
        answer = scene.ask("POST", WEATHER_PATH, {"note": {"en": blank}})
        assert answer.status == 422 and answer.pointers == ["#/note/en"]
    assert past.status == 422 and past.pointers == ["#/until"]


@pytest.mark.parametrize("method", ["PUT", "PATCH", "OPTIONS", "TRACE", "BREW"])
def test_other_methods_are_told_which_there_are(scene: Scene, method: str) -> None:
    answer = scene.ask(method, WEATHER_PATH)
    assert answer.status == 405 and answer.headers["allow"] == "DELETE, GET, HEAD, POST"


def test_head_is_get_without_the_body(scene: Scene) -> None:
    answer = scene.ask("HEAD", WEATHER_PATH, token=READER)
    assert answer.status == 200 and not answer.body


@pytest.mark.parametrize(
    "path",
    ["/api", "/api/", "/api/v2/presence/weather@sip.example.org", "/api/v1/presence/", "/api/v1/presence/weather",
     "/api/v1/presence/weather@elsewhere.example", "/api/v1/presence/@sip.example.org", "/api/v1/presence/sip.example.org",
     "/api/v1/presence/%ff@sip.example.org", "/api/v1/presence/a@sip.example.org/b@c.example", "/api/v1/presence/" + "x" * 2000],
)  # fmt: skip
def test_what_is_not_there_is_a_problem_document(scene: Scene, path: str) -> None:
    answer = scene.ask("POST", path, {}, token=ADMIN)
    assert answer.status in {404, 405} and answer.headers["content-type"] == "application/problem+json"


def test_other_media_types_and_charsets_are_refused(scene: Scene) -> None:
    for media in ("text/plain", "application/x-www-form-urlencoded", "application/json; charset=utf-16", ""):
        answer = scene.ask("POST", WEATHER_PATH, b"{}", media=media)
        assert answer.status == 415 and "application/json" in answer.headers["accept"]


def test_a_body_too_large_or_without_length_is_refused_and_dropped(scene: Scene) -> None:
    assert scene.ask("POST", WEATHER_PATH, b" " * 65_536).status == 413
    head = (
        f"POST {WEATHER_PATH} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {STATION}\r\n"
        "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
    )
    assert Answer(scene.send(head.encode() + b"2\r\n{}\r\n0\r\n\r\n").value()).status == 411
    assert not scene.statements.of(WEATHER)


def test_a_stream_without_end_is_cut(scene: Scene) -> None:
    head = f"POST {WEATHER_PATH} HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999\r\n\r\n".encode()
    transport = scene.send(head + b" " * 1_200_000)
    assert transport.disconnected or transport.disconnecting or transport.aborting


def test_without_a_known_token_nothing_is_done(scene: Scene) -> None:
    nobody = scene.ask("POST", WEATHER_PATH, {}, token=None)
    assert nobody.status == 401 and nobody.headers["www-authenticate"].startswith("Bearer")
    stranger = scene.ask("POST", WEATHER_PATH, {}, token="not-a-token-0123456789")
    assert stranger.status == 401 and "invalid_token" in stranger.headers["www-authenticate"]
    assert (
        scene.ask("POST", WEATHER_PATH, {}, token=None, headers={"Authorization": "Basic eDp5"}).status == 401
    )
    assert (
        scene.ask("POST", WEATHER_PATH, {}, token=None, headers={"Authorization": f"bearer {STATION}"}).status
        == 200
    )


@pytest.mark.parametrize(
    ("field", "status"), [(b"Authorization: Bearer \xff\xfe", 401), (b"Content-Type: \xff", 415)]
)
def test_octets_that_are_no_text_are_no_fault_of_the_gateway(scene: Scene, field: bytes, status: int) -> None:
    known = b"" if b"Auth" in field else f"Authorization: Bearer {STATION}\r\n".encode()
    head = f"POST {WEATHER_PATH} HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n".encode()
    answer = Answer(scene.send(head + known + field + b"\r\n\r\n{}").value())
    assert (answer.status, answer.json["status"]) == (status, status)


def test_a_token_is_for_its_addresses_and_rights_alone(scene: Scene) -> None:
    assert scene.ask("POST", "/api/v1/presence/bob@sip.example.org", {}).status == 403
    assert scene.ask("GET", WEATHER_PATH).status == 403
    assert scene.ask("POST", WEATHER_PATH, {}, token=READER).status == 403
    assert scene.ask("GET", WATCHERS, token=READER).status == 403


def test_a_token_touches_only_its_own_sources(scene: Scene) -> None:
    assert scene.ask("POST", WEATHER_PATH, {"source": "thermometer"}).status == 200
    assert scene.ask("POST", WEATHER_PATH, {"source": "thermometer", "note": "no"}, token=ADMIN).status == 403
    assert scene.ask("DELETE", f"{WEATHER_PATH}?source=thermometer", token=ADMIN).status == 403
    assert scene.ask("DELETE", WEATHER_PATH, {"source": "thermometer"}, token=ADMIN).status == 403
    assert scene.ask("PUT", PERMANENT_PATH, {"source": "pidf-manipulation"}).status == 403
    assert scene.ask("DELETE", WEATHER_PATH, {"source": "thermometer"}).status == 204


def test_there_is_room_for_so_many_sources(scene: Scene) -> None:
    for number in range(5):
        assert scene.ask("POST", WEATHER_PATH, {"source": f"s{number}"}).status == 200
    assert scene.ask("POST", WEATHER_PATH, {"source": "one-more"}).status == 409


def test_a_busy_token_is_told_when_to_come_back(clock: Clock) -> None:
    scene = Scene(clock, requests=3)
    for _ in range(3):
        assert scene.ask("POST", WEATHER_PATH, {}).status == 200
    busy = scene.ask("POST", WEATHER_PATH, {})
    assert busy.status == 429 and busy.headers["retry-after"] == "20"
    assert scene.ask("GET", WEATHER_PATH, token=READER).status == 200
    clock.advance(20)
    assert scene.ask("POST", WEATHER_PATH, {}).status == 200
    assert scene.ask("POST", WEATHER_PATH, {}).status == 429


def test_who_tries_many_tokens_is_slowed_down_and_nobody_else(scene: Scene) -> None:
    tries = [scene.ask("GET", WEATHER_PATH, token=f"guess-{number:020}").status for number in range(25)]
    assert tries == [401] * 20 + [429] * 5
    assert scene.ask("GET", WEATHER_PATH, token="guess-from-elsewhere", peer="192.0.2.8").status == 401
    assert scene.ask("GET", WEATHER_PATH, token=READER).status == 200


def test_changes_are_logged_with_who_and_whence_and_never_the_token(scene: Scene) -> None:
    with capturedLogs() as logs:
        scene.ask("POST", WEATHER_PATH, {"note": "secret text"})
        scene.ask("DELETE", WEATHER_PATH)
        scene.ask("GET", WEATHER_PATH, token=READER)
    changes = [entry for entry in logs if entry.get("by") == "API"]
    expected = [
        ("token station", "192.0.2.7", "weather@sip.example.org", "station states"),
        ("token station", "192.0.2.7", "weather@sip.example.org", "station is withdrawn"),
    ]
    assert [(one["who"], one["peer"], one["about"], one["what"]) for one in changes] == expected
    kept = [(deed.who, deed.peer, deed.about, deed.what) for deed in scene.store.deeds.all()]
    assert kept == expected
    with capturedLogs() as refusals:
        scene.ask("POST", WEATHER_PATH, {}, token="guessed-by-somebody-else")
        scene.ask("POST", WEATHER_PATH, {}, token=READER)
        scene.ask("POST", WEATHER_PATH, {}, token=None)
    said = [(one["peer"], one["why"]) for one in refusals if "why" in one]
    assert said == [
        ("192.0.2.7", "this token is not known"),
        ("192.0.2.7", "the token reader has no right to publish"),
    ]
    assert "guessed-by-somebody-else" not in str(refusals)
    assert STATION not in str(logs) and "secret text" not in str(logs)


def test_watchers_are_listed_decided_about_and_forgotten(scene: Scene) -> None:
    ear = Ear(ROMEO)
    scene.agent.watch(BOB, ear)
    scene.clock.advance(0)
    (row,) = scene.ask("GET", WATCHERS, token=ADMIN).json
    assert row["watcher"] == str(ROMEO) and row["status"] == "pending" and row["handling"] == "confirm"
    decided = scene.ask("PUT", f"{WATCHERS}/{ROMEO}", {"handling": "allow"}, token=ADMIN)
    assert decided.status == 200 and decided.json["handling"] == "allow"
    scene.clock.advance(0)
    assert ear.heard[-1].document is not None
    (row,) = scene.ask("GET", WATCHERS, token=ADMIN).json
    assert row["status"] == "active" and row["decided_at"] is not None
    assert scene.ask("PUT", f"{WATCHERS}/a@b.example", {"handling": "block"}, token=ADMIN).status == 200
    assert [row["status"] for row in scene.ask("GET", WATCHERS, token=ADMIN).json] == ["active", "absent"]
    assert scene.ask("DELETE", f"{WATCHERS}/{ROMEO}", token=ADMIN).status == 204
    assert scene.ask("DELETE", f"{WATCHERS}/{ROMEO}", token=ADMIN).status == 404
    assert scene.ask("PUT", f"{WATCHERS}/{ROMEO}", {"handling": "maybe"}, token=ADMIN).pointers == [
        "#/handling"
    ]
    assert scene.ask("PUT", f"{WATCHERS}/{ROMEO}", {}, token=ADMIN).pointers == ["#/handling"]
    assert scene.ask("GET", "/api/v1/watchers/nobody@sip.example.org", token=ADMIN).status == 404


def test_the_description_is_there_for_everybody_and_names_what_is_served(scene: Scene) -> None:
    answer = scene.ask("GET", "/api/v1/openapi.json", token=None)
    assert answer.status == 200
    described = answer.json
    assert described["openapi"] == "3.1.0"
    served = {(operation.method.lower(), operation.path) for _, operation in scene.api._operations}
    assert {(method, path) for path, methods in described["paths"].items() for method in methods} == served
    assert scene.ask("POST", "/api/v1/openapi.json", {}).status == 405


def test_no_browser_is_invited(scene: Scene) -> None:
    answer = scene.ask("POST", WEATHER_PATH, {}, headers={"Origin": "https://evil.example"})
    assert not {name for name in answer.headers if name.startswith("access-control") or name == "set-cookie"}
    assert answer.headers["cache-control"] == "no-store"


def test_so_many_connections_are_open_and_no_more(scene: Scene) -> None:
    scene.site.connections = CONNECTIONS - 1
    last = scene.site.buildProtocol(None)
    last.makeConnection(StringTransport())
    assert scene.site.buildProtocol(None) is None
    last.connectionLost(Failure(ConnectionLost()))
    assert scene.site.buildProtocol(None) is not None


def test_times_are_those_of_rfc_3339(scene: Scene) -> None:
    scene.clock.advance(1_800_000_000 - scene.clock.seconds())
    for until in ("2027-06-30T23:59:60Z", "2027-06-30t23:59:59.5+02:00"):
        assert scene.ask("POST", WEATHER_PATH, {"until": until}).status == 200
    for until in (
        "2027-06-30",
        "2027-06-30 23:59:59Z",
        "2027-06-30T23:59:59",
        "2027-13-30T23:59:59Z",
        1_900_000_000,
    ):
        assert scene.ask("POST", WEATHER_PATH, {"until": until}).pointers == ["#/until"]
