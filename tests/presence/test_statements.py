"""What programs and owners state: kept, bounded, heard, and ended in time."""

from dataclasses import replace

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note, Presence
from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.errors import BadDocument, BadInput, NoSuchPresentity, TooMany
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.policy import PLAIN, Handling
from sip2xmpp.presence.statements import HARD_STATE, LATEST, Saying, StatementLimits, Statements
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.presence.watching import Notification, Standing
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Account, Statement, Virtual
from tests.presence.test_agent import BOB, Ear

WEATHER = Address("weather", "sip.example.org")
LIMITS = StatementLimits(per_presentity=3, per_teller=4, virtuals=2, document=4096)


def said(text: str = "17 degrees", state: State = State.ONLINE) -> bytes:
    return pidf.write(document_of(Telling(state=state, notes=(Note(text=text),)), WEATHER.sip_uri()))


def saying(text: str = "17 degrees", state: State = State.ONLINE, **more) -> Saying:
    plain = Saying(presentity=WEATHER, source="station", document=said(text, state), told_by="token station")
    return replace(plain, **more)


class Scene:
    def __init__(self, clock: Clock, store: MemoryStore | None = None) -> None:
        self.clock = clock
        self.store = store or MemoryStore(clock)
        self.statements = Statements(
            store=self.store, clock=clock, domains=["sip.example.org"], limits=LIMITS
        )
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=lambda *_: PLAIN[Handling.ALLOW],
            exists=lambda address: self.store.virtuals.get(str(address)) is not None,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
            feeds=[self.statements],
        )
        self.store.virtuals.listen(lambda change: self.agent.existence_changed(change.record.address))

    def watch(self) -> Ear:
        ear = Ear(BOB)
        self.agent.watch(WEATHER, ear)
        self.clock.advance(0)
        return ear

    def say(self, what: Saying) -> Statement:
        made: list[Statement] = []
        self.statements.state(what).addCallback(made.append)
        self.clock.advance(0)
        self.clock.advance(0)
        return made[0]

    def document(self) -> Presence:
        return self.agent.composed(WEATHER)


def shown(notification: Notification) -> tuple[State, list[str]]:
    assert notification.document is not None
    state = state_of(notification.document)
    return state, [note.text for note in user_notes(notification.document, state)]


@pytest.fixture
def scene(clock: Clock) -> Scene:
    clock.advance(1_000_000)
    return Scene(clock)


def test_an_address_without_account_becomes_known_and_is_watched(scene: Scene) -> None:
    scene.say(saying())
    ear = scene.watch()
    assert shown(ear.heard[-1]) == (State.ONLINE, ["17 degrees"])
    scene.say(saying("18 degrees", State.CHAT))
    assert shown(ear.heard[-1]) == (State.CHAT, ["18 degrees"])


def test_its_watchers_stay_when_the_last_statement_ends(scene: Scene) -> None:
    scene.say(saying(expires_at=scene.clock.seconds() + 60))
    ear = scene.watch()
    scene.clock.advance(61)
    scene.clock.advance(0)
    scene.clock.advance(0)
    assert shown(ear.heard[-1]) == (State.OFFLINE, [])
    assert ear.heard[-1].standing is Standing.ACTIVE
    scene.say(saying("19 degrees"))
    assert shown(ear.heard[-1]) == (State.ONLINE, ["19 degrees"])


def test_what_is_withdrawn_is_told_at_once_and_said_to_have_been_there(scene: Scene) -> None:
    scene.say(saying())
    ear = scene.watch()
    told: list[bool] = []
    scene.statements.withdraw(WEATHER, "station").addCallback(told.append)
    scene.statements.withdraw(WEATHER, "station").addCallback(told.append)
    scene.clock.advance(0)
    scene.clock.advance(0)
    assert told == [True, False]
    assert shown(ear.heard[-1])[0] is State.OFFLINE


def test_to_forget_an_address_ends_its_watches(scene: Scene) -> None:
    scene.say(saying())
    ear = scene.watch()
    scene.statements.forget(WEATHER)
    scene.clock.advance(0)
    assert ear.heard[-1].standing is Standing.TERMINATED
    assert not scene.statements.of(WEATHER)


def test_an_account_needs_no_second_existence(scene: Scene) -> None:
    scene.store.accounts.put(Account(address=WEATHER, realm="sip.example.org", ha1_md5="", ha1_sha256=""))
    scene.say(saying())
    assert len(scene.store.virtuals) == 0


