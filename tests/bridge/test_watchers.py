"""A Jabber user watches a SIP contact: the table of RFC 8048 section 4, row by row, with a scripted source behind the seam."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.watchers import GRACE_SECONDS, MISSING_SECONDS, RETRY_SECONDS, JabberWatchers
from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized, StorageFailed
from sip2xmpp.presence.watching import Reason
from sip2xmpp.store.records import Kind
from sip2xmpp.xmpp.stanza_errors import StanzaRefused
from tests.bridge.scene import ALICE, BOB, ROMEO, Said, SlowStore, Source, Wire, device, soon

DESK, MOBILE = f"{BOB}/desk", f"{BOB}/mobile"


class Scene:
    """Romeo's server on one side, bob's agent on the other."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = SlowStore(clock)
        self.wire = Wire()
        self.source = Source()
        self.is_ours = True
        self.start()

    def start(self) -> None:
        outbox = Outbox(self.wire, self.store)  # type: ignore[arg-type]
        self.watchers = JabberWatchers(
            store=self.store,
            outbox=outbox,
            back_end=self.source,
            clock=self.clock,
            pace=Pace(self.clock),
            is_ours=lambda _: self.is_ours,
        )

    def subscribe(self) -> None:
        self.watchers.subscribe_received(ROMEO, BOB, Address.parse(ROMEO), Address.parse(BOB))

    def authorize(self, *tuples: object) -> None:
        """Romeo sees bob."""
        self.subscribe()
        self.source.last.active(*tuples)  # type: ignore[arg-type]
        self.wire.take()

    @property
    def state(self) -> Kind | None:
        record = self.store.authorizations.get(f"{ROMEO} {BOB}")
        return record.state if record is not None else None


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


# subscribe


def test_asking_begins_a_watch_and_says_nothing(scene: Scene) -> None:
    scene.subscribe()
    assert scene.wire.brief() == []
    assert scene.state is Kind.PENDING
    assert [(str(w.presentity), str(w.watcher.address), w.fetch) for w in scene.source.watches] == [
        (BOB, ROMEO, False)
    ]


def test_pending_says_nothing_however_often_it_is_told(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.pending()
    scene.source.last.pending()
    assert scene.wire.brief() == []
    assert scene.state is Kind.PENDING


def test_asking_again_while_the_watch_runs_does_nothing(scene: Scene) -> None:
    scene.subscribe()
    scene.subscribe()
    assert len(scene.source.watches) == 1
    assert scene.wire.brief() == []


def test_the_first_active_is_the_approval_and_comes_before_presence(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.active(device("desk", Show.AWAY))
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK} away"]
    assert scene.state is Kind.AUTHORIZED


def test_an_approval_without_a_document_shows_the_contact_as_gone(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.active(empty=True)
    assert scene.wire.brief() == [f"subscribed {BOB}", f"unavailable {BOB}"]
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == [f"available {DESK}"]


def test_nothing_is_said_of_an_approval_before_it_is_stored(scene: Scene) -> None:
    scene.subscribe()
    scene.store.slow = True
    scene.source.last.active(device("desk", Show.AWAY))
    scene.source.last.active(device("desk", Show.DND))
    assert scene.wire.brief() == []
    scene.store.commit()
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK} dnd"]


@pytest.mark.parametrize("asked", ["subscribe", "probe"])
def test_not_even_when_it_is_asked_for(scene: Scene, asked: str) -> None:
    scene.subscribe()
    scene.store.slow = True
    scene.source.last.active(device("desk", Show.AWAY))
    if asked == "subscribe":
        scene.subscribe()
    else:
        scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.brief() == []
    scene.store.commit()
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK} away"]


def test_an_approval_that_cannot_be_stored_is_not_told(scene: Scene) -> None:
    scene.subscribe()
    scene.store.slow = True
    scene.source.last.active(device("desk"))
    scene.store.commit(StorageFailed("the disk is full"))
    assert scene.wire.brief() == []


def test_the_same_document_again_says_nothing(scene: Scene) -> None:
    scene.subscribe()
    scene.store.slow = True
    scene.source.last.active(device("desk"))
    scene.store.commit()
    scene.wire.take()
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == []


