"""Whose turn it is: every subscription stanza in every state of RFC 6121 appendix A, and who is not listened to."""

from itertools import product

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.authorization import INBOUND, Chart, Subscription
from sip2xmpp.bridge.contacts import Contacts, Realm
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.presentities import XmppPresentities
from sip2xmpp.bridge.watchers import JabberWatchers
from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import BadAddress
from sip2xmpp.store.records import Authorization, Kind, Side
from sip2xmpp.xmpp.availability import UserMood
from sip2xmpp.xmpp.stanza_errors import StanzaRefused, stanza_error
from sip2xmpp.xmpp.stanzas import PepKind
from tests.bridge.scene import BOB, ROMEO, Looker, SlowStore, Source, Wire, device, gone, said, soon

HALVES = {
    # what bob may see of romeo, what romeo may see of bob
    Chart.NONE: (None, None),
    Chart.NONE_OUT: (Kind.PENDING, None),
    Chart.NONE_IN: (None, Kind.PENDING),
    Chart.NONE_OUT_IN: (Kind.PENDING, Kind.PENDING),
    Chart.TO: (Kind.AUTHORIZED, None),
    Chart.TO_IN: (Kind.AUTHORIZED, Kind.PENDING),
    Chart.FROM: (None, Kind.AUTHORIZED),
    Chart.FROM_OUT: (Kind.PENDING, Kind.AUTHORIZED),
    Chart.BOTH: (Kind.AUTHORIZED, Kind.AUTHORIZED),
}


class Scene:
    """Romeo's server, bob's agent, and a SIP watch of bob's; romeo's watch is scripted."""

    def __init__(self, clock: Clock, domains: tuple[str, ...] = ()) -> None:
        self.clock = clock
        self.store = SlowStore(clock)
        self.wire = Wire()
        self.source = Source()
        pace = Pace(clock)
        outbox = Outbox(self.wire, self.store)  # type: ignore[arg-type]
        addressing = Addressing(["sip.example.org"], "gw.example.org", self.store.spellings)
        self.presentities = XmppPresentities(
            store=self.store, outbox=outbox, addressing=addressing, clock=clock, pace=pace
        )
        watchers = JabberWatchers(
            store=self.store, outbox=outbox, back_end=self.source, clock=clock, pace=pace
        )
        self.contacts = Contacts(
            store=self.store,
            realm=Realm(domains, addressing),
            addressing=addressing,
            watchers=watchers,
            presentities=self.presentities,
        )
        self.bob = Looker(Address.parse(BOB))

    def put(self, state: Chart) -> None:
        """A pair in this state, both watches running where there are any."""
        sip_watches, jabber_watches = HALVES[state]
        if sip_watches is not None:
            self.presentities.watch(Address.parse(ROMEO), self.bob)
            if sip_watches is Kind.AUTHORIZED:
                self.presentities.subscribed_received(BOB, ROMEO)
        if jabber_watches is not None:
            self.subscribe()
            if jabber_watches is Kind.AUTHORIZED:
                self.source.last.active(device("desk"))
        soon(self.clock)
        self.bob.told.clear()
        self.wire.take()

    def subscribe(self, sender: str = ROMEO, recipient: str = BOB) -> None:
        self.contacts.subscribe(sender, recipient, stanza_id=None, status="", nickname="")

    def receive(self, kind: Subscription, sender: str = ROMEO, recipient: str = BOB) -> None:
        if kind is Subscription.SUBSCRIBE:
            self.subscribe(sender, recipient)
        else:
            getattr(self.contacts, kind.value)(sender, recipient, stanza_id="s1")

    @property
    def states(self) -> tuple[Kind | None, Kind | None]:
        records = self.store.authorizations
        sip, jabber = records.get(f"{BOB} {ROMEO}"), records.get(f"{ROMEO} {BOB}")
        return (
            sip.state if sip is not None and sip.state is not Kind.DENIED else None,
            jabber.state if jabber is not None else None,
        )


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


