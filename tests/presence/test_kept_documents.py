"""What users keep on the XCAP server about themselves, heard as one more source."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Note, Presence
from sip2xmpp.documents.times import from_unix, write_time
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.kept_documents import MOST, KeptDocuments
from sip2xmpp.presence.policy import PLAIN, Handling
from sip2xmpp.presence.statements import HARD_STATE, Saying, Statements
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.presence.telling import Telling, document_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.store.documents import GLOBAL, Document, document_key
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Publication
from tests.presence.test_agent import ALICE, BOB, Ear

HOLIDAY = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
    b'xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="%b"><dm:person id="p">'
    b"<r:activities%b><r:vacation/></r:activities><dm:note>On holiday</dm:note></dm:person></presence>"
)


def holiday(entity: bytes = b"sip:alice@sip.example.org", span: bytes = b"") -> bytes:
    return HOLIDAY % (entity, span)


def said(text: str, state: State = State.DND) -> bytes:
    return pidf.write(document_of(Telling(state=state, notes=(Note(text=text),)), ALICE.sip_uri()))


class Scene:
    def __init__(self, clock: Clock, store: MemoryStore | None = None) -> None:
        self.clock = clock
        self.store = store or MemoryStore(clock)
        self.statements = Statements(store=self.store, clock=clock, domains=["sip.example.org"])
        self.agent = PresenceAgent(
            store=self.store,
            clock=clock,
            judge=lambda *_: PLAIN[Handling.ALLOW],
            exists=lambda _: True,
            parse=lambda publication: pidf.read(publication.document, now=clock.seconds()),
            feeds=[self.statements, KeptDocuments(self.store.documents, clock)],
        )

    def keep(
        self, octets: bytes, name: str = "index", owner: str = str(ALICE), auid: str = HARD_STATE
    ) -> None:
        self.clock.advance(1)
        self.store.documents.put(
            Document(
                auid=auid,
                owner=owner,
                name=name,
                octets=octets,
                etag=str(self.clock.seconds()),
                changed_at=self.clock.seconds(),
            )
        )
        self.clock.advance(0)

    def delete(self, name: str = "index") -> None:
        self.store.documents.remove(document_key(HARD_STATE, str(ALICE), name))
        self.clock.advance(0)

    def publish(self, octets: bytes) -> None:
        self.store.publications.put(
            Publication(
                presentity=ALICE,
                package="presence",
                etag="e",
                source="phone",
                user_agent="Phone/1.0",
                document=octets,
                content_type="application/pidf+xml",
                published_at=self.clock.seconds(),
                expires_at=self.clock.seconds() + 600,
            )
        )
        self.clock.advance(0)

    def watch(self) -> Ear:
        ear = Ear(BOB)
        self.agent.watch(ALICE, ear)
        self.clock.advance(0)
        return ear

    @property
    def shown(self) -> tuple[State, list[str]]:
        return meaning(self.agent.composed(ALICE))


def meaning(document: Presence | None) -> tuple[State, list[str]]:
    assert document is not None
    state = state_of(document)
    return state, [note.text for note in user_notes(document, state)]


@pytest.fixture
def scene(clock: Clock) -> Scene:
    clock.advance(1_000_000)
    return Scene(clock)


def test_a_document_is_shown_at_once_changes_at_once_and_goes_at_once(scene: Scene) -> None:
    ear = scene.watch()
    nothing = scene.shown
    scene.keep(holiday())
    assert meaning(ear.heard[-1].document) == (State.XA, ["On holiday"])
    scene.keep(said("Ask Bob"))
    assert meaning(ear.heard[-1].document) == (State.DND, ["Ask Bob"])
    scene.delete()
    assert meaning(ear.heard[-1].document) == nothing and len(ear.heard) == 4


def test_whatever_the_document_is_called_it_is_heard(scene: Scene) -> None:
    scene.keep(holiday(), name="oma/presence.xml")
    assert scene.shown == (State.XA, ["On holiday"])


def test_what_a_client_publishes_goes_before(scene: Scene) -> None:
    scene.keep(holiday())
    scene.publish(said("Busy", State.BUSY))
    assert scene.shown[0] is State.BUSY


def test_whose_presence_it_is_follows_from_whose_tree_it_is_in(scene: Scene) -> None:
    scene.keep(holiday(b"sip:bob@sip.example.org"))
    assert scene.shown[0] is State.XA
    assert scene.agent.composed(ALICE).entity == ALICE.sip_uri()
    assert state_of(scene.agent.composed(BOB)) is State.OFFLINE


def test_it_is_what_the_owner_says(scene: Scene) -> None:
    scene.keep(holiday())
    (source,) = scene.agent.sources(ALICE)
    assert (source.id, source.rank, source.by_owner) == ("pidf-manipulation index", Rank.PERMANENT, True)


def test_of_a_document_and_a_statement_the_one_made_last_speaks_and_both_stay(scene: Scene) -> None:
    saying = Saying(
        presentity=ALICE,
        source="permanent",
        document=said("By command"),
        rank=Rank.PERMANENT,
        told_by="command",
    )
    scene.keep(holiday())
    scene.clock.advance(1)
    scene.statements.state(saying)
    assert scene.shown == (State.DND, ["By command"])
    scene.keep(holiday(span=b" "))
    assert scene.shown[0] is State.XA
    scene.delete()
    assert scene.shown == (State.DND, ["By command"])


def test_a_document_that_says_something_about_a_span_of_time_is_heard_within_it(scene: Scene) -> None:
    ear = scene.watch()
    begin, end = (write_time(from_unix(scene.clock.seconds() + later)) for later in (600, 3600))
    scene.keep(holiday(span=f' from="{begin}" until="{end}"'.encode()))
    assert scene.shown[0] is not State.XA
    scene.clock.pump([60.0] * 30)
    assert meaning(ear.heard[-1].document)[0] is State.XA
    scene.clock.pump([60.0] * 60)
    assert meaning(ear.heard[-1].document)[0] is not State.XA


def test_what_cannot_be_read_is_absent_and_logged_once(scene: Scene) -> None:
    logged: list[dict[str, Any]] = []
    globalLogPublisher.addObserver(logged.append)
    try:
        scene.keep(b"<presence")
        for _ in range(3):
            assert scene.shown[0] is State.OFFLINE
        assert len([event for event in logged if "cannot be read" in event["log_format"]]) == 1
    finally:
        globalLogPublisher.removeObserver(logged.append)
    scene.keep(holiday())
    assert scene.shown[0] is State.XA


def test_other_usages_other_people_and_the_global_tree_say_nothing(scene: Scene) -> None:
    ear = scene.watch()
    scene.keep(holiday(), auid="resource-lists")
    scene.keep(holiday(), owner=str(BOB))
    scene.keep(holiday(), owner=GLOBAL)
    assert len(ear.heard) == 1 and scene.shown[0] is State.OFFLINE


def test_many_documents_are_not_all_heard(scene: Scene) -> None:
    for number in range(MOST + 5):
        scene.keep(said(f"Number {number}"), name=f"n{number}")
    assert len(scene.agent.sources(ALICE)) == MOST


def test_it_holds_after_a_restart(scene: Scene) -> None:
    scene.keep(holiday())
    assert Scene(scene.clock, scene.store).shown == (State.XA, ["On holiday"])


@given(st.binary(max_size=300) | st.sampled_from([b"<presence/>", b"<a/>", b"<!DOCTYPE a><presence/>"]))
def test_whatever_is_kept_does_no_harm(octets: bytes) -> None:
    scene = Scene(Clock())
    scene.keep(octets)
    assert state_of(scene.agent.composed(ALICE)) in State
