"""What phones said is kept as they said it, and forgotten with their registration."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents.dialog_info import CALLS, Call, CallState, DialogInfo
from sip2xmpp.documents.presence import Presence
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.observed import ObservedCalls, ObservedSources
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding, Publication

BOB = Address("bob", "sip.example.org")
OPEN = (
    b'<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="sip:bob@sip.example.org"><tuple id="t"><status>'
    b"<basic>open</basic></status></tuple></presence>"
)


def binding(contact: str = "sip:bob@192.0.2.9", **more: Any) -> Binding:
    values: dict[str, Any] = {
        "aor": BOB, "contact": contact, "params": "", "q": 1.0, "call_id": "c", "cseq": 1, "path": (), "flow": "",
        "user_agent": "phone", "instance": "", "reg_id": 0, "registered_at": 0.0, "expires_at": 2e9,
        "source": "socket=1",
    }  # fmt: skip
    return Binding(**values | more)


def publication(source: str) -> Publication:
    return Publication(
        presentity=BOB, package="presence", etag="e", source=source, content_type="", document=OPEN, user_agent="",
        published_at=0.0, expires_at=2e9,
    )  # fmt: skip


class Scene:
    def __init__(self) -> None:
        self.clock: Any = Clock()
        self.clock.rightNow = 1_800_000_000.0
        self.store = MemoryStore(self.clock)
        self.changed: list[Address] = []
        self.again: list[str] = []
        self.calls: dict[str, DialogInfo] = {}

    def sources(self) -> ObservedSources:
        made = ObservedSources(self.store, self.clock)
        made.listen(self.changed.append)
        return made

    def told(self) -> ObservedCalls:
        def observed(whose: Address, key: str, document: DialogInfo | None) -> None:
            if document is None:
                self.calls.pop(key, None)
            else:
                self.calls[key] = document

        made = ObservedCalls(self.store, self.clock, observed)
        made.ask_again = lambda one: self.again.append(one.key)
        return made

    def bind(self, one: Binding) -> Binding:
        self.store.bindings.put(one)
        return one


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_an_observation_is_a_source_as_long_as_its_binding(scene: Scene) -> None:
    bob, sources = scene.bind(binding()), scene.sources()
    sources.told(bob, OPEN)
    (source,) = sources.sources(BOB, ())
    assert source.rank is Rank.OBSERVED and source.user_agent == "phone"
    assert source.published_at == scene.clock.seconds() and source.document.tuples[0].device_id
    assert sources.sources(BOB, ())[0] is source, "read once"
    scene.clock.advance(100)
    sources.told(bob, OPEN)
    assert sources.sources(BOB, ())[0].published_at == source.published_at and scene.changed == [BOB]
    scene.store.bindings.remove(bob.key)
    assert sources.sources(BOB, ()) == []


def test_a_phone_that_publishes_is_heard_by_that(scene: Scene) -> None:
    bob, sources = scene.bind(binding()), scene.sources()
    sources.told(bob, OPEN)
    assert sources.sources(BOB, [publication("socket=1 instance=2")]) == []
    assert len(sources.sources(BOB, [publication("socket=2")])) == 1


def test_what_is_kept_of_nobody_is_forgotten_at_the_start(scene: Scene) -> None:
    bob, sources = scene.bind(binding()), scene.sources()
    sources.told(bob, OPEN)
    sources.told(binding("sip:gone@192.0.2.8"), OPEN)
    calls = scene.told()
    calls.told(binding("sip:gone@192.0.2.8"), DialogInfo(entity=""))
    assert len(scene.store.observations) == 3
    scene.sources()
    scene.told()
    assert [row.binding for row in scene.store.observations.all()] == [bob.key]


def test_a_stored_document_that_cannot_be_read_is_no_source(scene: Scene) -> None:
    bob, sources = scene.bind(binding()), scene.sources()
    sources.told(bob, b"<broken")
    assert sources.sources(BOB, ()) == []


def test_elements_with_a_window_are_read_anew(scene: Scene) -> None:
    now = "2027-01-15T08:00:10Z"
    timed = OPEN.replace(
        b"</presence>",
        f'<p:person xmlns:p="urn:ietf:params:xml:ns:pidf:data-model" id="p"><r:activities'
        f' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" until="{now}"><r:away/></r:activities></p:person></presence>'.encode(),
    )
    bob, sources = scene.bind(binding()), scene.sources()
    sources.told(bob, timed)

    def activities() -> list[str]:
        document: Presence = sources.sources(BOB, ())[0].document
        return [each.name for person in document.persons for each in person.activities]

    assert activities() == ["away"]
    scene.clock.advance(20)
    assert activities() == []


STATES = st.sampled_from(list(CallState))
CHANGES = st.lists(
    st.tuples(st.booleans(), st.integers(1, 3), st.dictionaries(st.sampled_from("abcd"), STATES, max_size=4)),
    max_size=12,
)


@given(CHANGES)
def test_calls_are_put_together_as_a_phone_tells_of_them(
    changes: list[tuple[bool, int, dict[str, CallState]]],
) -> None:
    scene = Scene()
    bob, told = scene.bind(binding()), scene.told()
    told.told(bob, DialogInfo(entity="", version=0))
    expected: dict[str, CallState] = {}
    version, gaps = 0, 0
    for is_full, step, dialogs in changes:
        version += step
        gaps += step > 1 and not is_full
        if is_full:
            expected = dict(dialogs)
        else:
            expected = {k: v for k, v in expected.items() if v is not CallState.TERMINATED} | dialogs
        calls = tuple(Call(id=name, state=state) for name, state in dialogs.items())
        told.told(bob, DialogInfo(entity="", version=version, is_full=is_full, calls=calls))
    assert {call.id: call.state for call in scene.calls[bob.key].calls} == expected
    assert len(scene.again) == gaps
    before = scene.calls
    scene.calls = {}
    scene.told()
    assert {call.id: call.state for call in scene.calls[bob.key].calls} == expected, "also after a restart"
    assert before.keys() == scene.calls.keys()


def test_a_phone_that_tells_of_ever_more_calls_fills_nothing(scene: Scene) -> None:
    bob, told = scene.bind(binding()), scene.told()
    for version in range(3 * CALLS):
        call = Call(id=f"c{version}", state=CallState.CONFIRMED)
        told.told(bob, DialogInfo(entity="", version=version, is_full=False, calls=(call,)))
    assert len(scene.calls[bob.key].calls) == CALLS


def test_what_was_gone_begins_anew(scene: Scene) -> None:
    bob, told = scene.bind(binding()), scene.told()
    told.told(bob, DialogInfo(entity="", version=7))
    told.gone(bob)
    assert scene.calls == {} and len(scene.store.observations) == 0
    told.told(replace(bob, call_id="later"), DialogInfo(entity="", version=0))
    assert scene.again == []
