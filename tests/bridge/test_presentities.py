"""SIP users watch a Jabber user: the table of RFC 8048 section 5, row by row, with the XMPP side written down."""

from datetime import UTC, datetime

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.bridge.addressing import Addressing
from sip2xmpp.bridge.outbox import Outbox
from sip2xmpp.bridge.pacing import Pace
from sip2xmpp.bridge.presentities import (
    ASK_AGAIN_SECONDS,
    FETCH_SECONDS,
    GHOST_SECONDS,
    HOLD_DOWN_SECONDS,
    PENDING_SECONDS,
    PROBE_SECONDS,
    RESOURCES,
    XmppPresentities,
)
from sip2xmpp.documents.presence import Show
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized
from sip2xmpp.presence.watching import Watch
from sip2xmpp.store.accounts import make_account
from sip2xmpp.store.records import Kind
from sip2xmpp.xmpp.availability import UserActivity, UserMood
from sip2xmpp.xmpp.stanzas import PepKind
from tests.bridge.scene import ALICE, BOB, JULIET, Looker, Said, SlowStore, Wire, gone, said, soon

DOMAIN = "sip.example.org"


class Scene:
    """Juliet's server on one side, SIP watchers on the other."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.store = SlowStore(clock)
        self.wire = Wire()
        self.start()

    def start(self) -> None:
        """A new process on the same store."""
        addressing = Addressing([DOMAIN], "gw.example.org", self.store.spellings)
        self.presentities = XmppPresentities(
            store=self.store,
            outbox=Outbox(self.wire, self.store),  # type: ignore[arg-type]
            addressing=addressing,
            clock=self.clock,
            pace=Pace(self.clock),
        )

    def watch(self, who: str = BOB, *, fetch: bool = False) -> tuple[Looker, Watch]:
        looker = Looker(Address.parse(who))
        watch = self.presentities.watch(Address.parse(JULIET), looker, fetch=fetch)
        assert looker.told == [], "notified from inside watch"
        soon(self.clock)
        return looker, watch

    def authorized(self, who: str = BOB) -> tuple[Looker, Watch]:
        """A watch that juliet has approved; nothing is known of her yet."""
        looker, watch = self.watch(who)
        self.presentities.subscribed_received(who, JULIET)
        looker.told.clear()
        self.wire.take()
        return looker, watch

    def online(self, show: Show | None = None, resource: str = "balcony", who: str = BOB) -> None:
        self.presentities.available_received(who, JULIET, resource, said(show))

    def offline(self, resource: str = "balcony", status: str = "", who: str = BOB) -> None:
        self.presentities.unavailable_received(who, JULIET, resource, gone(status))

    def state(self, who: str = BOB) -> Kind | None:
        record = self.store.authorizations.get(f"{who} {JULIET}")
        return record.state if record is not None else None


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


# a first watch


def test_the_first_watch_asks_once_it_is_stored_and_is_pending(scene: Scene) -> None:
    scene.store.slow = True
    looker, _ = scene.watch()
    assert looker.brief() == ["pending"]
    assert scene.wire.take() == []
    scene.store.commit()
    assert scene.wire.take() == [Said("subscribe", BOB, JULIET)]
    assert scene.state() is Kind.PENDING


def test_further_watches_of_a_waiting_pair_do_not_ask_again(scene: Scene) -> None:
    scene.watch()
    looker, watch = scene.watch()
    watch.refresh()
    soon(scene.clock)
    assert looker.brief() == ["pending", "pending"]
    assert scene.wire.brief() == [f"subscribe {BOB}"]


def test_a_request_that_was_not_answered_for_a_day_is_repeated(scene: Scene) -> None:
    scene.watch()
    scene.clock.advance(ASK_AGAIN_SECONDS - 1)
    scene.watch()
    assert scene.wire.brief() == [f"subscribe {BOB}"]
    scene.clock.advance(1)
    scene.watch()
    scene.watch()
    assert scene.wire.brief() == [f"subscribe {BOB}"]


def test_a_request_that_no_link_took_is_made_by_the_next_watch(scene: Scene) -> None:
    scene.wire.up = False
    _, watch = scene.watch()
    watch.stop()
    scene.wire.up = True
    scene.watch()
    assert scene.wire.brief() == [f"subscribe {BOB}"]


def test_a_request_that_no_link_took_is_made_by_the_next_link(scene: Scene) -> None:
    scene.wire.up = False
    _, watch = scene.watch()
    watch.stop()
    scene.wire.up = True
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    assert scene.wire.brief() == [f"subscribe {BOB}"]
    scene.watch()
    assert scene.wire.brief() == []


def test_who_has_no_jid_cannot_watch(clock: Clock) -> None:
    scene = Scene(clock)
    scene.presentities._addressing = Addressing([DOMAIN], None, scene.store.spellings)
    with pytest.raises(NoSuchPresentity):
        scene.watch("bob@elsewhere.example")


def test_a_foreign_watcher_asks_in_its_encapsulated_form(scene: Scene) -> None:
    scene.watch("juliet@example.com")
    assert scene.wire.brief() == [r"subscribe juliet\40example.com@gw.example.org"]


# nobody learns anything without approval


@pytest.mark.parametrize("waiting", [False, True])
def test_presence_without_approval_is_dropped(scene: Scene, waiting: bool) -> None:
    looker = Looker(Address.parse(BOB))
    if waiting:
        looker, _ = scene.watch()
    scene.online(Show.AWAY)
    scene.offline()
    scene.presentities.feeling_received(BOB, JULIET, PepKind.MOOD, UserMood(value="happy"))
    soon(scene.clock)
    assert looker.brief() == (["pending"] if waiting else [])
    scene.presentities.subscribed_received(BOB, JULIET)
    assert looker.brief() == (["active unknown"] if waiting else [])


def test_an_approval_nobody_asked_for_is_ignored(scene: Scene) -> None:
    scene.presentities.subscribed_received(BOB, JULIET)
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert scene.wire.take() == [] and scene.state() is None


def test_each_watcher_sees_what_was_sent_to_it_and_nothing_else(scene: Scene) -> None:
    bob, _ = scene.authorized(BOB)
    alice, _ = scene.authorized(ALICE)
    scene.online(Show.AWAY, who=BOB)
    assert bob.brief() == ["active open away"] and alice.brief() == []
    scene.online(Show.DND, "chamber", who=ALICE)
    assert bob.brief() == [] and alice.brief() == ["active open dnd"]
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert bob.brief() == ["terminated rejected"] and alice.brief() == []


def test_the_next_owner_of_an_address_has_to_ask(scene: Scene) -> None:
    scene.store.accounts.put(make_account(Address.parse(BOB), "builder"))
    bob, _ = scene.authorized(BOB)
    alice, _ = scene.authorized(ALICE)
    scene.store.accounts.remove(BOB)
    soon(scene.clock)
    assert bob.brief() == ["terminated rejected"] and alice.brief() == []
    assert scene.wire.take() == [Said("unsubscribe", BOB, JULIET)]
    assert scene.state() is None and scene.state(ALICE) is Kind.AUTHORIZED
    scene.store.accounts.put(make_account(Address.parse(BOB), "another"))
    looker, _ = scene.watch()
    assert looker.brief() == ["pending"]


# approval


def test_what_two_watchers_are_sent_alike_is_made_once_and_parts_with_the_next_stanza(scene: Scene) -> None:
    lookers = {who: scene.authorized(who)[0] for who in (BOB, ALICE)}
    for who in lookers:
        scene.presentities.available_received(who, JULIET, "balcony", said(Show.AWAY, "feeding swans"))
    assert lookers[BOB].last is lookers[ALICE].last
    scene.presentities.available_received(BOB, JULIET, "balcony", said(Show.DND, "for bob alone"))
    assert [lookers[who].brief()[-1] for who in (BOB, ALICE)] == ["active open dnd", "active open away"]


def test_approval_is_active_and_asks_for_presence(scene: Scene) -> None:
    looker, _ = scene.watch()
    scene.wire.take()
    scene.presentities.subscribed_received(BOB, JULIET)
    assert looker.brief() == ["pending", "active unknown"]
    assert scene.wire.take() == [Said("probe", BOB, JULIET)]
    assert scene.state() is Kind.AUTHORIZED
    scene.presentities.subscribed_received(BOB, JULIET)
    assert looker.brief() == [] and scene.wire.take() == []


def test_an_approval_after_the_dialog_ended_stands(scene: Scene) -> None:
    _, watch = scene.watch()
    watch.stop()
    assert scene.wire.brief() == [f"subscribe {BOB}"]
    scene.presentities.subscribed_received(BOB, JULIET)
    scene.online(Show.DND)
    looker, _ = scene.watch()
    assert looker.brief() == ["active open dnd"]


def test_a_denial_ends_every_dialog_and_holds_for_an_hour(scene: Scene) -> None:
    first, _ = scene.watch()
    second, _ = scene.watch()
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert first.brief() == second.brief() == ["pending", "terminated rejected"]
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert first.brief() == []
    scene.wire.take()
    with pytest.raises(NotAuthorized):
        scene.watch()
    assert scene.wire.take() == []
    scene.clock.advance(HOLD_DOWN_SECONDS + 1)
    assert scene.watch()[0].brief() == ["pending"]
    assert scene.wire.brief() == [f"subscribe {BOB}"]


def test_a_withdrawal_ends_the_dialog_and_forgets_what_was_known(scene: Scene) -> None:
    looker, watch = scene.authorized()
    scene.online(Show.AWAY)
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert looker.brief() == ["active open away", "terminated rejected"]
    watch.stop()
    watch.refresh()
    soon(scene.clock)
    assert looker.brief() == [] and scene.wire.take() == []
    scene.online(Show.DND)
    assert looker.brief() == []
    scene.clock.advance(HOLD_DOWN_SECONDS + 1)
    again, _ = scene.watch()
    scene.presentities.subscribed_received(BOB, JULIET)
    assert again.brief() == ["pending", "active unknown"]


def test_a_watcher_may_stop_from_inside_its_notification(scene: Scene) -> None:
    looker, watch = scene.authorized()
    looker.react = lambda notification: watch.stop()
    scene.presentities.unsubscribed_received(BOB, JULIET)
    assert looker.brief() == ["terminated rejected"]
    assert scene.wire.take() == []


# presence


def test_presence_reaches_every_dialog_of_the_watcher(scene: Scene) -> None:
    first, _ = scene.authorized()
    second, _ = scene.watch()
    second.told.clear()
    scene.online(Show.XA)
    scene.online(Show.XA)
    assert first.brief() == second.brief() == ["active open xa"]


def test_one_resource_leaves_and_another_stays(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online(Show.AWAY, "balcony")
    scene.online(Show.DND, "chamber")
    scene.offline("balcony")
    assert looker.brief() == ["active open away", "active open dnd open away", "active open dnd"]
    scene.offline("chamber", "Good night")
    assert looker.last.document is not None
    assert [note.text for note in looker.last.document.tuples[0].notes] == ["Good night"]
    assert looker.brief() == ["active closed"]


def test_a_resource_that_was_never_there_cannot_leave(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online(Show.AWAY)
    looker.told.clear()
    scene.offline("elsewhere")
    assert looker.brief() == []


def test_unavailable_from_the_bare_jid_means_all_resources(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online(Show.AWAY, "balcony")
    scene.online(Show.DND, "chamber")
    looker.told.clear()
    scene.offline("")
    assert looker.brief() == ["active closed"]
    scene.offline("")
    assert looker.brief() == []


def test_the_time_of_the_last_goodbye_is_told(scene: Scene) -> None:
    looker, _ = scene.authorized()
    noon = datetime(2026, 1, 31, 12, tzinfo=UTC)
    scene.presentities.unavailable_received(BOB, JULIET, "", said(available=False, stamp=noon))
    assert looker.last.document is not None
    assert looker.last.document.tuples[0].timestamp == noon


def test_resources_beyond_the_limit_are_not_kept(scene: Scene) -> None:
    looker, _ = scene.authorized()
    for number in range(RESOURCES + 5):
        scene.online(resource=f"r{number}")
    assert looker.last.document is not None
    assert len(looker.last.document.tuples) == RESOURCES
    looker.told.clear()
    scene.online(Show.AWAY, "r3")
    assert len(looker.told) == 1


# mood and activity


def test_mood_and_activity_become_part_of_the_document(scene: Scene) -> None:
    looker, _ = scene.authorized()
    receive = scene.presentities.feeling_received
    receive(BOB, JULIET, PepKind.MOOD, UserMood(value="happy"))
    assert looker.brief() == []
    scene.online()
    activity = UserActivity(general="talking", specific="on_the_phone")
    receive(BOB, JULIET, PepKind.ACTIVITY, activity)
    receive(BOB, JULIET, PepKind.ACTIVITY, activity)
    assert len(looker.told) == 2
    person = looker.last.document.persons[0] if looker.last.document is not None else None
    assert person is not None
    assert [mood.name for mood in person.moods] == ["happy"]
    assert [activity.name for activity in person.activities] == ["on-the-phone"]
    receive(BOB, JULIET, PepKind.MOOD, None)
    receive(BOB, JULIET, PepKind.ACTIVITY, None)
    assert looker.last.document is not None and looker.last.document.persons == ()


def test_a_nickname_is_the_display_name_and_stays_when_she_goes_and_comes_back(scene: Scene) -> None:
    def display_names() -> list[str | None]:
        document = looker.last.document
        assert document is not None
        return [person.cipid.display_name for person in document.persons if person.cipid is not None]

    looker, _ = scene.authorized()
    scene.online()
    for _ in range(2):
        scene.presentities.feeling_received(BOB, JULIET, PepKind.NICK, "Jule")
    assert display_names() == ["Jule"] and len(looker.told) == 2
    scene.offline()
    assert display_names() == []
    scene.online()
    assert display_names() == ["Jule"]
    scene.presentities.feeling_received(BOB, JULIET, PepKind.NICK, None)
    assert display_names() == []


def test_who_goes_takes_mood_and_activity_along(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online()
    scene.presentities.feeling_received(BOB, JULIET, PepKind.MOOD, UserMood(value="happy"))
    scene.offline()
    scene.online()
    assert looker.last.document is not None and looker.last.document.persons == ()


def test_a_mood_of_a_stranger_is_nothing(scene: Scene) -> None:
    scene.presentities.feeling_received(BOB, JULIET, PepKind.MOOD, UserMood(value="happy"))
    assert scene.wire.take() == []


# the end of a dialog


def test_the_last_dialog_tells_the_contact_that_nobody_looks(scene: Scene) -> None:
    _, first = scene.authorized()
    _, second = scene.watch()
    first.stop()
    assert scene.wire.take() == []
    second.stop()
    assert scene.wire.take() == [Said("unavailable", BOB, JULIET)]
    assert scene.state() is Kind.AUTHORIZED


def test_the_end_of_a_pending_dialog_keeps_the_request_and_says_nothing(scene: Scene) -> None:
    looker, watch = scene.watch()
    scene.wire.take()
    watch.stop()
    watch.stop()
    assert scene.wire.take() == [] and scene.state() is Kind.PENDING
    scene.presentities.subscribed_received(BOB, JULIET)
    assert looker.brief() == ["pending"]


def test_who_stops_before_the_first_notification_gets_none(scene: Scene) -> None:
    looker = Looker(Address.parse(BOB))
    scene.presentities.watch(Address.parse(JULIET), looker).stop()
    soon(scene.clock)
    assert looker.brief() == []


def test_what_is_known_stays_for_the_next_dialog(scene: Scene) -> None:
    _, watch = scene.authorized()
    scene.online(Show.AWAY)
    watch.stop()
    scene.online(Show.DND)
    scene.wire.take()
    assert scene.watch()[0].brief() == ["active open dnd"]
    assert scene.wire.take() == []


# a poll


def test_a_poll_without_authorization_learns_nothing_and_asks_nobody(scene: Scene) -> None:
    looker, watch = scene.watch(fetch=True)
    assert looker.brief() == ["pending"]
    watch.stop()
    assert scene.wire.take() == [] and scene.state() is None


def test_a_poll_is_answered_from_what_is_known(scene: Scene) -> None:
    scene.authorized()
    scene.online(Show.AWAY)
    looker, watch = scene.watch(fetch=True)
    assert looker.brief() == ["active open away"]
    watch.stop()
    assert scene.wire.take() == []


def restarted(scene: Scene) -> None:
    """An authorization from before the process began, nothing known."""
    _, watch = scene.authorized()
    watch.stop()
    scene.wire.take()
    scene.start()


def test_a_poll_of_the_unknown_waits_for_a_probe(scene: Scene) -> None:
    restarted(scene)
    looker, watch = scene.watch(fetch=True)
    assert scene.wire.take() == [Said("probe", BOB, JULIET)]
    scene.clock.advance(FETCH_SECONDS - 1)
    assert looker.brief() == []
    scene.online(Show.AWAY)
    assert looker.brief() == ["active open away"]
    scene.clock.advance(FETCH_SECONDS)
    assert looker.brief() == []
    watch.stop()
    assert scene.wire.take() == []


def test_a_poll_that_no_probe_answers_says_that_nothing_is_known(scene: Scene) -> None:
    restarted(scene)
    looker, _ = scene.watch(fetch=True)
    scene.clock.advance(FETCH_SECONDS)
    assert looker.brief() == ["active unknown"]


def test_a_poll_may_be_given_up(scene: Scene) -> None:
    restarted(scene)
    looker, watch = scene.watch(fetch=True)
    watch.stop()
    scene.clock.advance(FETCH_SECONDS)
    scene.online(Show.AWAY)
    assert looker.brief() == []


# refreshing and probing


def test_a_refresh_says_again_what_is_known(scene: Scene) -> None:
    looker, watch = scene.authorized()
    scene.online(Show.AWAY)
    watch.refresh()
    watch.refresh()
    soon(scene.clock)
    assert looker.brief() == ["active open away", "active open away"]
    assert scene.wire.take() == []


def test_a_refresh_probes_for_ghosts_after_hours(scene: Scene) -> None:
    looker, watch = scene.authorized()
    scene.online(Show.AWAY)
    scene.clock.advance(GHOST_SECONDS)
    looker.told.clear()
    watch.refresh()
    soon(scene.clock)
    assert scene.wire.brief() == [f"probe {BOB}"]
    scene.clock.advance(PROBE_SECONDS)
    assert looker.brief() == ["active open away", "active closed"]


def test_what_is_said_again_within_the_window_stays(scene: Scene) -> None:
    looker, _ = scene.authorized()
    for resource in ("balcony", "chamber"):
        scene.online(Show.AWAY, resource)
    looker.told.clear()
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    assert scene.wire.brief() == [f"probe {BOB}"]
    scene.online(Show.AWAY, "chamber")
    scene.clock.advance(PROBE_SECONDS - 0.1)
    assert looker.brief() == []
    scene.clock.advance(0.2)
    assert looker.brief() == ["active open away"]


def test_a_second_probe_begins_the_window_anew(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online(Show.AWAY)
    looker.told.clear()
    scene.presentities.link_up(DOMAIN)
    scene.clock.advance(PROBE_SECONDS - 1)
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    scene.clock.advance(PROBE_SECONDS - 1)
    assert looker.brief() == []
    scene.online(Show.AWAY)
    scene.clock.advance(PROBE_SECONDS)
    assert looker.brief() == []


def test_a_link_that_goes_again_does_not_make_anybody_a_ghost(scene: Scene) -> None:
    looker, _ = scene.authorized()
    scene.online(Show.AWAY)
    looker.told.clear()
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    scene.wire.up = False
    scene.presentities.link_down(DOMAIN)
    scene.clock.advance(2 * PROBE_SECONDS)
    assert looker.brief() == []


def test_with_the_link_down_nothing_is_probed(scene: Scene) -> None:
    looker, watch = scene.authorized()
    scene.wire.up = False
    watch.refresh()
    soon(scene.clock)
    scene.clock.advance(PROBE_SECONDS)
    assert looker.brief() == ["active unknown"]


def test_a_new_link_asks_again_for_who_waits_and_leaves_other_domains_alone(scene: Scene) -> None:
    scene.watch(BOB)
    scene.watch("juliet@example.com")
    scene.wire.take()
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    assert scene.wire.brief() == [f"subscribe {BOB}"]


def test_a_pair_whose_record_is_gone_is_not_revived(scene: Scene) -> None:
    scene.watch()
    scene.wire.take()
    scene.presentities.link_up(DOMAIN)
    scene.presentities.error_received(BOB, JULIET, "item-not-found")
    soon(scene.clock)
    assert scene.wire.take() == []


def test_a_watch_after_a_restart_needs_no_new_approval(scene: Scene) -> None:
    restarted(scene)
    looker, _ = scene.watch()
    assert looker.brief() == ["active unknown"]
    assert scene.wire.brief() == [f"probe {BOB}"]
    scene.online(Show.DND)
    assert looker.brief() == ["active open dnd"]


def test_a_denial_survives_a_restart(scene: Scene) -> None:
    scene.watch()
    scene.presentities.unsubscribed_received(BOB, JULIET)
    scene.start()
    with pytest.raises(NotAuthorized):
        scene.watch()


# errors


@pytest.mark.parametrize("condition", ["item-not-found", "gone", "jid-malformed", "service-unavailable"])
def test_a_request_to_nobody_ends_with_noresource(scene: Scene, condition: str) -> None:
    looker, _ = scene.watch()
    scene.presentities.error_received(BOB, JULIET, condition)
    assert looker.brief() == ["pending", "terminated noresource"]
    assert scene.state() is None


@pytest.mark.parametrize("condition", ["remote-server-timeout", "remote-server-not-found"])
def test_a_server_that_is_away_leaves_the_request_pending(scene: Scene, condition: str) -> None:
    looker, _ = scene.watch()
    scene.presentities.error_received(BOB, JULIET, condition)
    assert looker.brief() == ["pending"]
    assert scene.state() is Kind.PENDING


@pytest.mark.parametrize("known", [False, True])
def test_a_server_that_is_away_hides_its_users_and_keeps_the_authorization(scene: Scene, known: bool) -> None:
    looker, _ = scene.authorized()
    if known:
        scene.online(Show.AWAY)
    looker.told.clear()
    scene.presentities.error_received(BOB, JULIET, "remote-server-timeout")
    assert looker.brief() == ["active closed"]
    scene.presentities.error_received(BOB, JULIET, "remote-server-timeout")
    assert looker.brief() == []
    assert scene.state() is Kind.AUTHORIZED


def test_an_error_about_nobody_we_know_is_nothing(scene: Scene) -> None:
    scene.presentities.error_received(BOB, JULIET, "gone")
    assert scene.wire.take() == []


def test_a_request_that_nobody_renews_is_forgotten_after_a_month(scene: Scene) -> None:
    _, watch = scene.watch()
    watch.stop()
    scene.clock.advance(PENDING_SECONDS - 1)
    assert scene.state() is Kind.PENDING
    scene.clock.advance(2)
    assert scene.state() is None


def test_a_dialog_that_goes_on_renews_its_request(scene: Scene) -> None:
    _, watch = scene.watch()
    for _ in range(3):
        scene.clock.advance(PENDING_SECONDS / 2)
        watch.refresh()
    assert scene.state() is Kind.PENDING


def test_a_new_link_repeats_an_open_request_that_nobody_looks_at(scene: Scene) -> None:
    _, watch = scene.watch()
    watch.stop()
    scene.wire.take()
    scene.start()
    scene.presentities.link_up(DOMAIN)
    soon(scene.clock)
    assert scene.wire.brief() == [f"subscribe {BOB}"]
