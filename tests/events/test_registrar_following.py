"""Users who register elsewhere: what their registrar tells is presence here, whatever becomes of the telling."""

import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import reginfo
from sip2xmpp.documents.reginfo import (
    Contact,
    ContactEvent,
    Registration,
    RegistrationInformation,
    RegistrationState,
)
from sip2xmpp.events.registrar_following import (
    ASK_AGAIN,
    GRACE,
    LINGER,
    LONGEST_WAIT,
    FollowedRegistrars,
    FollowingLimits,
)
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.registrations import Registrations
from sip2xmpp.presence.states import State, state_of
from sip2xmpp.sip.headers import CSEQ_LIMIT
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Binding
from tests.events.gateway import Gateway, Method
from tests.events.notifying import Notifying, Told
from tests.events.phone import Line, Phone
from tests.fakes import Network

BOB = Address("bob", "sip.example.org")
URI = "sip:bob@sip.example.org"
REGISTRAR = "sip:192.0.2.9"
DESK, MOBILE = "sip:bob@10.0.0.1:5060", "sip:bob@10.0.0.2:5060"


def contact(
    uri: str = DESK, *, event: ContactEvent = ContactEvent.REGISTERED, expires: int | None = 3600, **more: Any
) -> Contact:
    return Contact(
        id=f"c{sum(uri.encode())}", uri=uri, active=event.keeps, event=event, expires=expires, **more
    )


def information(
    version: int,
    *contacts: Contact,
    full: bool = True,
    aor: str = URI,
    state: RegistrationState | None = None,
) -> bytes:
    there = any(each.active for each in contacts)
    registration = Registration(
        aor=aor,
        id="r",
        state=state or (RegistrationState.ACTIVE if there or not full else RegistrationState.INIT),
        contacts=contacts,
    )
    return reginfo.write(RegistrationInformation(version=version, full=full, registrations=(registration,)))


class Registrar(Notifying):
    """Another registrar: ``contacts`` are bob's, told in full after each SUBSCRIBE."""

    def __init__(self, network: Network) -> None:
        super().__init__(
            network, "192.0.2.9", content_type=reginfo.CONTENT_TYPE, subscription="active;expires=3761"
        )
        self.contacts: list[Contact] = []

    def body(self, told: Told) -> bytes:
        told.version += 1
        return self.state or information(told.version - 1, *self.contacts)

    def change(self, *contacts: Contact, gap: int = 0, **more: Any) -> None:
        """Tell of a change, ``gap`` documents after the next."""
        for told in list(self.dialogs.values()):
            told.version += 1 + gap
            self.notify(
                told, self.subscription, body=information(told.version - 1, *contacts, full=False, **more)
            )

    def has(self, *contacts: Contact) -> None:
        """Tell everything."""
        self.contacts = list(contacts)
        self.tell()


class Scene:
    """A gateway that follows, and alice who may watch bob."""

    def __init__(
        self,
        network: Network,
        *,
        kept: MemoryStore | None = None,
        registrars: dict[str, str] | None = None,
        limits: FollowingLimits | None = None,
    ) -> None:
        self.network = network
        clock: Any = network.clock
        self.gateway = Gateway(
            network,
            feeds=lambda store: [Registrations(store, clock)],
            kept=kept,
            seed=1 if kept is None else 2,
        )
        self.store = self.gateway.store
        self.following = FollowedRegistrars(
            agent=self.gateway.agent,
            store=self.store,
            clock=clock,
            rng=random.Random(3 if kept is None else 4),
            registrars={BOB.domain: REGISTRAR} if registrars is None else registrars,
            limits=limits or FollowingLimits(),
        )
        self.gateway.agent.serve("NOTIFY", Method(self._notify))

    def _notify(self, transaction: Any, request: Any) -> None:
        if not self.following.notify_received(transaction, request):
            transaction.reply(481)

    def watch(self, address: Address = BOB) -> None:
        self.following.watched(address, anybody=True)
        self.network.drive(0.5)

    def unwatch(self, address: Address = BOB) -> None:
        self.following.watched(address, anybody=False)

    @property
    def contacts(self) -> list[str]:
        return sorted(binding.contact for binding in self.store.bindings.select(str(BOB)))

    @property
    def state(self) -> State:
        return state_of(self.gateway.presence.composed(BOB))

    def drive(self, seconds: float = 0.5) -> None:
        self.network.drive(seconds)


@pytest.fixture
def network(clock: Clock) -> Network:
    return Network(clock)


