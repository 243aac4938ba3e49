"""The lamp of a mailbox, as a telephone and a voicemail server see it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.documents.message_summary import CONTENT_TYPE, Count, MessageSummary, write
from sip2xmpp.events.message_summary import MessageSummaryPackage, combined
from sip2xmpp.store.memory import MemoryStore
from tests.documents.test_message_summary import summaries
from tests.events.gateway import Gateway
from tests.events.phone import Exchange, Line, Phone
from tests.fakes import Network

ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
NO_MESSAGES = b"Messages-Waiting: no\r\n"


def voice(new: int, old: int = 0, account: str = "", waiting: bool | None = None) -> bytes:
    return write(
        MessageSummary(
            waiting=bool(new) if waiting is None else waiting,
            account=account,
            counts=(("voice-message", Count(new=new, old=old)),),
        )
    )


class Scene:
    def __init__(self, clock: Clock, **options: Any) -> None:
        self.network = Network(clock)
        self.gateway = self.start(**options)
        self.phone = Phone(self.network, "192.0.2.10", ALICE)
        self.server = Phone(self.network, "192.0.2.30", ALICE, agent="Voicemail/1.0")

    def start(self, **options: Any) -> Gateway:
        return Gateway(
            self.network,
            packages=lambda gateway: [
                MessageSummaryPackage(
                    store=gateway.store,
                    clock=gateway.clock,  # type: ignore[arg-type]
                    exists=lambda user: user.domain == "sip.example.org",
                )
            ],
            **options,
        )

    def subscribed(self, phone: Phone | None = None, headers: str = "", expires: int | None = 600) -> Line:
        line = (phone or self.phone).subscribe(ALICE, expires, event="message-summary", headers=headers)
        self.network.drive(0.5)
        return line

    def published(self, body: bytes, phone: Phone | None = None, **options: Any) -> Exchange:
        exchange = (phone or self.server).publish(
            body, event="message-summary", content_type=CONTENT_TYPE, user=ALICE, **options
        )
        self.network.drive(1.5)
        return exchange


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_a_mailbox_of_which_nothing_is_known_is_empty(scene: Scene) -> None:
    line = scene.subscribed()
    assert line.status == 200 and line.last.state == "active"
    assert line.last["Content-Type"] == CONTENT_TYPE and line.last.body == NO_MESSAGES


def test_a_lifetime_that_is_not_asked_for_is_an_hour(scene: Scene) -> None:
    assert scene.subscribed(expires=None).response["Expires"] == "3600"


def test_what_the_voicemail_server_publishes_lights_the_lamp(scene: Scene) -> None:
    line = scene.subscribed()
    exchange = scene.published(voice(2, 8, "sip:vm@sip.example.org"))
    assert exchange.status == 200
    assert line.last.body == (
        b"Messages-Waiting: yes\r\nMessage-Account: sip:vm@sip.example.org\r\nVoice-Message: 2/8\r\n"
    )
    assert exchange.final is not None
    scene.published(b"", etag=exchange.final["SIP-ETag"], expires=0)
    assert line.last.body == NO_MESSAGES and len(line.notifies) == 3


def test_the_lamp_goes_out_when_the_publication_expires(scene: Scene) -> None:
    line = scene.subscribed()
    scene.published(voice(1), expires=60)
    scene.network.drive(62)
    assert line.last.body == NO_MESSAGES


def test_only_the_owner_may_look(scene: Scene) -> None:
    bob = Phone(scene.network, "192.0.2.20", BOB)
    line = scene.subscribed(bob)
    assert line.status == 403 and not line.notifies


@pytest.mark.parametrize(
    ("accept", "status"),
    [("Accept: application/simple-message-summary\r\n", 200), ("Accept: text/plain\r\n", 406)],
)
def test_the_watcher_has_to_accept_the_only_type_there_is(scene: Scene, accept: str, status: int) -> None:
    assert scene.subscribed(headers=accept).status == status


def test_what_is_not_a_summary_is_not_published(scene: Scene) -> None:
    assert scene.published(b"Hello").status == 400
    exchange = scene.phone.publish(voice(1), event="message-summary", content_type="text/plain")
    scene.network.drive(0.5)
    assert exchange.status == 415
    assert exchange.final is not None and exchange.final["Accept"] == CONTENT_TYPE


def test_there_is_a_second_between_two_notifies_and_the_last_news_always_come(scene: Scene) -> None:
    line = scene.subscribed()
    exchange = scene.server.publish(voice(1), event="message-summary", content_type=CONTENT_TYPE)
    scene.network.drive(0.1)
    for new in range(2, 6):
        assert exchange.final is not None
        exchange = scene.server.publish(
            voice(new), event="message-summary", content_type=CONTENT_TYPE, etag=exchange.final["SIP-ETag"]
        )
        scene.network.drive(0.1)
    scene.network.drive(2)
    assert [notify.body.splitlines()[-1] for notify in line.notifies[1:]] == [
        b"Voice-Message: 1/0",
        b"Voice-Message: 5/0",
    ]


def test_the_state_outlives_the_process(scene: Scene) -> None:
    line = scene.subscribed()
    scene.published(voice(3))
    kept = scene.gateway.killed()
    scene.gateway = scene.start(kept=kept, seed=2)
    scene.network.drive(2)
    assert line.last.body == voice(3) and line.last.cseq > 2
    scene.published(voice(0, 3))
    assert line.last.body == voice(0, 3)


def test_a_server_that_lost_its_tag_replaces_what_it_published(scene: Scene) -> None:
    line = scene.subscribed()
    scene.published(voice(3, account="sip:vm@sip.example.org"))
    scene.published(voice(1, account="sip:vm@sip.example.org"))
    assert line.last.body == voice(1, account="sip:vm@sip.example.org")
    store: MemoryStore = scene.gateway.store
    assert len(store.publications) == 1


def test_several_mailboxes_are_added_up(scene: Scene) -> None:
    line = scene.subscribed()
    scene.published(voice(3, 1, "sip:vm@sip.example.org"))
    scene.published(
        b"Messages-Waiting: yes\r\nMessage-Account: sip:fax@sip.example.org\r\nVoice-Message: 1/1 (1/0)\r\n"
        b"Fax-Message: 2/0\r\n",
    )
    assert line.last.body == b"Messages-Waiting: yes\r\nVoice-Message: 4/2 (1/0)\r\nFax-Message: 2/0\r\n"


@given(st.lists(summaries, max_size=6))
def test_whatever_is_combined_can_be_written(said: list[MessageSummary]) -> None:
    together = combined(said)
    assert write(together)
    if said and len({summary.account for summary in said}) == 1:
        assert together == said[0]
    newest = {summary.account: summary for summary in reversed(said)}
    assert together.waiting == any(summary.waiting for summary in newest.values())