def test_who_is_authorized_and_asks_again_is_answered_at_once(scene: Scene) -> None:
    scene.authorize(device("desk", Show.AWAY))
    scene.subscribe()
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK} away"]
    assert scene.source.last.refreshed == 1
    assert len(scene.source.watches) == 1


# presence


def test_every_vanished_tuple_becomes_unavailable(scene: Scene) -> None:
    scene.authorize(device("desk"), device("mobile", Show.DND))
    scene.source.last.active(device("mobile", Show.DND))
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    scene.source.last.active(device("mobile", closed=True))
    assert scene.wire.brief() == [f"unavailable {MOBILE}"]
    scene.source.last.active(device("mobile", closed=True))
    assert scene.wire.brief() == []


def test_active_without_a_document_keeps_what_was_shown(scene: Scene) -> None:
    scene.authorize(device("desk", Show.AWAY))
    scene.source.last.active(empty=True)
    assert scene.wire.brief() == []


def test_an_approval_that_is_withdrawn_for_now_hides_and_keeps_the_authorization(scene: Scene) -> None:
    scene.authorize(device("desk"), device("mobile"))
    scene.source.last.pending()
    assert sorted(scene.wire.brief()) == [f"unavailable {DESK}", f"unavailable {MOBILE}"]
    assert scene.state is Kind.AUTHORIZED
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == [f"available {DESK}"]


# ends