@pytest.fixture
def scene(network: Network) -> Scene:
    return Scene(network)


@pytest.fixture
def registrar(network: Network, scene: Scene) -> Registrar:
    return Registrar(network)


@pytest.fixture
def followed(scene: Scene, registrar: Registrar) -> Registrar:
    """The registrar of bob, who is watched and has a desk phone."""
    registrar.contacts = [contact()]
    scene.watch()
    assert scene.contacts == [DESK]
    return registrar


# who is followed


def test_whoever_is_watched_is_followed_at_the_registrar_of_the_domain(
    scene: Scene, registrar: Registrar
) -> None:
    scene.drive(10)
    assert registrar.subscribes == []
    registrar.contacts = [contact(q=0.5, duration_registered=100, call_id="c1", cseq=7)]
    scene.watch()
    request = registrar.last
    assert request.uri == URI == request.to.uri == request.from_.uri
    assert (
        request.event_value == "reg" and request.accept == [reginfo.CONTENT_TYPE] and request.expires == 3761
    )
    (binding,) = scene.store.bindings.all()
    assert binding.registrar == REGISTRAR and (binding.q, binding.call_id, binding.cseq) == (0.5, "c1", 7)
    assert scene.state is State.ONLINE


def test_a_user_of_another_domain_is_not(scene: Scene, registrar: Registrar) -> None:
    scene.watch(Address("carol", "example.net"))
    assert registrar.subscribes == [] and len(scene.following) == 0


def test_whom_nobody_watches_any_more_is_left_after_a_while(scene: Scene, followed: Registrar) -> None:
    scene.unwatch()
    scene.drive(LINGER - 10)
    assert scene.contacts == [DESK]
    scene.watch()
    scene.drive(LINGER + 10)
    assert followed.expires == [3761], "somebody came back"
    scene.unwatch()
    scene.unwatch()
    scene.drive(LINGER + 10)
    assert followed.expires == [3761, 0] and scene.contacts == [] and len(scene.store.dialogs) == 0
    scene.watch()
    assert scene.contacts == [DESK]


def test_only_so_many_are_followed_and_at_a_pace(network: Network) -> None:
    scene, registrar = Scene(network, limits=FollowingLimits(users=30, pace=10)), Registrar(network)
    for number in range(100):
        scene.following.watched(Address(f"user{number}", BOB.domain), anybody=True)
    scene.drive(1.05)
    assert 9 <= len(registrar.subscribes) <= 12
    scene.drive(10)
    assert len(registrar.subscribes) == 30 == len(scene.following)


def test_watchers_see_what_the_registrar_says(network: Network) -> None:
    scene, registrar = Scene(network), Registrar(network)
    presence = scene.gateway.presence
    presence.listen(lambda who, *_: scene.following.watched(who, anybody=presence.is_watched(who)))
    scene.gateway.decide(str(BOB), "alice@sip.example.org", Handling.ALLOW)
    registrar.contacts = [contact()]
    line: Line = Phone(network, "192.0.2.10", "sip:alice@sip.example.org").subscribe(URI)
    scene.drive(10)
    assert b">open<" in line.last.body
    registrar.change(contact(event=ContactEvent.UNREGISTERED))
    scene.drive(10)
    assert b">closed<" in line.last.body
    line.send(0)
    scene.drive(LINGER + 10)
    assert registrar.expires == [3761, 0]


# what is said


def test_changes_are_applied_in_their_order(scene: Scene, followed: Registrar) -> None:
    followed.change(contact(MOBILE))
    scene.drive()
    assert scene.contacts == [DESK, MOBILE]
    followed.change(contact(event=ContactEvent.EXPIRED))
    scene.drive()
    assert scene.contacts == [MOBILE] and len(followed.subscribes) == 1


def test_after_a_gap_everything_is_asked_for(scene: Scene, followed: Registrar) -> None:
    followed.contacts = [contact(MOBILE), contact("sip:bob@10.0.0.3")]
    followed.change(contact(MOBILE), gap=1)
    scene.drive(0.015)
    assert scene.contacts[:2] == [DESK, MOBILE], "applied"
    scene.drive()
    assert scene.contacts == [MOBILE, "sip:bob@10.0.0.3"] and followed.last.to.tag is not None