@pytest.mark.parametrize(("state", "kind"), list(product(Chart, Subscription)))
def test_every_stanza_leads_where_the_chart_says(scene: Scene, state: Chart, kind: Subscription) -> None:
    scene.put(state)
    assert scene.states == HALVES[state]
    scene.receive(kind, f"{ROMEO}/balcony" if kind is Subscription.SUBSCRIBE else ROMEO)
    step = INBOUND[state, kind]
    assert scene.states == HALVES[step.state]
    said = [each.kind for each in scene.wire.take()]
    told = scene.bob.brief()
    if step.answer is not None:
        assert said[-1 if kind is Subscription.UNSUBSCRIBE else 0] == step.answer.value
    if kind is Subscription.SUBSCRIBED and step.delivers:
        assert told == ["active unknown"] and said == ["probe"]
    elif kind is Subscription.UNSUBSCRIBED and step.delivers:
        assert told == ["terminated rejected"]
    else:
        assert told == []
    if not step.delivers and step.answer is None:
        assert said == []


def test_the_two_directions_do_not_touch_each_other(scene: Scene) -> None:
    scene.put(Chart.BOTH)
    scene.receive(Subscription.UNSUBSCRIBE)
    assert scene.states == HALVES[Chart.TO]
    scene.contacts.available(f"{ROMEO}/balcony", BOB, said(Show.AWAY))
    assert scene.bob.brief() == ["active open away"]
    scene.receive(Subscription.SUBSCRIBE)
    scene.source.last.active(device("desk"))
    scene.receive(Subscription.UNSUBSCRIBED)
    assert scene.states == HALVES[Chart.FROM]
    assert f"subscribed {BOB}" in scene.wire.brief()


def test_presence_goes_to_the_pair_with_its_resource(scene: Scene) -> None:
    scene.put(Chart.TO)
    scene.contacts.available(f"{ROMEO}/balcony", BOB, said(Show.AWAY))
    scene.contacts.available(f"{ROMEO}/chamber", f"{BOB}/desk", said(Show.DND))
    scene.contacts.pep(ROMEO, f"{BOB}/desk", PepKind.MOOD, UserMood(value="happy"))
    scene.contacts.unavailable(f"{ROMEO}/balcony", BOB, gone())
    assert len(scene.bob.told) == 4
    assert scene.bob.brief()[-1] == "active open dnd"
    scene.contacts.error(ROMEO, f"{BOB}/desk", stanza_error("remote-server-timeout"), stanza_id=None)
    assert scene.bob.brief() == ["active closed"]


def test_a_probe_is_for_the_watchers(scene: Scene) -> None:
    scene.put(Chart.FROM)
    scene.contacts.probe(f"{ROMEO}/balcony", BOB, stanza_id="p1")
    answers = scene.wire.take()
    assert [(each.brief, each.recipient) for each in answers] == [
        (f"available {BOB}/desk", f"{ROMEO}/balcony")
    ]


def test_a_probe_of_one_device_is_answered_for_that_device(scene: Scene) -> None:
    scene.put(Chart.FROM)
    scene.contacts.probe(ROMEO, f"{BOB}/desk", stanza_id="p1")
    scene.contacts.probe(ROMEO, f"{BOB}/car", stanza_id="p2")
    answers = scene.wire.take()
    assert [(each.brief, each.id) for each in answers] == [
        (f"available {BOB}/desk", ""),
        (f"unavailable {BOB}/car", "p2"),
    ]


@pytest.mark.parametrize("state", Chart)
@pytest.mark.parametrize("kind", [kind for kind in Subscription if kind is not Subscription.SUBSCRIBE])
def test_a_subscription_stanza_to_a_device_is_ignored(scene: Scene, state: Chart, kind: Subscription) -> None:
    scene.put(state)
    scene.receive(kind, recipient=f"{BOB}/desk")
    assert scene.states == HALVES[state] and scene.wire.take() == [] and scene.bob.brief() == []


