"""What an owner decided, over what the domain does by default."""

from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.store.memory import MemoryStore
from sip2xmpp.store.records import Verdict, Virtual

ALICE = Address("alice", "sip.example.org")
BOB = Address("bob", "sip.example.org")
JULIET = Address("juliet", "jabber.example")


def verdict(
    presentity: Address, watcher: Address, handling: Handling, expires_at: float | None = None
) -> Verdict:
    return Verdict(
        presentity=presentity,
        watcher=watcher,
        handling=handling.value,
        decided_at=0.0,
        expires_at=expires_at,
    )


def test_without_a_verdict_the_default_of_the_domain_holds(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts, default=Handling.ALLOW, defaults={"sip.example.org": Handling.CONFIRM})
    assert policy.decide(ALICE, BOB) is Handling.CONFIRM
    assert policy.decide(JULIET, BOB) is Handling.ALLOW


def test_a_verdict_outweighs_the_default_for_its_pair_alone(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts)
    store.verdicts.put(verdict(ALICE, BOB, Handling.POLITE_BLOCK))
    assert policy.decide(ALICE, BOB) is Handling.POLITE_BLOCK
    assert policy.decide(ALICE, JULIET) is Handling.ALLOW
    assert policy.decide(BOB, ALICE) is Handling.ALLOW


def test_an_owner_always_sees_himself(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts, default=Handling.BLOCK)
    store.verdicts.put(verdict(ALICE, ALICE, Handling.BLOCK))
    assert policy.decide(ALICE, ALICE) is Handling.ALLOW


def test_every_change_of_a_verdict_is_told_with_its_pair(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts)
    told: list[tuple[Address, Address, Handling]] = []
    policy.listen(
        lambda presentity, watcher: told.append((presentity, watcher, policy.decide(presentity, watcher)))
    )
    store.verdicts.put(verdict(ALICE, BOB, Handling.BLOCK))
    store.verdicts.remove(f"{ALICE} {BOB}")
    assert told == [(ALICE, BOB, Handling.BLOCK), (ALICE, BOB, Handling.ALLOW)]


def test_a_verdict_that_ran_out_is_told_too(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts)
    told: list[Handling] = []
    policy.listen(lambda presentity, watcher: told.append(policy.decide(presentity, watcher)))
    store.verdicts.put(verdict(ALICE, BOB, Handling.BLOCK, expires_at=clock.seconds() + 10))
    clock.advance(11)
    assert told == [Handling.BLOCK, Handling.ALLOW]


def test_for_addresses_that_nobody_owns_there_may_be_a_default_of_their_own(clock: Clock) -> None:
    store = MemoryStore(clock)
    policy = Policy(store.verdicts, default=Handling.CONFIRM, virtuals=store.virtuals, virtual=Handling.ALLOW)
    assert policy.decide(ALICE, BOB) is Handling.CONFIRM
    store.virtuals.put(Virtual(address=ALICE, since=0.0))
    assert policy.decide(ALICE, BOB) is Handling.ALLOW
    store.verdicts.put(verdict(ALICE, BOB, Handling.BLOCK))
    assert policy.decide(ALICE, BOB) is Handling.BLOCK
