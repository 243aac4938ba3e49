"""Who watches and who waits, as an owner sees it."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace

import pytest
from twisted.internet.task import Clock
from twisted.logger import capturedLogs, formatEvent

from sip2xmpp.address import Address
from sip2xmpp.errors import NotAuthorized
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.watcher_info import (
    DAY,
    LOG_INTERVAL,
    LOGGED_IN_A_ROW,
    Event,
    Status,
    WaitingLimits,
    WatcherInfo,
    WatcherRow,
    waiting_key,
)
from sip2xmpp.presence.watching import Notification, Watch
from sip2xmpp.store.interface import Table
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Account, Authorization, DialogRecord, Kind, Side, Verdict, Waiting

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
ROMEO = Address("romeo", "jabber.example")


class Ear:
    """A watcher who does not listen."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def notified(self, notification: Notification) -> None:
        pass


class House:
    """An agent, its policy (ask the owner) and the list of watchers."""

    def __init__(
        self,
        kept: MemoryStore | None = None,
        limits: WaitingLimits | None = None,
        clock: Clock | None = None,
        policy: Callable[[Table[Verdict]], Policy] = lambda verdicts: Policy(
            verdicts, default=Handling.CONFIRM
        ),
    ) -> None:
        self.clock = clock or Clock()
        self.store = kept or MemoryStore(self.clock)
        self.policy = policy(self.store.verdicts)
        self.served = {ALICE, BOB}
        self.agent = PresenceAgent(
            store=self.store,
            clock=self.clock,
            judge=self.policy.judge,
            exists=self.served.__contains__,
            parse=lambda publication: pytest.fail("nothing is published here"),
        )
        self.policy.listen(self.agent.rules_changed)
        self.info = WatcherInfo(
            store=self.store,
            agent=self.agent,
            policy=self.policy,
            exists=self.served.__contains__,
            clock=self.clock,
            limits=limits or WaitingLimits(),
        )
        self.told: list[Address] = []
        self.info.listen(self.told.append)

    def watch(self, watcher: Address, presentity: Address = ALICE) -> Watch:
        return self.agent.watch(presentity, Ear(watcher))

    def decide(self, watcher: Address, handling: Handling) -> None:
        self.store.verdicts.put(
            Verdict(presentity=ALICE, watcher=watcher, handling=handling.value, decided_at=0.0)
        )

    def rows(self) -> dict[Address, tuple[Status, Event]]:
        return {row.watcher: (row.status, row.event) for row in self.info.rows(ALICE)}


PENDING = (Status.PENDING, Event.SUBSCRIBE)
WAITING = (Status.WAITING, Event.TIMEOUT)


@pytest.fixture
def house() -> House:
    return House()


def test_nobody_watches(house: House) -> None:
    assert house.info.rows(ALICE) == []


def test_who_is_not_decided_about_is_pending_and_waits_when_it_is_gone(house: House) -> None:
    house.clock.advance(7.0)
    watch = house.watch(BOB)
    assert house.rows() == {BOB: PENDING}
    (row,) = house.info.rows(ALICE)
    assert row.since == 7.0 and row.handling is Handling.CONFIRM
    watch.stop()
    assert house.rows() == {BOB: WAITING}
    assert house.info.rows(ALICE)[0].id == row.id
    assert ALICE in house.told


def test_who_asks_again_is_one_watcher(house: House) -> None:
    for _ in range(5):
        house.clock.advance(3 * DAY)
        house.watch(BOB).stop()
    assert house.rows() == {BOB: WAITING}
    assert len(house.store.waiting) == 1
    assert house.info.rows(ALICE)[0].since == 3 * DAY


def test_one_row_for_all_devices_of_a_watcher(house: House) -> None:
    first, second = house.watch(BOB), house.watch(BOB)
    assert house.rows() == {BOB: PENDING}
    first.stop()
    assert house.rows() == {BOB: PENDING}
    second.stop()
    assert house.rows() == {BOB: WAITING}


