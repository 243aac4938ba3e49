"""A watcher that says what it has is not told it again (RFC 5839)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.errors import StorageFailed
from sip2xmpp.events.conditions import bare, block, condition_in, holds, tag_in, tagged, taken_apart
from sip2xmpp.events.package import Body
from sip2xmpp.events.sending import LOST_PAUSE
from sip2xmpp.presence.policy import Handling
from sip2xmpp.presence.state_agent import StateAgent
from sip2xmpp.presence.watching import StateWatcher, Told, Watch
from tests.events.gateway import Gateway, HoldingStore
from tests.events.phone import Line, Phone
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"


def unless(condition: str) -> str:
    return f"Accept: application/pidf+xml\r\nSuppress-If-Match: {condition}\r\n"


def watching(phone: Phone, condition: str = "", expires: int = 600, event: str = "presence") -> Line:
    headers = unless(condition) if condition else "Accept: application/pidf+xml\r\n"
    line = phone.subscribe(ALICE, expires, headers=headers, event=event)
    phone.network.drive(0.5)
    return line


def test_a_notify_has_a_tag_of_what_it_says(alice: Phone, bob: Phone, network: Network) -> None:
    alice.publish(document("away"))
    first, second = watching(bob), watching(Phone(network, "192.0.2.21", BOB))
    assert first.last["SIP-ETag"] == second.last["SIP-ETag"]
    other = Phone(network, "192.0.2.22", BOB).subscribe(ALICE, headers="Accept: application/xpidf+xml\r\n")
    alice.publish(document("busy"))
    network.drive(0.5)
    assert first.last["SIP-ETag"] != first.notifies[0]["SIP-ETag"]
    assert other.last["SIP-ETag"] != first.last["SIP-ETag"]


@pytest.mark.parametrize("expires", [600, 0])
def test_a_new_watcher_that_has_the_state_gets_no_body(bob: Phone, network: Network, expires: int) -> None:
    tag = watching(bob).last["SIP-ETag"]
    for condition in (tag, "*"):
        line = watching(bob, condition, expires)
        assert line.status == 200 and len(line.notifies) == 1
        assert (
            line.last.body == b"" and line.last["Content-Length"] == "0" and "Content-Type" not in line.last
        )
        assert line.last["SIP-ETag"] == tag
        assert line.last.state == ("active" if expires else "terminated")


def test_a_new_watcher_that_has_something_else_is_told(bob: Phone) -> None:
    for condition in ("0123456789", '"quoted"', "x" * 1000):
        line = watching(bob, condition)
        assert line.status == 200 and b"<basic>closed" in line.last.body


def test_a_refresh_that_changes_nothing_is_204_and_silent(bob: Phone, network: Network, clock: Clock) -> None:
    line = watching(bob)
    clock.advance(300)
    line.send(600, headers=unless(line.last["SIP-ETag"]))
    network.drive(1)
    assert line.status == 204 and line.response["Expires"] == "600"
    assert len(line.notifies) == 1
    clock.advance(500)
    network.drive(1)
    assert line.states == ["active"]  # extended: the first lifetime is over
    clock.advance(200)
    network.drive(2)
    assert line.states == ["active", "terminated"] and line.last.reason == "timeout"


def test_after_a_204_news_are_told_and_so_is_the_way_back(alice: Phone, bob: Phone, network: Network) -> None:
    line = watching(bob)
    line.send(600, headers=unless(line.last["SIP-ETag"]))
    network.drive(1)
    published = alice.publish(document("away"))
    network.drive(0.5)
    assert len(line.notifies) == 2 and b"away" in line.last.body
    assert published.final is not None
    alice.publish(b"", etag=published.final["SIP-ETag"], expires=0)
    network.drive(0.5)
    assert len(line.notifies) == 3 and line.last["SIP-ETag"] == line.notifies[0]["SIP-ETag"]
    assert b"<basic>closed" in line.last.body


def test_a_refresh_whose_condition_is_false_goes_as_ever(alice: Phone, bob: Phone, network: Network) -> None:
    line = watching(bob)
    alice.publish(document("away"))
    network.drive(0.5)
    line.send(600, headers=unless(line.notifies[0]["SIP-ETag"]))
    network.drive(0.5)
    assert line.status == 200 and len(line.notifies) == 3 and b"away" in line.last.body


def test_a_tag_of_another_dialog_is_as_good(alice: Phone, bob: Phone, network: Network) -> None:
    first, second = watching(bob), watching(bob)
    alice.publish(document("away"))
    network.drive(0.5)
    second.send(600, headers=unless(first.last["SIP-ETag"]))
    network.drive(0.5)
    assert second.status == 204 and len(second.notifies) == 2


def test_a_watcher_may_put_off_hearing_anything(alice: Phone, bob: Phone, network: Network) -> None:
    line = watching(bob)
    line.send(600, headers=unless("*"))
    network.drive(0.5)
    assert line.status == 204
    for activity in ("away", "busy"):
        alice.publish(document(activity))
        network.drive(0.5)
    assert len(line.notifies) == 1
    line.send(600, headers="Accept: application/pidf+xml\r\n")
    network.drive(0.5)
    assert line.status == 200 and len(line.notifies) == 2 and line.last.body


def test_while_nothing_is_told_a_change_of_the_standing_is(
    gateway: Gateway, bob: Phone, network: Network
) -> None:
    line = watching(bob)
    for condition in ("*", line.last["SIP-ETag"]):
        line.send(600, headers=unless(condition))
        network.drive(0.5)
        before = len(line.notifies)
        assert line.status == 204
        gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
        network.drive(0.5)
        assert line.last.state == "pending" and len(line.notifies) == before + 1 and line.last.body == b""
        gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.ALLOW)
        network.drive(0.5)
        assert line.last.state == "active" and len(line.notifies) == before + 2
        assert (line.last.body == b"") is (condition == "*")


def test_the_end_is_told_whatever_the_condition(gateway: Gateway, bob: Phone, network: Network) -> None:
    line = watching(bob)
    line.send(600, headers=unless("*"))
    network.drive(0.5)
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.BLOCK)
    network.drive(0.5)
    assert line.last.state == "terminated" and line.last.reason == "rejected"


def test_who_leaves_with_all_it_wanted_gets_204_and_no_notify(
    gateway: Gateway, bob: Phone, network: Network
) -> None:
    line = watching(bob)
    line.send(0, headers=unless(line.last["SIP-ETag"]))
    network.drive(1)
    assert line.status == 204 and line.states == ["active"] and len(gateway.notifier) == 0
    assert list(gateway.store.dialogs.all()) == []


def test_who_leaves_with_something_else_is_told_all(bob: Phone, network: Network) -> None:
    line = watching(bob)
    line.send(600, headers=unless(line.last["SIP-ETag"]))
    network.drive(0.5)
    line.send(0)
    network.drive(1)
    assert line.status == 200 and line.states == ["active", "terminated"] and b"closed" in line.last.body


def test_a_change_of_the_standing_that_was_not_told_yet_is_told(
    gateway: Gateway, bob: Phone, network: Network
) -> None:
    line = watching(bob)
    line.answer = lambda notify: None
    line.send(600)
    network.drive(0.2)
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.CONFIRM)
    network.drive(0.2)
    line.send(600, headers=unless("*"))
    network.drive(0.2)
    line.answer = lambda notify: "200 OK"
    network.drive(5)
    assert line.status == 200 and line.last.state == "pending"


def test_a_condition_outlives_the_process_while_it_is_true(network: Network) -> None:
    process = Gateway(network)
    line = watching(Phone(network, "192.0.2.20", BOB))
    tag = line.last["SIP-ETag"]
    line.send(600, headers=unless(tag))
    network.drive(0.5)
    process = Gateway(network, seed=2, kept=process.killed())
    network.drive(2)
    assert len(line.notifies) == 1
    Phone(network, "192.0.2.10", ALICE).publish(document("away"))
    network.drive(0.5)
    assert len(line.notifies) == 2 and b"away" in line.last.body
    process = Gateway(network, seed=3, kept=process.killed())
    network.drive(2)
    assert len(line.notifies) == 3, "a condition that was false once is over, also after a restart"


def test_a_condition_that_was_false_once_is_not_true_again_after_a_restart(network: Network) -> None:
    process = Gateway(network)
    line = watching(Phone(network, "192.0.2.20", BOB))
    line.send(600, headers=unless(line.last["SIP-ETag"]))
    network.drive(0.5)
    Phone(network, "192.0.2.10", ALICE).publish(document("away"))
    network.drive(0.5)
    assert b"away" in line.last.body
    store = process.killed()
    for publication in list(store.publications.all()):
        store.publications.remove(publication.key)  # it expired while nobody was there
    Gateway(network, seed=2, kept=store)
    network.drive(2)
    assert b"<basic>closed" in line.last.body and line.last["SIP-ETag"] == line.notifies[0]["SIP-ETag"]


def test_news_that_end_a_condition_are_told_when_the_disk_is_there_again(network: Network) -> None:
    store = HoldingStore(network.clock)
    Gateway(network, store=store)
    line = watching(Phone(network, "192.0.2.20", BOB))
    line.send(600, headers=unless(line.last["SIP-ETag"]))
    network.drive(0.5)
    assert line.status == 204
    store.held = []
    Phone(network, "192.0.2.10", ALICE).publish(document("away"))
    network.drive(0.5)
    (published, lapsed), store.held = store.held, None
    published(None)
    lapsed(StorageFailed("no room"))
    network.drive(1)
    assert len(line.notifies) == 1
    network.drive(LOST_PAUSE + 1)
    assert len(line.notifies) == 2 and b"away" in line.last.body


def test_the_tag_of_a_state_is_the_same_after_a_restart(network: Network) -> None:
    process = Gateway(network)
    line = watching(Phone(network, "192.0.2.20", BOB))
    tag = line.last["SIP-ETag"]
    Gateway(network, seed=2, kept=process.killed())
    network.drive(2)
    assert line.last["SIP-ETag"] == tag and len(line.notifies) == 2
    line.send(600, headers=unless(tag))
    network.drive(0.5)
    assert line.status == 204


def test_who_is_politely_blocked_learns_nothing_by_conditions(
    gateway: Gateway, alice: Phone, bob: Phone, network: Network
) -> None:
    alice.publish(document("away"))
    seen = watching(Phone(network, "192.0.2.30", "sip:juliet@sip.example.org")).last["SIP-ETag"]
    gateway.decide("alice@sip.example.org", "bob@sip.example.org", Handling.POLITE_BLOCK)
    line = watching(bob)
    line.send(600, headers=unless(seen))
    network.drive(0.5)
    assert line.status == 200 and b"closed" in line.last.body


bodies = st.none() | st.builds(
    Body, content_type=st.sampled_from(["application/pidf+xml", "text/plain"]), octets=st.binary(max_size=50)
)


@given(bodies, st.text(max_size=90))
def test_a_block_is_taken_apart_into_what_it_was_made_of(body: Body | None, key: str) -> None:
    written = block(body, key)
    headers, content_type, octets = taken_apart(written)
    assert (content_type, octets) == ((None, b"") if body is None else (body.content_type, body.octets))
    assert headers == ([("SIP-ETag", tag_in(written))] if body is not None else [])
    assert tagged(body, tag_in(written)) == written
    assert tag_in(bare(tag_in(written))) == tag_in(written)


@given(bodies, bodies, st.text(max_size=90), st.text(max_size=90))
def test_tags_differ_where_anything_does(one: Body, other: Body, key: str, other_key: str) -> None:
    same = block(one, key) == block(other, other_key)
    assert same is ((one, key) == (other, other_key) or (one is None and other is None))


@given(st.text(max_size=200))
def test_any_text_may_be_a_condition(value: str) -> None:
    condition = condition_in(value)
    assert holds(condition, "0123") is (value.strip() in ("*", "0123"))


class Counted:
    """A form that counts, and says what was there before."""

    name, numbered = "counted", True

    def body(self, told: Told[Any], before: Told[Any] | None, entity: str, number: int) -> Body | None:
        known = "nothing" if before is None else before.document
        if told.document is None:
            return None
        return Body(content_type="text/counted", octets=f"{number}: {told.document} after {known}".encode())


class Counting:
    """A package with that form, whose state a test sets."""

    name, default_expires, accepts = "counting", 3600, ()

    def __init__(self, gateway: Gateway) -> None:
        self.state = "first"
        self.agent = StateAgent[str](
            clock=gateway.clock,  # type: ignore[arg-type]
            compute=lambda _: self.state,
            neutral=lambda _: "",
            decide=lambda *_: Handling.ALLOW,
            exists=lambda _: True,
        )

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return self.agent.watch(resource, watcher, fetch=fetch)

    def form(self, accept: str, user_agent: str, *, datagram: bool) -> Counted:
        return Counted()

    def check(self, body: bytes) -> None: ...

    def device_of(self, body: bytes) -> str:
        return ""


def test_every_package_may_be_asked_for_less(network: Network) -> None:
    made: list[Counting] = []

    def packages(gateway: Gateway) -> list[Counting]:
        made.append(Counting(gateway))
        return made

    Gateway(network, packages=packages)
    bob = Phone(network, "192.0.2.20", BOB)
    line = bob.subscribe(ALICE, event="counting;max-rate=0.1", headers="", body=b"ignored")
    network.drive(0.5)
    (package,) = made

    def becomes(state: str) -> None:
        package.state = state
        package.agent.changed(Address.parse("alice@sip.example.org"))
        network.drive(12)

    tag = line.last["SIP-ETag"]
    assert line.last.body == b"0: first after nothing"
    becomes("second")
    assert line.last.body == b"1: second after first"
    assert line.last["SIP-ETag"] != tag, "the tag is that of the whole state"
    line.send(600, headers=f"Suppress-If-Match: {line.last['SIP-ETag']}\r\n")
    network.drive(0.5)
    assert line.status == 204 and len(line.notifies) == 2
    becomes("third")
    assert line.last.body == b"2: third after nothing", "it may have missed what another dialog told it"
    becomes("first")
    assert line.last.body == b"3: first after third" and line.last["SIP-ETag"] == tag


class _Asked:
    """A watch that counts how often its source is asked again."""

    def __init__(self, watch: Watch, package: "Asking") -> None:
        self.stop = watch.stop
        self._watch = watch
        self._package = package

    def refresh(self) -> None:
        self._package.asked += 1
        self._watch.refresh()


class Asking(Counting):
    """The same, with sources that have to be asked from time to time, as a contact at another server."""

    asked = 0

    def watch(self, resource: Address, watcher: StateWatcher, *, fetch: bool = False) -> Watch:
        return _Asked(super().watch(resource, watcher, fetch=fetch), self)


def test_the_source_is_asked_again_for_who_has_what_is_known(network: Network) -> None:
    made: list[Asking] = []

    def packages(gateway: Gateway) -> list[Asking]:
        made.append(Asking(gateway))
        return made

    Gateway(network, packages=packages)
    line = Phone(network, "192.0.2.20", BOB).subscribe(ALICE, event="counting", headers="")
    network.drive(0.5)
    for count in (1, 2):
        line.send(600, headers=f"Suppress-If-Match: {line.last['SIP-ETag']}\r\n")
        network.drive(0.5)
        assert line.status == 204 and made[0].asked == count and len(line.notifies) == 1