def test_what_was_told_before_is_not_applied_again(scene: Scene, followed: Registrar) -> None:
    (dialog,) = followed.dialogs.values()
    old = information(0, contact(MOBILE), full=False)
    followed.notify(dialog, "active", body=old)
    scene.drive()
    assert scene.contacts == [DESK] and followed.statuses[-1] == 200 and len(followed.subscribes) == 1


def test_a_full_document_replaces_everything_whatever_its_number(scene: Scene, followed: Registrar) -> None:
    followed.change(contact("sip:bob@10.0.0.3"))
    followed.state = information(0, contact(MOBILE))
    followed.tell()
    scene.drive()
    assert scene.contacts == [MOBILE]


@pytest.mark.parametrize("state", [RegistrationState.INIT, RegistrationState.TERMINATED])
def test_a_registration_that_is_over_has_no_contacts(
    scene: Scene, followed: Registrar, state: RegistrationState
) -> None:
    followed.change(state=state)
    scene.drive()
    assert scene.contacts == [] and scene.state is State.OFFLINE


def test_a_full_document_without_the_user_says_that_there_is_no_contact(
    scene: Scene, followed: Registrar
) -> None:
    followed.state = information(5, contact(), aor="sip:carol@sip.example.org")
    followed.tell()
    scene.drive()
    assert scene.contacts == [] and len(scene.store.bindings) == 0, "nothing is believed about others"


def test_no_body_says_nothing(scene: Scene, followed: Registrar) -> None:
    (dialog,) = followed.dialogs.values()
    followed.notify(dialog, "active", body=b"")
    scene.drive()
    assert scene.contacts == [DESK] and followed.statuses[-1] == 200


@pytest.mark.parametrize(
    "body", [b"<", b"<reginfo/>", b"x" * 1000, information(1).replace(b"version", b"varsion"), b"<a>" * 3000]
)
def test_nonsense_is_counted_and_everything_asked_for(scene: Scene, followed: Registrar, body: bytes) -> None:
    (dialog,) = followed.dialogs.values()
    followed.contacts = [contact(MOBILE)]
    for _ in range(10):
        followed.notify(dialog, "active", body=body)
        scene.drive(0.2)
    assert scene.following.malformed == 10 and scene.contacts == [MOBILE]
    assert len(followed.subscribes) == 2, "not for each of them"
    scene.drive(ASK_AGAIN)
    assert len(followed.subscribes) == 3


def test_a_registrar_that_cannot_count_is_not_asked_all_the_time(scene: Scene, followed: Registrar) -> None:
    for _ in range(20):
        followed.change(contact(MOBILE), gap=3)
        scene.drive(1)
    assert len(followed.subscribes) <= 3


@pytest.mark.parametrize(
    "uri", ["tel:+15551234", "mailto:bob@example.org", "sip:", "sip:bob@[", "sip:" + "b" * 3000]
)
def test_a_contact_that_is_no_sip_uri_is_left_out(scene: Scene, followed: Registrar, uri: str) -> None:
    followed.has(contact(uri), contact(MOBILE))
    scene.drive()
    assert scene.contacts == [MOBILE]


def test_a_number_that_no_request_has_is_one_that_can_be_stored(scene: Scene, followed: Registrar) -> None:
    followed.has(contact(cseq=reginfo.LARGEST))
    scene.drive()
    assert [binding.cseq for binding in scene.store.bindings.select(str(BOB))] == [CSEQ_LIMIT]


def test_only_so_many_contacts_are_kept(network: Network) -> None:
    scene, registrar = Scene(network, limits=FollowingLimits(contacts=5)), Registrar(network)
    registrar.contacts = [contact(f"sip:bob@10.0.0.{number}") for number in range(1, 100)]
    scene.watch()
    assert len(scene.contacts) == 5


def test_what_is_told_of_a_contact_cannot_write_a_header(scene: Scene, followed: Registrar) -> None:
    followed.has(
        contact(
            unknown_params=(
                ("x", '"\r\nEvil: 1'),
                ("y\r\nEvil", "2"),
                ("+sip.instance", '"<urn:uuid:1>"'),
                ("ob", ""),
            ),
            call_id="c\r\nEvil: 3",
            display_name="Bob\r\nEvil: 4",
        )
    )
    scene.drive()
    (binding,) = scene.store.bindings.all()
    assert binding.instance == "<urn:uuid:1>" and ";ob" in binding.params
    assert "\n" not in binding.params + binding.call_id + binding.display + binding.contact