def test_a_request_is_kept_for_days_and_then_given_up(house: House) -> None:
    house.watch(BOB).stop()
    (before,) = house.info.rows(ALICE)
    house.clock.advance(29 * DAY)
    assert house.rows() == {BOB: WAITING}
    house.told.clear()
    house.clock.advance(2 * DAY)
    assert house.rows() == {} and house.told == [ALICE]
    assert house.info.why_ended(ALICE, before) is Event.GIVEUP


def test_who_still_watches_is_not_given_up(house: House) -> None:
    watch = house.watch(BOB)
    house.clock.advance(31 * DAY)
    assert house.rows() == {BOB: PENDING}
    watch.stop()
    assert house.rows() == {BOB: WAITING}


@pytest.mark.parametrize("handling", [Handling.ALLOW, Handling.POLITE_BLOCK])
def test_a_pending_watcher_that_is_let_in_is_active(house: House, handling: Handling) -> None:
    watch = house.watch(BOB)
    (before,) = house.info.rows(ALICE)
    house.decide(BOB, handling)
    assert house.rows() == {BOB: (Status.ACTIVE, Event.APPROVED)}
    assert len(house.store.waiting) == 0
    watch.stop()
    assert house.rows() == {}
    after = replace(before, status=Status.ACTIVE)
    assert house.info.why_ended(ALICE, after) is Event.TIMEOUT


@pytest.mark.parametrize(
    ("handling", "event"),
    [
        (Handling.ALLOW, Event.APPROVED),
        (Handling.POLITE_BLOCK, Event.APPROVED),
        (Handling.BLOCK, Event.REJECTED),
    ],
)
def test_who_waits_is_gone_when_it_is_decided(house: House, handling: Handling, event: Event) -> None:
    house.watch(BOB).stop()
    (before,) = house.info.rows(ALICE)
    house.decide(BOB, handling)
    assert house.rows() == {} and len(house.store.waiting) == 0
    assert house.info.why_ended(ALICE, before) is event


def test_a_pending_watcher_that_is_blocked_is_rejected(house: House) -> None:
    house.watch(BOB)
    (before,) = house.info.rows(ALICE)
    house.decide(BOB, Handling.BLOCK)
    assert house.rows() == {} and len(house.store.waiting) == 0
    assert house.info.why_ended(ALICE, before) is Event.REJECTED


def test_a_decision_that_is_forgotten_makes_a_watcher_pending_again(house: House) -> None:
    house.decide(BOB, Handling.ALLOW)
    house.watch(BOB)
    assert house.rows() == {BOB: (Status.ACTIVE, Event.APPROVED)}
    house.store.verdicts.remove(f"{ALICE} {BOB}")
    assert house.rows() == {BOB: PENDING}
    assert len(house.store.waiting) == 1


def test_who_needs_a_decision_comes_first_and_the_owner_is_not_listed(house: House) -> None:
    house.decide(ROMEO, Handling.ALLOW)
    house.watch(ALICE)
    house.watch(ROMEO)
    house.watch(BOB)
    assert list(house.rows()) == [BOB, ROMEO]


def test_a_jabber_user_who_takes_the_request_back_does_not_wait(house: House) -> None:
    request = Authorization(
        side=Side.JABBER_WATCHES,
        watcher=ROMEO,
        contact=ALICE,
        watcher_jid=str(ROMEO),
        contact_jid=str(ALICE),
        state=Kind.PENDING,
    )
    house.store.authorizations.put(request)
    watch = house.watch(ROMEO)
    watch.stop()
    assert house.rows() == {ROMEO: WAITING}
    house.store.authorizations.remove(request.key)
    assert house.rows() == {}


def test_an_authorized_jabber_user_has_watched_since_that_was_decided(house: House) -> None:
    house.store.authorizations.put(
        Authorization(
            side=Side.JABBER_WATCHES,
            watcher=ROMEO,
            contact=ALICE,
            watcher_jid=str(ROMEO),
            contact_jid=str(ALICE),
            state=Kind.AUTHORIZED,
            decided_at=5.0,
        )
    )
    house.decide(ROMEO, Handling.ALLOW)
    house.watch(ROMEO)
    assert [row.since for row in house.info.rows(ALICE)] == [5.0]