def test_a_rejected_request_is_unsubscribed_and_forgotten(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.ended(Reason.REJECTED)
    assert scene.wire.brief() == [f"unsubscribed {BOB}"]
    assert scene.state is None


def test_a_rejected_watcher_loses_presence_and_then_the_authorization(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.source.last.ended(Reason.REJECTED)
    assert scene.wire.brief() == [f"unavailable {DESK}", f"unsubscribed {BOB}"]
    assert scene.state is None
    scene.clock.advance(10 * RETRY_SECONDS)
    assert len(scene.source.watches) == 1


def test_nobody_by_that_name_is_an_error_and_the_end(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.ended(Reason.NORESOURCE)
    assert scene.wire.brief() == [f"error {BOB} item-not-found", f"unsubscribed {BOB}"]
    assert scene.state is None


def test_a_contact_that_ceases_to_exist_is_unsubscribed(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.source.last.ended(Reason.NORESOURCE)
    assert scene.wire.brief() == [f"unavailable {DESK}", f"unsubscribed {BOB}"]


@pytest.mark.parametrize(
    ("refusal", "expected"),
    [
        (NoSuchPresentity("nobody"), [f"error {BOB} item-not-found", f"unsubscribed {BOB}"]),
        (NotAuthorized("no"), [f"unsubscribed {BOB}"]),
    ],
)
def test_a_refusal_at_once_is_told_like_a_late_one(
    scene: Scene, refusal: Exception, expected: list[str]
) -> None:
    scene.source.refusal = refusal
    scene.subscribe()
    soon(scene.clock)
    assert scene.wire.brief() == expected
    assert scene.state is None


def test_a_refusal_of_an_earlier_request_does_not_end_a_new_one(scene: Scene) -> None:
    scene.source.refusal = NotAuthorized("no")
    scene.subscribe()
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    scene.source.refusal = None
    scene.subscribe()
    soon(scene.clock)
    assert scene.wire.brief() == [f"unsubscribed {BOB}"]
    assert scene.state is Kind.PENDING


@pytest.mark.parametrize("reason", [Reason.TIMEOUT, Reason.DEACTIVATED])
def test_a_restart_of_the_other_side_is_bridged_without_a_word(scene: Scene, reason: Reason) -> None:
    scene.authorize(device("desk", Show.AWAY))
    scene.source.last.ended(reason)
    soon(scene.clock)
    assert len(scene.source.watches) == 2
    scene.source.last.active(device("desk", Show.AWAY))
    scene.clock.advance(GRACE_SECONDS + 1)
    assert scene.wire.brief() == []
    assert scene.state is Kind.AUTHORIZED


def test_who_does_not_come_back_within_the_grace_is_shown_as_gone(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.source.last.ended(Reason.PROBATION, 1000)
    scene.clock.advance(GRACE_SECONDS - 1)
    assert scene.wire.brief() == []
    scene.clock.advance(2)
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    assert scene.state is Kind.AUTHORIZED


def test_what_is_unsubscribed_in_the_grace_is_hidden_once(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.source.last.ended(Reason.PROBATION, 1000)
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    assert scene.wire.brief() == [f"unavailable {DESK}", f"unsubscribed {BOB}"]
    scene.clock.advance(2000)
    assert scene.wire.brief() == [] and len(scene.source.watches) == 1


@pytest.mark.parametrize("reason", [Reason.PROBATION, Reason.GIVEUP])
def test_trouble_is_told_once_and_tried_again(scene: Scene, reason: Reason) -> None:
    scene.subscribe()
    scene.source.last.ended(reason)
    assert scene.wire.brief() == [f"error {BOB} remote-server-timeout"]
    scene.clock.advance(RETRY_SECONDS - 1)
    assert len(scene.source.watches) == 1
    scene.clock.advance(1)
    assert len(scene.source.watches) == 2
    scene.source.last.ended(reason)
    assert scene.wire.brief() == []
    assert scene.state is Kind.PENDING


def test_a_named_time_to_wait_is_kept(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.ended(Reason.DEACTIVATED, 300)
    scene.clock.advance(299)
    assert len(scene.source.watches) == 1
    scene.clock.advance(1)
    assert len(scene.source.watches) == 2


@pytest.mark.parametrize("again", ["subscribe", "probe", "link_up"])
def test_who_comes_back_before_the_retry_gets_one_watch(scene: Scene, again: str) -> None:
    if again == "probe":
        scene.authorize(device("desk"))
    else:
        scene.subscribe()
    scene.source.last.ended(Reason.PROBATION, 300)
    if again == "subscribe":
        scene.subscribe()
    elif again == "probe":
        scene.watchers.probe_received(ROMEO, BOB)
    else:
        scene.watchers.link_up("sip.example.org")
    scene.clock.advance(1)
    assert len(scene.source.watches) == 2
    scene.clock.advance(600)
    assert len(scene.source.watches) == 2


# unsubscribe


def test_unsubscribing_hides_each_resource_and_is_confirmed(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.store.slow = True
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    assert scene.source.last.stopped
    scene.store.commit()
    assert scene.wire.brief() == [f"unsubscribed {BOB}"]
    assert scene.state is None


def test_unsubscribing_a_request_is_confirmed(scene: Scene) -> None:
    scene.subscribe()
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    assert scene.wire.brief() == [f"unsubscribed {BOB}"]
    assert scene.source.last.stopped
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == []


def test_unsubscribing_from_nobody_is_not_answered(scene: Scene) -> None:
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    assert scene.wire.brief() == []


def test_unsubscribing_between_two_tries_ends_them(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.ended(Reason.PROBATION, 10)
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    scene.clock.advance(100)
    assert len(scene.source.watches) == 1


# probe


def test_a_probe_is_answered_from_what_is_known_to_who_asked(scene: Scene) -> None:
    scene.authorize(device("desk", Show.DND))
    scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony", "p1")
    assert scene.wire.take() == [Said("available", DESK, f"{ROMEO}/balcony", show="dnd")]
    assert scene.source.last.refreshed == 1


def test_a_probe_of_an_absent_contact_is_answered_unavailable(scene: Scene) -> None:
    scene.authorize(device("desk", closed=True))
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.take() == [Said("unavailable", BOB, ROMEO)]


def test_a_probe_of_who_asks_without_authorization_is_unsubscribed_under_its_id(scene: Scene) -> None:
    scene.watchers.probe_received(ROMEO, BOB, f"{ROMEO}/balcony", "p1")
    assert scene.wire.take() == [Said("unsubscribed", BOB, ROMEO, id="p1")]
    assert scene.source.watches == []


def test_a_probe_while_the_request_is_pending_learns_nothing(scene: Scene) -> None:
    scene.subscribe()
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.brief() == []


def test_a_probe_after_a_restart_begins_the_watch(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.start()
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.brief() == [f"unavailable {BOB}"]
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == [f"available {DESK}"]


# the link


def test_a_new_link_is_told_presence_again_and_nothing_else(scene: Scene) -> None:
    scene.authorize(device("desk", Show.AWAY))
    scene.wire.up = False
    scene.source.last.active(device("desk", Show.DND))
    scene.source.last.active(device("desk", Show.XA))
    scene.wire.up = True
    scene.watchers.link_up("sip.example.org")
    soon(scene.clock)
    assert scene.wire.brief() == [f"available {DESK} xa"]
    scene.watchers.link_up("other.example.org")
    soon(scene.clock)
    assert scene.wire.brief() == []


def test_an_approval_that_fell_into_a_broken_link_is_told_once_it_is_up(scene: Scene) -> None:
    scene.subscribe()
    scene.wire.up = False
    scene.source.last.active(device("desk"))
    scene.wire.up = True
    for _ in range(2):
        scene.watchers.link_up("sip.example.org")
        soon(scene.clock)
    assert scene.wire.brief() == [f"subscribed {BOB}", f"available {DESK}", f"available {DESK}"]


def test_an_untold_approval_comes_before_the_answer_to_a_probe(scene: Scene) -> None:
    scene.subscribe()
    scene.wire.up = False
    scene.source.last.active(device("desk"))
    scene.wire.up = True
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.brief()[0] == f"subscribed {BOB}"
    scene.watchers.probe_received(ROMEO, BOB)
    assert scene.wire.brief() == [f"available {DESK}"]


def test_a_new_link_after_a_restart_begins_every_watch(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.start()
    scene.watchers.link_up("sip.example.org")
    soon(scene.clock)
    assert len(scene.source.watches) == 2 and scene.wire.brief() == []
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == [f"available {DESK}"]


def test_what_ended_before_its_turn_came_is_not_revived(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.watchers.link_up("sip.example.org")
    scene.watchers.unsubscribe_received(ROMEO, BOB)
    scene.wire.take()
    soon(scene.clock)
    assert scene.wire.brief() == [] and len(scene.source.watches) == 1


def test_a_request_that_waits_is_taken_up_by_a_new_link(scene: Scene) -> None:
    scene.subscribe()
    scene.source.last.pending()
    scene.watchers.link_up("sip.example.org")
    soon(scene.clock)
    assert scene.wire.brief() == [] and len(scene.source.watches) == 1


def test_the_farewell_hides_everybody_and_keeps_the_authorization(scene: Scene) -> None:
    scene.authorize(device("desk"))
    scene.watchers.farewell()
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    assert scene.source.last.stopped and scene.state is Kind.AUTHORIZED


def test_nobody_can_fill_the_store_with_contacts(scene: Scene, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sip2xmpp.bridge.watchers.MOST_CONTACTS", 1)
    scene.subscribe()
    with pytest.raises(StanzaRefused):
        scene.watchers.subscribe_received(ROMEO, ALICE, Address.parse(ROMEO), Address.parse(ALICE))
    assert scene.state is Kind.PENDING


def test_a_mistake_of_another_domain_costs_no_roster_entry(scene: Scene) -> None:
    scene.is_ours = False
    scene.start()
    scene.authorize(device("desk", Show.AWAY))
    scene.source.last.ended(Reason.NORESOURCE)
    assert scene.state is Kind.AUTHORIZED
    scene.clock.advance(GRACE_SECONDS)
    assert scene.wire.brief() == [f"unavailable {DESK}"]
    scene.clock.advance(MISSING_SECONDS)
    scene.source.last.active(device("desk"))
    assert scene.wire.brief() == [f"available {DESK}"]


def test_what_never_changes_is_not_asked_for_again(scene: Scene) -> None:
    scene.authorize(device("desk", Show.AWAY))
    scene.source.last.ended(Reason.INVARIANT)
    scene.clock.advance(2 * MISSING_SECONDS)
    assert len(scene.source.watches) == 1
    assert scene.wire.brief() == []
    assert scene.state is Kind.AUTHORIZED