def test_who_gets_an_account_is_virtual_no_more_also_while_nobody_looked(scene: Scene) -> None:
    scene.say(saying())
    account = Account(address=WEATHER, realm="sip.example.org", ha1_md5="", ha1_sha256="")
    scene.store.accounts.put(account)
    assert len(scene.store.virtuals) == 0 and len(scene.statements.of(WEATHER)) == 1
    scene.store.virtuals.put(Virtual(address=WEATHER, since=0.0))
    Scene(scene.clock, scene.store)
    assert len(scene.store.virtuals) == 0


def test_what_was_stated_of_an_account_goes_with_it(scene: Scene) -> None:
    account = Account(address=WEATHER, realm="sip.example.org", ha1_md5="", ha1_sha256="")
    scene.store.accounts.put(account)
    scene.say(saying("On holiday", State.XA, rank=Rank.PERMANENT))
    scene.store.accounts.remove(account.key)
    assert not scene.statements.of(WEATHER)
    scene.store.accounts.put(account)
    held = scene.say(saying("On holiday", State.XA, rank=Rank.PERMANENT))
    scene.store.accounts.remove(account.key)
    scene.store.statements.put(held)
    assert not Scene(scene.clock, scene.store).statements.of(WEATHER)


def test_what_is_to_begin_later_begins_then(scene: Scene) -> None:
    now = scene.clock.seconds()
    scene.say(saying("On holiday", State.XA, begins_at=now + 100, expires_at=now + 200))
    ear = scene.watch()
    assert shown(ear.heard[-1])[0] is State.OFFLINE
    scene.clock.pump([50, 49.5])
    assert len(ear.heard) == 1
    scene.clock.pump([1, 0, 0])
    assert shown(ear.heard[-1]) == (State.XA, ["On holiday"])
    scene.clock.pump([100, 0, 0])
    assert shown(ear.heard[-1])[0] is State.OFFLINE


def test_what_was_to_begin_begins_also_after_a_restart(scene: Scene) -> None:
    now = scene.clock.seconds()
    scene.say(saying("On holiday", State.XA, begins_at=now + 100))
    again = Scene(scene.clock, scene.store)
    ear = again.watch()
    scene.clock.pump([101, 0, 0])
    assert shown(ear.heard[-1])[0] is State.XA


def test_what_begins_is_newer_than_what_was_said_before_it_began(scene: Scene) -> None:
    now = scene.clock.seconds()
    meeting = saying("Meeting", State.BUSY, begins_at=now + 100, expires_at=now + 900)
    scene.say(meeting)
    scene.clock.advance(50)
    scene.say(saying("Come in", State.CHAT, source="door"))
    ear = scene.watch()
    assert shown(ear.heard[-1])[0] is State.CHAT
    scene.clock.pump([51, 0, 0])
    assert shown(ear.heard[-1])[0] is State.BUSY
    scene.say(replace(meeting, begins_at=0.0, expires_at=now + 1000))
    assert scene.statements.of(WEATHER)[0].changed_at == now + 100
    scene.clock.advance(10)
    scene.say(saying("Come in again", State.CHAT, source="door"))
    assert shown(ear.heard[-1])[0] is State.CHAT


def test_what_is_let_begin_at_once_is_new(scene: Scene) -> None:
    now = scene.clock.seconds()
    meeting = saying("Meeting", State.BUSY, begins_at=now + 100)
    scene.say(meeting)
    scene.clock.advance(50)
    assert scene.say(replace(meeting, begins_at=0.0)).changed_at == now + 50


def test_the_same_again_is_prolonged_and_nobody_hears_of_it(scene: Scene) -> None:
    now = scene.clock.seconds()
    first = scene.say(saying(expires_at=now + 100))
    ear = scene.watch()
    scene.clock.advance(50)
    again = scene.say(saying(expires_at=now + 150))
    assert (again.changed_at, again.expires_at) == (first.changed_at, now + 150)
    scene.clock.pump([60, 0, 0])
    assert len(ear.heard) == 1


def test_windows_inside_a_document_open_and_close_by_themselves(scene: Scene) -> None:
    now = scene.clock.seconds()
    begin, end = (write_time(from_unix(now + after)) for after in (80, 200))
    window = f'<rpid:activities from="{begin}" until="{end}">'.encode()
    octets = said("At lunch", State.AWAY).replace(b"<rpid:activities>", window)
    octets = octets.replace(b"<agp-pidf:extended>away</agp-pidf:extended>", b"").replace(
        b'<show xmlns="jabber:client">away</show>', b""
    )
    scene.say(saying(document=octets))
    ear = scene.watch()
    assert shown(ear.heard[-1])[0] is State.ONLINE
    scene.clock.pump([81, 0, 0, 0, 0])
    assert shown(ear.heard[-1])[0] is State.AWAY
    scene.clock.pump([120, 0, 0, 0, 0])
    assert shown(ear.heard[-1])[0] is State.ONLINE


