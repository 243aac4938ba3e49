"""PUBLISH as a phone sends it: every row of RFC 3903, section 6, and what the watchers see of it."""

import pytest
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.errors import StorageFailed
from sip2xmpp.events.publication import PublicationLimits
from sip2xmpp.store.interface import Told
from sip2xmpp.store.memory import MemoryStore
from tests.events.gateway import Gateway
from tests.events.phone import Exchange, Phone
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
BOB = "sip:bob@sip.example.org"
GROUP = "alice@sip.example.org"


def done(exchange: Exchange, network: Network) -> Exchange:
    network.drive(0.2)
    assert exchange.final is not None
    return exchange


def etag(exchange: Exchange) -> str:
    assert exchange.final is not None and exchange.status == 200
    assert len(exchange.final.all("SIP-ETag")) == 1
    return exchange.final["SIP-ETag"]


def documents(gateway: Gateway) -> list[bytes]:
    return [publication.document for publication in gateway.store.publications.select(GROUP)]


def test_an_initial_publication_gets_a_tag_and_its_lifetime(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    exchange = done(alice.publish(document("away")), network)
    assert exchange.status == 200 and etag(exchange) and exchange.responses[0]["Expires"] == "600"
    assert documents(gateway) == [document("away")]


def test_a_refresh_keeps_the_document_and_changes_the_tag(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    first = etag(done(alice.publish(document("away")), network))
    network.drive(500)
    second = etag(done(alice.publish(etag=first), network))
    assert second != first
    network.drive(500)
    assert documents(gateway) == [document("away")]
    network.drive(120)
    assert documents(gateway) == []


def test_a_modification_replaces_the_document_and_changes_the_tag(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    first = etag(done(alice.publish(document("away")), network))
    second = etag(done(alice.publish(document("busy"), etag=first), network))
    assert second != first and documents(gateway) == [document("busy")]


def test_a_removal_deletes_the_document(alice: Phone, network: Network, gateway: Gateway) -> None:
    first = etag(done(alice.publish(document("away")), network))
    removal = done(alice.publish(etag=first, expires=0), network)
    assert etag(removal) and removal.responses[0]["Expires"] == "0" and documents(gateway) == []


def test_every_tag_is_new(alice: Phone, network: Network) -> None:
    tags = [etag(done(alice.publish(document("away")), network))]
    for _ in range(20):
        tags.append(etag(done(alice.publish(etag=tags[-1]), network)))
    assert len(set(tags)) == len(tags)


def test_tags_of_two_processes_differ(network: Network, clock: Clock) -> None:
    first = Gateway(network, seed=1)
    alice = Phone(network, "192.0.2.10", ALICE)
    one = etag(done(alice.publish(document("away")), network))
    Gateway(network, seed=2, kept=first.killed())
    assert etag(done(alice.publish(document("busy"), etag=one), network)) != one


@pytest.mark.parametrize("why", ["used", "unknown", "another's", "expired"])
def test_a_tag_that_names_nothing_is_412(alice: Phone, network: Network, gateway: Gateway, why: str) -> None:
    tag = etag(done(alice.publish(document("away"), expires=60), network))
    who = alice
    if why == "used":
        done(alice.publish(etag=tag), network)
    elif why == "unknown":
        tag = "never-given"
    elif why == "another's":
        who = Phone(network, "192.0.2.11", BOB)
    else:
        network.drive(61)
    before = documents(gateway)
    assert done(who.publish(document("busy"), etag=tag), network).status == 412
    assert documents(gateway) == before


def test_two_tags_in_one_request_are_400(alice: Phone, network: Network) -> None:
    tag = etag(done(alice.publish(document("away")), network))
    headers = "SIP-If-Match: other\r\n"
    assert done(alice.publish(document("busy"), etag=tag, headers=headers), network).status == 400


def test_a_first_publication_without_a_body_is_400(alice: Phone, network: Network) -> None:
    assert done(alice.publish(), network).status == 400


@pytest.mark.parametrize("event", ["", "dialog", "presence.winfo"])
def test_an_unknown_package_is_489(alice: Phone, network: Network, event: str) -> None:
    exchange = done(alice.publish(document("away"), event=event), network)
    assert exchange.status == 489 and exchange.responses[0]["Allow-Events"] == "presence"


def test_the_package_is_known_in_any_case(alice: Phone, network: Network) -> None:
    assert done(alice.publish(document("away"), event="Presence"), network).status == 200


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/xpidf+xml"])
def test_another_type_is_415_with_what_is_accepted(alice: Phone, network: Network, content_type: str) -> None:
    exchange = done(alice.publish(document("away"), content_type=content_type), network)
    assert exchange.status == 415 and exchange.responses[0]["Accept"] == "application/pidf+xml"


def test_parameters_and_case_of_the_type_do_not_matter(alice: Phone, network: Network) -> None:
    exchange = alice.publish(document("away"), content_type='Application/PIDF+xml;charset="UTF-8"')
    assert done(exchange, network).status == 200


def test_a_packed_body_is_415_with_what_is_accepted(alice: Phone, network: Network) -> None:
    exchange = done(alice.publish(document("away"), headers="Content-Encoding: gzip\r\n"), network)
    assert exchange.status == 415 and exchange.responses[0]["Accept-Encoding"] == "identity"


@pytest.mark.parametrize("body", [b"<presence", b"<other/>", b"\xff\xfe", b"<!DOCTYPE x><presence/>"])
def test_a_body_that_is_no_presence_document_is_400(
    alice: Phone, network: Network, gateway: Gateway, body: bytes
) -> None:
    assert done(alice.publish(body), network).status == 400
    assert documents(gateway) == []


def test_a_body_over_the_limit_is_413(network: Network) -> None:
    Gateway(network, publications=PublicationLimits(body=500))
    alice = Phone(network, "192.0.2.10", ALICE)
    assert done(alice.publish(document("away") + b" " * 500), network).status == 413


@pytest.mark.parametrize("asked", [1, 59])
def test_a_lifetime_too_brief_is_423_with_the_least(alice: Phone, network: Network, asked: int) -> None:
    exchange = done(alice.publish(document("away"), expires=asked), network)
    assert exchange.status == 423 and exchange.responses[0]["Min-Expires"] == "60"


@pytest.mark.parametrize(("asked", "granted"), [(None, "3600"), (60, "60"), (90_000, "7200")])
def test_the_lifetime_is_never_longer_than_asked_for(
    alice: Phone, network: Network, asked: int | None, granted: str
) -> None:
    exchange = done(alice.publish(document("away"), expires=asked), network)
    assert exchange.responses[0]["Expires"] == granted


def test_a_first_publication_that_is_over_at_once_stores_nothing(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    exchange = done(alice.publish(document("away"), expires=0), network)
    assert exchange.status == 200 and documents(gateway) == []


def test_nobody_of_that_name_is_404(network: Network) -> None:
    Gateway(network, users=lambda address: False)
    alice = Phone(network, "192.0.2.10", ALICE)
    assert done(alice.publish(document("away")), network).status == 404


@pytest.mark.parametrize("entity", ["pres:alice@sip.example.org", "sip:alice@192.0.2.10:5060", ""])
def test_the_entity_in_the_document_does_not_matter(
    alice: Phone, network: Network, gateway: Gateway, entity: str
) -> None:
    body = document("away").replace(b"sip:alice@sip.example.org", entity.encode())
    bob = Phone(network, "192.0.2.20", BOB)
    line = bob.subscribe(ALICE)
    assert done(alice.publish(body), network).status == 200
    network.drive(1)
    assert b'entity="sip:alice@sip.example.org"' in line.last.body and b"away" in line.last.body


# Several devices


def test_the_same_device_after_a_restart_replaces_what_it_said_before(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    first = etag(done(alice.publish(document("away", tuple_id="run1")), network))
    done(alice.publish(document("busy", tuple_id="run2")), network)
    assert documents(gateway) == [document("busy", tuple_id="run2")]
    assert done(alice.publish(etag=first), network).status == 412


def test_the_same_device_is_known_again_by_its_tuple_at_another_port(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    done(alice.publish(document("away")), network)
    again = Phone(network, "192.0.2.10", ALICE, port=5099)
    done(again.publish(document("busy")), network)
    assert documents(gateway) == [document("busy")]


def test_the_same_device_is_known_again_by_its_instance_anywhere(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    contact = 'Contact: <sip:alice@{}>;+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"\r\n'
    done(alice.publish(document("away"), headers=contact.format("192.0.2.10")), network)
    roamed = Phone(network, "192.0.2.77", ALICE, port=5099)
    done(roamed.publish(document("busy", tuple_id="x"), headers=contact.format("192.0.2.77")), network)
    assert documents(gateway) == [document("busy", tuple_id="x")]


def test_two_devices_of_one_user_stand_beside_each_other(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    done(alice.publish(document("away")), network)
    desk = Phone(network, "192.0.2.12", ALICE)
    done(desk.publish(document("busy")), network)
    assert documents(gateway) == [document("away"), document("busy")]


def test_two_devices_behind_one_proxy_stand_beside_each_other(network: Network, gateway: Gateway) -> None:
    proxy = Phone(network, "192.0.2.50", ALICE)
    for host, tuple_id in (("10.0.0.1", "a"), ("10.0.0.2", "b")):
        via = f"Via: SIP/2.0/UDP {host}:5060;branch=z9hG4bK{tuple_id}\r\n"
        headers = "Event: presence\r\nContent-Type: application/pidf+xml\r\n"
        body = document("away", tuple_id=tuple_id)
        done(proxy.request("PUBLISH", ALICE, via=via, headers=headers, body=body), network)
    assert len(documents(gateway)) == 2


@pytest.mark.parametrize(("second", "devices"), [("203.0.113.7", 1), ("203.0.113.8", 2)])
def test_devices_with_one_address_in_two_private_networks_stand_beside_each_other(
    network: Network, gateway: Gateway, second: str, devices: int
) -> None:
    proxy = Phone(network, "192.0.2.50", ALICE)
    for n, received in enumerate(("203.0.113.7", second)):
        via = f"Via: SIP/2.0/UDP 192.168.1.10:5060;branch=z9hG4bK{n};received={received}\r\n"
        headers = "Event: presence\r\nContent-Type: application/pidf+xml\r\n"
        body = document("away")
        done(proxy.request("PUBLISH", ALICE, via=via, headers=headers, body=body), network)
    assert len(documents(gateway)) == devices


def test_more_publications_than_the_limit_push_out_the_one_that_ends_first(network: Network) -> None:
    gateway = Gateway(network, publications=PublicationLimits(per_presentity=3))
    for n in range(4):
        phone = Phone(network, f"192.0.2.{60 + n}", ALICE)
        done(phone.publish(document("away", tuple_id=f"t{n}"), expires=600 + n), network)
    assert documents(gateway) == [document("away", tuple_id=f"t{n}") for n in (1, 2, 3)]


# What watchers see


def test_the_whole_life_of_a_publication_as_a_watcher_sees_it(alice: Phone, network: Network) -> None:
    bob = Phone(network, "192.0.2.20", BOB)
    line = bob.subscribe(ALICE)
    network.drive(0.5)
    first = etag(done(alice.publish(document("away")), network))
    second = etag(done(alice.publish(document("busy"), etag=first), network))
    third = etag(done(alice.publish(etag=second), network))
    done(alice.publish(etag=third, expires=0), network)
    network.drive(0.5)
    seen = [notify.body for notify in line.notifies]
    assert len(seen) == 4
    assert b"closed" in seen[0] and b"rpid:away" in seen[1] and b"rpid:busy" in seen[2] and seen[3] == seen[0]


def test_a_document_repeated_to_refresh_it_keeps_its_time(
    alice: Phone, network: Network, gateway: Gateway
) -> None:
    bob = Phone(network, "192.0.2.20", BOB)
    line = bob.subscribe(ALICE)
    tag = etag(done(alice.publish(document("away")), network))
    network.drive(100)
    before = len(line.notifies)
    etag(done(alice.publish(document("away"), etag=tag), network))
    network.drive(1)
    assert len(line.notifies) == before
    (publication,) = gateway.store.publications.select(GROUP)
    assert gateway.clock.seconds() - publication.published_at > 100


# Durability


class SlowStore(MemoryStore):
    """Commits when a test says so, or never."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.waiting: list[Told] = []
        self.broken = False

    def after_commit(self, call: Told) -> None:
        if self.broken:
            call(StorageFailed("the disk is full"))
        else:
            self.waiting.append(call)


def test_nothing_is_acknowledged_before_it_is_stored(network: Network, clock: Clock) -> None:
    store = SlowStore(clock)
    Gateway(network, store=store)
    alice = Phone(network, "192.0.2.10", ALICE)
    bob = Phone(network, "192.0.2.20", BOB)
    exchange = alice.publish(document("away"))
    line = bob.subscribe(ALICE)
    network.drive(0.4)
    assert exchange.final is None and line.exchanges[0].final is None and not line.notifies
    for told in store.waiting:
        told(None)
    network.drive(0.4)
    assert exchange.status == 200 and line.status == 200 and line.states == ["active"]


def test_what_cannot_be_stored_is_500_and_as_if_it_never_was(network: Network, clock: Clock) -> None:
    store = SlowStore(clock)
    gateway = Gateway(network, store=store)
    failures: list[object] = []
    globalLogPublisher.addObserver(failures.append)
    alice = Phone(network, "192.0.2.10", ALICE)
    bob = Phone(network, "192.0.2.20", BOB)
    store.broken = True
    exchange = alice.publish(document("away"))
    line = bob.subscribe(ALICE)
    network.drive(5)
    globalLogPublisher.removeObserver(failures.append)
    assert exchange.status == 500 and line.status == 500 and not line.notifies
    assert documents(gateway) == [] and len(store.dialogs) == 0 and len(gateway.notifier) == 0


def test_what_could_not_be_stored_does_not_undo_what_came_after_it(network: Network, clock: Clock) -> None:
    store = SlowStore(clock)
    gateway = Gateway(network, store=store)
    alice = Phone(network, "192.0.2.10", ALICE)
    # the same device twice, the second time before the first was answered
    first, second = alice.publish(document("away")), alice.publish(document("busy"))
    network.drive(0.4)
    failed, kept = store.waiting
    failed(StorageFailed("the disk is full"))
    kept(None)
    network.drive(0.4)
    assert (first.status, second.status) == (500, 200)
    assert documents(gateway) == [document("busy")]