def test_whoever_registered_here_as_well_is_known_better_here(scene: Scene, followed: Registrar) -> None:
    (binding,) = scene.store.bindings.all()
    mine = replace(binding, registrar="", user_agent="here")
    scene.store.bindings.put(mine)
    followed.change(contact(q=0.1))
    scene.drive()
    followed.change(contact(event=ContactEvent.UNREGISTERED))
    scene.drive()
    assert list(scene.store.bindings.all()) == [mine]


def test_a_contact_told_again_is_no_news_and_a_refresh_is(scene: Scene, followed: Registrar) -> None:
    events: list[str] = []
    scene.store.bindings.listen(lambda change: events.append(change.record.event))
    followed.has(contact(event=ContactEvent.CREATED, expires=3600))
    scene.drive(0.1)
    assert events == []
    followed.change(contact(MOBILE))
    followed.change(contact(event=ContactEvent.REFRESHED, expires=7200))
    scene.drive(0.1)
    assert events == ["registered", "refreshed"]


def test_a_removed_contact_says_why_before_it_goes(scene: Scene, followed: Registrar) -> None:
    events: list[str] = []
    scene.store.bindings.listen(lambda change: events.append(f"{change.kind.value} {change.record.event}"))
    followed.change(contact(event=ContactEvent.REJECTED))
    scene.drive()
    assert events == ["put rejected", "removed rejected"]


# time


def test_contacts_time_out_when_the_registrar_is_gone(scene: Scene, followed: Registrar) -> None:
    followed.deaf = True
    scene.drive(3600)
    assert scene.state is State.ONLINE
    scene.drive(GRACE + 40)
    assert scene.state is State.OFFLINE


def test_a_contact_refreshed_in_silence_comes_back(scene: Scene, registrar: Registrar) -> None:
    registrar.contacts = [contact(expires=100)]
    scene.watch()
    scene.drive(100 + GRACE + 5)
    assert scene.contacts == [DESK] and len(registrar.subscribes) == 2


def test_contacts_without_a_time_live_as_long_as_the_subscription(scene: Scene, registrar: Registrar) -> None:
    registrar.contacts = [contact(expires=None)]
    scene.watch()
    scene.drive(8000)
    assert scene.contacts == [DESK]
    registrar.deaf = True
    scene.drive(5000)
    assert scene.contacts == []


def test_a_lost_subscription_is_made_again_and_nothing_flickers(scene: Scene, followed: Registrar) -> None:
    states: list[State] = []
    scene.store.bindings.listen(lambda _: states.append(scene.state))
    followed.restart()
    scene.drive(3600)
    assert len(followed.dialogs) == 1 and set(states) == {State.ONLINE}


@pytest.mark.parametrize(
    "subscription", ["terminated;reason=deactivated", "terminated;reason=timeout", "terminated"]
)
def test_an_end_in_passing_is_followed_by_another_beginning(
    scene: Scene, followed: Registrar, subscription: str
) -> None:
    followed.tell(subscription=subscription)
    followed.restart()
    scene.drive(1)
    assert followed.last.to.tag is None and len(followed.dialogs) == 1 and scene.contacts == [DESK]


def test_who_refuses_is_not_known_and_asked_again_much_later(scene: Scene, followed: Registrar) -> None:
    followed.tell(subscription="terminated;reason=rejected")
    followed.restart()
    scene.drive(1)
    assert scene.contacts == []
    followed.refusals = [403, 404]
    scene.drive(LONGEST_WAIT + 10)
    assert len(followed.subscribes) == 2
    scene.drive(2 * LONGEST_WAIT + 20)
    assert len(followed.subscribes) == 4 and scene.contacts == [DESK]


def test_a_registrar_that_ends_it_at_once_makes_no_storm(scene: Scene, registrar: Registrar) -> None:
    registrar.subscription = "terminated;reason=timeout"
    scene.watch()
    scene.drive(3600)
    assert len(registrar.subscribes) < 12


def test_a_registrar_that_answers_nothing_is_tried_again(scene: Scene, registrar: Registrar) -> None:
    registrar.deaf = True
    registrar.contacts = [contact()]
    scene.watch()
    scene.drive(600)
    registrar.deaf = False
    scene.drive(LONGEST_WAIT + 40)
    assert scene.contacts == [DESK]


def test_nobody_else_is_believed(network: Network, scene: Scene, followed: Registrar) -> None:
    (dialog,) = followed.dialogs.values()
    followed.notify(dialog, "active", tag="fork", body=information(1, contact(MOBILE)))
    scene.drive()
    assert followed.statuses[-1] == 481 and scene.contacts == [DESK]