def test_a_user_who_is_removed_has_no_watchers(house: House) -> None:
    account = Account(address=ALICE, realm=ALICE.domain, ha1_md5="", ha1_sha256="")
    house.store.accounts.put(account)
    house.watch(BOB).stop()
    (before,) = house.info.rows(ALICE)
    house.served.remove(ALICE)
    house.store.accounts.remove(account.key)
    assert len(house.store.waiting) == 0
    assert house.info.why_ended(ALICE, before) is Event.NORESOURCE


def test_many_who_ask_do_not_fill_the_store() -> None:
    house = House(limits=WaitingLimits(per_presentity=3, total=5))
    for number in range(10):
        house.watch(Address(f"w{number}", "jabber.example"))
        house.watch(Address(f"w{number}", "jabber.example"), BOB)
    assert len(house.store.waiting) == 5
    assert len(house.info.rows(ALICE)) == 10, "who watches now is seen nevertheless"
    assert [len(house.store.waiting.select(str(who))) for who in (ALICE, BOB)] == [3, 2]


def test_what_was_decided_while_nothing_ran_is_settled_at_the_start() -> None:
    before = House()
    before.watch(BOB).stop()
    before.watch(ROMEO).stop()
    kept = MemoryStore(before.clock)
    for note in before.store.waiting.all():
        kept.waiting.put(note)
    kept.verdicts.put(Verdict(presentity=ALICE, watcher=ROMEO, handling="block", decided_at=0.0))
    after = House(kept, clock=before.clock)
    assert after.rows() == {BOB: WAITING}


def test_a_subscription_says_when_it_ends(house: House) -> None:
    for number, (event, role, expires_at) in enumerate(
        [("presence", "notifier", 50.0), ("Presence;id=1", "notifier", 70.0), ("dialog", "notifier", 90.0)]
    ):
        house.store.dialogs.put(
            DialogRecord(
                role=role,
                call_id="c",
                local_tag=f"t{number}",
                remote_tag="r",
                watcher=BOB,
                presentity=ALICE,
                event=event,
                local_uri="",
                remote_uri="",
                remote_target="",
                route_set=(),
                cseq_ceiling=1,
                remote_cseq=1,
                flow="",
                accept="",
                user_agent="",
                expires_at=expires_at,
            )
        )
    assert house.info.expirations(ALICE) == {BOB: 70.0}


def test_a_row_is_the_same_whenever_it_began() -> None:
    row = WatcherRow(
        id="w1", watcher=BOB, status=Status.ACTIVE, event=Event.APPROVED, handling=Handling.ALLOW
    )
    assert row == replace(row, since=3.0)


def test_requests_of_other_packages_are_not_listed(house: House) -> None:
    house.store.waiting.put(Waiting(presentity=ALICE, watcher=BOB, package="dialog", asked_at=0.0))
    assert house.info.rows(ALICE) == []
    assert waiting_key(ALICE, BOB) != next(iter(house.store.waiting.all())).key


def test_the_log_names_who_waits_but_not_thousands(house: House) -> None:
    def ask(count: int, first: int = 0) -> list[str]:
        with capturedLogs() as events:
            for number in range(first, first + count):
                house.watch(Address(f"w{number}", "jabber.example"))
        return [line for event in events if (line := formatEvent(event))]

    assert ask(1) == ["w0@jabber.example waits to be allowed to watch alice@sip.example.org"]
    assert ask(1) == [], "who asks again is not news"
    lines = ask(100, first=1)
    assert len(lines) == LOGGED_IN_A_ROW and lines[-1].startswith("more wait")
    house.clock.advance(LOG_INTERVAL)
    assert len(ask(1, first=101)) == 1


@pytest.mark.parametrize(
    ("default", "status"),
    [(Handling.ALLOW, Status.ACTIVE), (Handling.CONFIRM, Status.PENDING), (Handling.BLOCK, None)],
)
def test_each_domain_has_a_default(default: Handling, status: Status | None) -> None:
    house = House(policy=lambda verdicts: Policy(verdicts, defaults={"sip.example.org": default}))
    with suppress(NotAuthorized):
        house.watch(BOB)
    assert house.rows().get(BOB, (None,))[0] is status
    assert len(house.store.waiting) == (1 if status is Status.PENDING else 0)
