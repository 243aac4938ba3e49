"""A list of lamps: one subscription of a telephone to the calls of several users."""

from collections.abc import Sequence
from typing import Any

import pytest
from twisted.internet.task import Clock

from sip2xmpp.documents.dialog_info import CallState, read
from sip2xmpp.events.list_package import Lists
from sip2xmpp.events.package import EventPackage
from tests.events.gateway import Gateway
from tests.events.listing import DOMAIN, lists_of, related, service
from tests.events.phone import Line
from tests.events.test_dialogs import ALICE, BOB, Scene, call, tag

LAMPS = f"sip:lamps@{DOMAIN}"
HEADERS = (
    "Accept: application/dialog-info+xml, application/rlmi+xml, multipart/related\r\nSupported: eventlist\r\n"
)


class Lamps(Scene):
    """Bob's phone has one subscription to alice and bob."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self.gateway.store.documents.put(service(LAMPS, f"bob@{DOMAIN}", ALICE, BOB))

    def start(self, **options: Any) -> Gateway:
        def lists(gateway: Gateway, packages: Sequence[EventPackage]) -> Lists:
            return lists_of(gateway, packages, is_user=lambda address: address.local in ("alice", "bob"))

        return super().start(lists=lists, **options)


@pytest.fixture
def scene(clock: Clock) -> Lamps:
    return Lamps(clock)


def lamps(scene: Lamps) -> Line:
    line = scene.bob.subscribe(LAMPS, event="dialog", headers=HEADERS)
    scene.network.drive(0.5)
    return line


def shown(line: Line) -> dict[str, list[str]]:
    """The states of calls in the last NOTIFY, by user."""
    taken = related(line.last)
    return {
        resource.uri: [each.state.value for each in read(taken.parts[resource.instances[0].cid].body).calls]
        for resource in taken.information.resources
    }


def test_all_lamps_are_told_and_then_the_one_that_changed(scene: Lamps) -> None:
    line = lamps(scene)
    assert shown(line) == {ALICE: ["terminated"], BOB: ["terminated"]}
    etag = tag(scene.published(call("a", CallState.EARLY)))
    assert shown(line) == {ALICE: ["early"]}
    scene.published(call("a", CallState.TERMINATED), etag=etag)
    assert shown(line) == {ALICE: ["terminated"]}
    assert [related(notify).information.full for notify in line.notifies] == [True, False, False]


def test_each_document_is_newer_than_the_one_before(scene: Lamps) -> None:
    line = lamps(scene)
    etag = tag(scene.published(call("a", CallState.EARLY)))
    scene.published(call("a"), etag=etag)
    taken = [related(notify) for notify in line.notifies]
    versions = [
        read(each.parts[each.information.resources[0].instances[0].cid].body).version for each in taken
    ]
    assert versions == sorted(set(versions))


def test_a_call_that_is_not_published_any_more_is_told_to_be_over(scene: Lamps) -> None:
    line = lamps(scene)
    etag = tag(scene.published(call("a")))
    scene.published(etag=etag, expires=0, body=b"")
    assert shown(line) == {ALICE: ["terminated"]}