def test_a_request_to_a_device_is_one_to_its_user(scene: Scene) -> None:
    scene.receive(Subscription.SUBSCRIBE, recipient=f"{BOB}/desk")
    assert scene.states == HALVES[Chart.NONE_IN]


def test_both_forms_of_an_address_are_pairs_of_their_own(scene: Scene) -> None:
    scene.subscribe()
    scene.subscribe(recipient=r"bob\40sip.example.org@gw.example.org")
    assert [str(watch.presentity) for watch in scene.source.watches] == [BOB, BOB]
    for watch in scene.source.watches:
        watch.active(device("desk"))
    assert [each.sender for each in scene.wire.take() if each.kind == "subscribed"] == [
        BOB,
        r"bob\40sip.example.org@gw.example.org",
    ]


def test_links_come_and_go_for_both(scene: Scene) -> None:
    scene.put(Chart.BOTH)
    scene.contacts.available(f"{ROMEO}/balcony", BOB, said())
    scene.contacts.link_down("sip.example.org", "the server is restarting")
    scene.bob.told.clear()
    scene.contacts.link_up("sip.example.org")
    soon(scene.clock)
    assert sorted(scene.wire.brief()) == [f"available {BOB}/desk", f"probe {BOB}"]
    assert scene.bob.brief() == []


# who is not listened to


def refused(scene: Scene, sender: str, recipient: str = BOB) -> set[str]:
    """The conditions that every kind of stanza from ``sender`` is refused with."""
    contacts = scene.contacts
    conditions = set()
    for act in (
        *(lambda kind=kind: scene.receive(kind, sender, recipient) for kind in Subscription),
        lambda: contacts.probe(sender, recipient, stanza_id=None),
        lambda: contacts.available(sender, recipient, said()),
        lambda: contacts.unavailable(sender, recipient, gone()),
        lambda: contacts.pep(sender, recipient, PepKind.MOOD, None),
    ):
        with pytest.raises(StanzaRefused) as caught:
            act()
        conditions.add(caught.value.error.condition)
    return conditions


@pytest.mark.parametrize("sender", ["alice@sip.example.org", "x@gw.example.org", "SIP.example.org/r"])
def test_the_gateway_does_not_talk_to_itself(scene: Scene, sender: str) -> None:
    assert refused(scene, sender) == {"not-allowed"}
    assert scene.wire.take() == [] and scene.states == (None, None)


def test_only_the_domains_of_the_operator_are_served(clock: Clock) -> None:
    scene = Scene(clock, ("jabber.example",))
    assert refused(scene, "stranger@elsewhere.example") == {"forbidden"}
    scene.subscribe()
    assert scene.states == (None, Kind.PENDING)


def test_the_gateway_itself_has_no_presence(scene: Scene) -> None:
    with pytest.raises(StanzaRefused) as caught:
        scene.subscribe(recipient="sip.example.org")
    assert caught.value.error.condition == "service-unavailable"
    scene.contacts.probe(ROMEO, "sip.example.org", stanza_id=None)
    scene.contacts.available(ROMEO, "sip.example.org", said())
    scene.contacts.unavailable(ROMEO, "sip.example.org", gone())
    assert scene.wire.take() == [] and len(scene.store.authorizations) == 0


def test_an_address_that_is_none_is_told_as_such(scene: Scene) -> None:
    with pytest.raises(BadAddress):
        scene.subscribe(recipient="nobody@gw.example.org")


def test_a_denied_watcher_is_as_good_as_none(scene: Scene) -> None:
    scene.store.authorizations.put(
        Authorization(
            side=Side.SIP_WATCHES,
            watcher=Address.parse(BOB),
            contact=Address.parse(ROMEO),
            watcher_jid=BOB,
            contact_jid=ROMEO,
            state=Kind.DENIED,
        )
    )
    scene.receive(Subscription.SUBSCRIBED)
    assert scene.states == (None, None) and scene.wire.take() == []