def away_between(begin: float, end: float, service: bytes = b"") -> bytes:
    window = [write_time(from_unix(at)).encode() for at in (begin, end)]
    return (
        b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
        b' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:weather@sip.example.org">%s<dm:person id="p">'
        b'<r:activities from="%s" until="%s"><r:away/></r:activities></dm:person></presence>'
    ) % (service, *window)


def test_a_window_of_somebody_who_says_nothing_else_opens_too(scene: Scene) -> None:
    now = scene.clock.seconds()
    scene.say(saying(document=away_between(now + 80, now + 200)))
    ear = scene.watch()
    assert shown(ear.heard[-1])[0] is State.UNKNOWN
    scene.clock.pump([81, 0, 0, 0, 0])
    assert shown(ear.heard[-1])[0] is State.AWAY
    scene.clock.pump([120, 0, 0, 0, 0])
    assert shown(ear.heard[-1])[0] is State.UNKNOWN


def test_a_window_that_changes_nothing_is_no_news(scene: Scene) -> None:
    now = scene.clock.seconds()
    scene.store.virtuals.put(Virtual(address=WEATHER, since=now))
    ear = scene.watch()
    closed = b'<tuple id="t"><status><basic>closed</basic></status></tuple>'
    scene.say(saying(document=away_between(now + 80, now + 200, closed)))
    scene.clock.pump([81, 0, 0, 0, 0])
    scene.clock.pump([120, 0, 0, 0, 0])
    assert len(ear.heard) == 1


@pytest.mark.parametrize(
    ("wrong", "error"),
    [
        ({"presentity": Address("weather", "elsewhere.example")}, NoSuchPresentity),
        ({"presentity": Address("", "sip.example.org")}, NoSuchPresentity),
        ({"source": ""}, BadInput),
        ({"source": "two words"}, BadInput),
        ({"source": "x" * 65}, BadInput),
        ({"source": "a\nb"}, BadInput),
        ({"rank": Rank.PUBLISHED}, BadInput),
        ({"rank": 7}, BadInput),
        ({"expires_at": 999_999.0}, BadInput),
        ({"begins_at": 2e6, "expires_at": 1.5e6}, BadInput),
        ({"begins_at": LATEST, "expires_at": LATEST + 3600}, BadInput),
        ({"document": b"<presence"}, BadDocument),
        ({"document": b"<html/>"}, BadDocument),
        ({"document": b"<!DOCTYPE presence [<!ENTITY a 'b'>]><presence>&a;</presence>"}, BadDocument),
        ({"document": b"<presence>" + b" " * 5000 + b"</presence>"}, BadDocument),
    ],
)
def test_what_makes_no_sense_is_refused_and_leaves_nothing_behind(scene: Scene, wrong, error) -> None:
    with pytest.raises(error):
        scene.statements.state(saying(**wrong))
    assert len(scene.store.statements) == len(scene.store.virtuals) == 0


def test_statements_are_bounded_for_each_presentity_and_each_teller(scene: Scene) -> None:
    for number in range(3):
        scene.say(saying(source=f"s{number}"))
    with pytest.raises(TooMany, match="3 sources"):
        scene.statements.state(saying(source="one-more"))
    scene.say(saying("in the place of another", source="s1"))
    news = Address("news", "sip.example.org")
    scene.say(saying(presentity=news))
    with pytest.raises(TooMany, match="has made 4"):
        scene.statements.state(saying(presentity=news, source="another"))
    scene.statements.withdraw(WEATHER, "s0")
    scene.say(saying(presentity=news, source="another"))
    with pytest.raises(TooMany, match="without account"):
        scene.statements.state(saying(presentity=Address("third", "sip.example.org"), told_by="other"))


def test_a_row_that_cannot_be_read_is_left_out(scene: Scene) -> None:
    held = scene.say(saying())
    scene.store.statements.put(replace(held, document=b"<presence"))
    assert state_of(scene.document()) is State.OFFLINE


def test_the_name_of_what_users_keep_by_xcap_is_not_free(scene: Scene) -> None:
    with pytest.raises(BadInput, match="keep by XCAP"):
        scene.statements.state(saying(source=HARD_STATE, rank=Rank.PERMANENT))
    assert not scene.statements.of(WEATHER)