# a restart


def test_the_same_is_known_after_a_restart_and_the_dialog_goes_on(scene: Scene, followed: Registrar) -> None:
    kept = scene.gateway.killed()
    again = Scene(scene.network, kept=kept)
    assert again.state is State.ONLINE and again.contacts == [DESK]
    followed.contacts = [contact(MOBILE)]
    again.drive()
    assert again.contacts == [MOBILE] and [r.to.tag is None for r in followed.subscribes] == [True, False]
    again.watch()
    again.drive(LINGER + 10)
    assert followed.expires == [3761, 3761], "somebody watches"


def test_what_happened_meanwhile_is_known_soon(scene: Scene, followed: Registrar) -> None:
    kept = scene.gateway.killed()
    scene.drive(4000)
    followed.restart()
    followed.contacts = []
    again = Scene(scene.network, kept=kept)
    assert again.contacts == [], "its time was over"
    again.watch()
    again.drive(1)
    assert again.state is State.OFFLINE and len(followed.dialogs) == 1


def test_whom_nobody_watches_after_a_restart_is_left(scene: Scene, followed: Registrar) -> None:
    again = Scene(scene.network, kept=scene.gateway.killed())
    again.drive(LINGER + 10)
    assert followed.expires[-1] == 0 and again.contacts == [] and len(again.store.dialogs) == 0


def test_a_domain_that_is_not_followed_any_more_is_forgotten(scene: Scene, followed: Registrar) -> None:
    again = Scene(scene.network, kept=scene.gateway.killed(), registrars={})
    assert again.contacts == [] and len(again.store.dialogs) == 0


# anything

EVENTS = st.sampled_from(list(ContactEvent))
CONTACTS = st.lists(
    st.builds(
        lambda uri, event, expires: contact(uri, event=event, expires=expires),
        st.sampled_from([DESK, MOBILE, "sip:bob@10.0.0.3", "tel:1"]),
        EVENTS,
        st.none() | st.integers(0, 2**63),
    ),
    max_size=5,
)


@settings(max_examples=60)
@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.booleans(), CONTACTS, st.sampled_from(list(RegistrationState))),
        max_size=8,
    ),
    CONTACTS,
)
def test_after_any_documents_a_full_one_is_all_that_is_known(
    documents: list[tuple[int, bool, list[Contact], RegistrationState]], last: list[Contact]
) -> None:
    clock = Clock()
    clock.rightNow = 1_800_000_000.0
    network = Network(clock)
    scene, registrar = Scene(network), Registrar(network)
    scene.watch()
    (dialog,) = registrar.dialogs.values()
    for version, full, contacts, state in documents:
        registrar.notify(dialog, "active", body=information(version, *contacts, full=full, state=state))
        scene.drive(0.1)
    registrar.notify(dialog, "active", body=information(99, *last, state=RegistrationState.ACTIVE))
    scene.drive(0.1)
    here = (
        {each.uri for each in last if each.active}
        - {each.uri for each in last if not each.active}
        - {"tel:1"}
    )
    there = {each.uri for each in last if each.active} - {"tel:1"}
    assert here <= set(scene.contacts) <= there
    assert scene.following.malformed == 0
    bindings: list[Binding] = list(scene.store.bindings.all())
    assert all(binding.registrar == REGISTRAR for binding in bindings)


@pytest.mark.parametrize("seed", range(8))
def test_all_is_known_in_the_end_on_a_bad_network(clock: Clock, seed: int) -> None:
    network = Network(clock, random.Random(seed), jitter=0.3, loss=0.2, duplication=0.1)
    chance = random.Random(seed)
    scene, registrar = Scene(network), Registrar(network)
    scene.watch()
    for _ in range(12):
        what = chance.randrange(4)
        uris = chance.sample([DESK, MOBILE, "sip:bob@10.0.0.3"], chance.randrange(4))
        registrar.contacts = [contact(uri) for uri in uris]
        if what == 0:
            registrar.restart()
        elif what == 1:
            registrar.change(contact(MOBILE), gap=chance.randrange(2))
        elif what == 2:
            scene.unwatch()
        else:
            registrar.tell()
        scene.drive(chance.choice([1, 40, 500, 4000]))
        scene.watch()
    network.loss = 0.0
    registrar.contacts = [contact(MOBILE)]
    scene.drive(8000)
    assert scene.contacts == [MOBILE] and len(registrar.dialogs) == 1
