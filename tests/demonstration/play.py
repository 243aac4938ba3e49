"""What romeo and bob and the programs about them do, in order, and what must then be seen by whom."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from enum import Enum

from tests.demonstration.eyes import Sight
from tests.demonstration.looks import (
    Look,
    bob_gets,
    bob_looks,
    bob_looks_out,
    bob_sees_lamp,
    bob_sees_list,
    romeo_gets,
    romeo_looks,
    romeo_looks_out,
)
from tests.demonstration.scene import (
    BOB,
    BUDDIES,
    LISTS,
    ROMEO_URI,
    SECONDS,
    WEATHER,
    Scene,
    rules,
)
from tests.peers.rawxmpp import any_presence, child, text
from tests.peers.sipclient import Subscription, pidf
from tests.peers.sipmessage import token

ACTIVITY = "http://jabber.org/protocol/activity"
CHAT_STATES = "http://jabber.org/protocol/chatstates"
RECEIPTS = "urn:xmpp:receipts"
TYPING = "application/im-iscomposing+xml"
CPIM = "message/cpim"


class Who(Enum):
    """The two users, and two programs: one that both watch, and one that speaks for bob."""

    ROMEO = "romeo"
    BOB = "bob"
    WEATHER = "weather"
    ASSISTANT = "assistant"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One thing done, and the sight it has to make.  ``lasting`` sights are states, the others are moments."""

    actor: Who
    does: str
    act: Callable[[Scene], object]
    viewer: Who
    expected: Sight
    look: Look
    lasting: bool = field(default=True)


# what they do


def _publishes(does: str, expected: Sight, *activities: str, note: str = "") -> Step:
    """Bob's phone publishes a document."""
    return Step(
        actor=Who.BOB,
        does=does,
        act=lambda scene: scene.publish(pidf(scene.bob.uri, "open", *activities, note=note)),
        viewer=Who.ROMEO,
        expected=expected,
        look=romeo_looks,
    )


def _shows(does: str, expected: Sight, show: str | None = None, status: str | None = None) -> Step:
    """Romeo's client sends presence."""
    return Step(
        actor=Who.ROMEO,
        does=does,
        act=lambda scene: scene.romeo.available(show, status),
        viewer=Who.BOB,
        expected=expected,
        look=bob_looks,
    )


def _bobs_call(does: str, expected: Sight, *, answers: bool) -> Step:
    """Bob's phone tells of a call, and knows nothing of presence."""
    return Step(
        actor=Who.BOB,
        does=does,
        act=lambda scene: scene.call(answers=answers),
        viewer=Who.ROMEO,
        expected=expected,
        look=romeo_looks,
    )


def _lights(does: str, lamp: str, show: str | None, status: str) -> Step:
    """Romeo's client sends presence, and a lamp on bob's phone shows whether romeo can be called."""
    return Step(
        actor=Who.ROMEO,
        does=does,
        act=lambda scene: scene.romeo.available(show, status),
        viewer=Who.BOB,
        expected=Sight(lamp),
        look=bob_sees_lamp,
        lasting=False,
    )


def _begin(watch: Subscription) -> None:
    """Bob watches one thing more."""
    response = watch.send(SECONDS)
    assert response.status == 200, f"SUBSCRIBE is answered {response.start}"


def _begin_list(scene: Scene) -> None:
    """Bob's phone keeps a list at the server, and watches it as one."""
    answer = scene.papers.put("rls-services", BUDDIES)
    assert answer.status in {200, 201}, f"the list is answered {answer.status}"
    response = scene.buddies.send(SECONDS, LISTS)
    assert response.status == 200, f"SUBSCRIBE is answered {response.start}"


def _rules(does: str, expected: Sight, handling: str, provides: str = "") -> Step:
    """Bob's client keeps rules at the server: what becomes of romeo, and what he is shown."""
    return Step(
        actor=Who.BOB,
        does=does,
        act=lambda scene: scene.papers.put("pres-rules", rules(handling, provides)),
        viewer=Who.ROMEO,
        expected=expected,
        look=romeo_looks,
    )


def _holidays(scene: Scene) -> None:
    """Bob's assistant says where bob is, however his phone is."""
    scene.state(
        "assistant",
        "PUT",
        f"permanent/{BOB}",
        {
            "state": "xa",
            "activities": ["holiday"],
            "note": "Back on 5 January",
            "precedence": "always",
        },
    )


def _ask(scene: Scene) -> None:
    scene.watch = scene.bob.subscribe(ROMEO_URI, expires=SECONDS)
    assert scene.watch.response.status == 200, f"SUBSCRIBE is answered {scene.watch.response.start}"


def _measures(does: str, expected: Sight, viewer: Who, state: str) -> Step:
    """A program states the weather by HTTP."""
    return Step(
        actor=Who.WEATHER,
        does=does,
        act=lambda scene: scene.state_weather({"state": state, "note": {"en": expected.text}}),
        viewer=viewer,
        expected=expected,
        look=romeo_looks_out if viewer is Who.ROMEO else bob_looks_out,
        lasting=False,
    )


def _call(scene: Scene, *, ends: bool = False) -> None:
    """Romeo's client tells of a call (XEP-0108), or of its end."""
    inside = "" if ends else "<talking><on_the_phone/></talking><text>With Juliet</text>"
    scene.romeo.publish(ACTIVITY, f"<activity xmlns='{ACTIVITY}'>{inside}</activity>")


def _write_to_romeo(scene: Scene, words: str) -> None:
    """Bob writes in an envelope that asks for a notification of delivery (RFC 5438)."""
    envelope = (
        f"From: <{scene.bob.uri}>\r\nTo: <{ROMEO_URI}>\r\nDateTime: 2026-01-01T12:00:00Z\r\n"
        f"NS: imdn <urn:ietf:params:imdn>\r\nimdn.Message-ID: {token()}\r\n"
        f"imdn.Disposition-Notification: positive-delivery\r\n\r\n"
        f"Content-Type: text/plain;charset=UTF-8\r\n\r\n{words}"
    )
    scene.bob.message(ROMEO_URI, envelope, CPIM)


def _confirm_to_romeo(scene: Scene) -> None:
    """Bob's phone notifies of the delivery of the message that asked for it."""
    document = (
        '<?xml version="1.0" encoding="UTF-8"?>\n<imdn xmlns="urn:ietf:params:xml:ns:imdn">'
        f"<message-id>{scene.asked_for}</message-id><datetime>2026-01-01T12:00:00Z</datetime>"
        "<delivery-notification><status><delivered/></status></delivery-notification></imdn>"
    )
    envelope = (
        f"From: <{scene.bob.uri}>\r\nTo: <{ROMEO_URI}>\r\nNS: imdn <urn:ietf:params:imdn>\r\n"
        f"imdn.Message-ID: {token()}\r\n\r\n"
        f"Content-Type: message/imdn+xml\r\nContent-Disposition: notification\r\n\r\n{document}"
    )
    scene.bob.message(ROMEO_URI, envelope, CPIM)


def _type_to_romeo(scene: Scene) -> None:
    scene.bob.message(
        ROMEO_URI,
        '<?xml version="1.0"?><isComposing xmlns="urn:ietf:params:xml:ns:im-iscomposing"><state>active</state>'
        "<contenttype>text/plain</contenttype><refresh>60</refresh></isComposing>",
        TYPING,
    )


def _said_to_romeo(words: str) -> Step:
    return Step(
        actor=Who.BOB,
        does="writes",
        act=lambda scene: _write_to_romeo(scene, words),
        viewer=Who.ROMEO,
        expected=Sight("message", words),
        look=romeo_gets(lambda stanza: text(stanza, "body") == words),
        lasting=False,
    )


def _said_to_bob(words: str) -> Step:
    return Step(
        actor=Who.ROMEO,
        does="writes",
        act=lambda scene: scene.romeo.message(BOB, words, more=f"<request xmlns='{RECEIPTS}'/>"),
        viewer=Who.BOB,
        expected=Sight("message", words),
        look=bob_gets(lambda message: words in message.text),
        lasting=False,
    )


ACQUAINTANCE: Sequence[Step] = (
    Step(
        actor=Who.BOB,
        does="asks to watch",
        act=_ask,
        viewer=Who.ROMEO,
        expected=Sight("asks to watch"),
        look=lambda scene, expected, within: (
            scene.romeo.wait(
                lambda stanza: any_presence(BOB)(stanza) and stanza.get("type") == "subscribe", timeout=within
            ),
            expected,
        )[1],
        lasting=False,
    ),
    Step(
        actor=Who.ROMEO,
        does="approves",
        act=lambda scene: scene.romeo.subscribed(BOB),
        viewer=Who.BOB,
        expected=Sight("online"),
        look=bob_looks,
    ),
    Step(
        actor=Who.ROMEO,
        does="asks to watch",
        act=lambda scene: scene.romeo.subscribe(BOB),
        viewer=Who.ROMEO,
        expected=Sight("approved"),
        look=lambda scene, expected, within: (
            scene.romeo.wait(
                lambda stanza: any_presence(BOB)(stanza) and stanza.get("type") == "subscribed",
                timeout=within,
            ),
            expected,
        )[1],
        lasting=False,
    ),
    Step(
        actor=Who.BOB,
        does="sets a key",
        act=lambda scene: _begin(scene.lamp),
        viewer=Who.BOB,
        expected=Sight("lamp dark"),
        look=bob_sees_lamp,
        lasting=False,
    ),
    Step(
        actor=Who.ROMEO,
        does="adds weather@",
        act=lambda scene: scene.romeo.subscribe(WEATHER),
        viewer=Who.ROMEO,
        expected=Sight("online", "17 degrees"),
        look=romeo_looks_out,
        lasting=False,
    ),
    Step(
        actor=Who.BOB,
        does="adds weather@",
        act=lambda scene: _begin(scene.outlook),
        viewer=Who.BOB,
        expected=Sight("online", "17 degrees"),
        look=bob_looks_out,
        lasting=False,
    ),
    Step(
        actor=Who.BOB,
        does="watches a list",
        act=_begin_list,
        viewer=Who.BOB,
        expected=Sight("list of 2", "2 online"),
        look=bob_sees_list,
        lasting=False,
    ),
)
"""Done once: both ask, both approve; both watch the weather, which needs nobody's approval here; bob watches a list of them."""

DAY: Sequence[Step] = (
    _publishes("comes online", Sight("online")),
    _shows("comes online", Sight("online", "Good morning"), None, "Good morning"),
    _publishes("wants to chat", Sight("free for chat"), note="Free for chat"),
    _shows("wants to chat", Sight("free for chat", "Free for chat"), "chat"),
    _publishes("goes away", Sight("away", "Gone fishing"), "away", note="Gone fishing"),
    _shows("goes away", Sight("away", "Lunch break", "away"), "away", "Lunch break"),
    _publishes(
        "leaves for long",
        Sight("extended away", "At the seaside", "on vacation"),
        "vacation",
        note="At the seaside",
    ),
    _shows("leaves for long", Sight("extended away", "In Mantua", "away"), "xa", "In Mantua"),
    _publishes("is busy", Sight("do not disturb", "Deadline"), "busy", note="Deadline"),
    _shows("is busy", Sight("do not disturb", "In a duel", "busy"), "dnd", "In a duel"),
    _publishes(
        "takes a call",
        Sight("do not disturb", "Sales call", "on the phone"),
        "on-the-phone",
        note="Sales call",
    ),
    Step(
        actor=Who.ROMEO,
        does="takes a call",
        act=_call,
        viewer=Who.BOB,
        expected=Sight("on the phone", "In a duel", "busy, on the phone"),
        look=bob_looks,
    ),
    Step(
        actor=Who.ROMEO,
        does="hangs up",
        act=lambda scene: _call(scene, ends=True),
        viewer=Who.BOB,
        expected=Sight("do not disturb", "In a duel", "busy"),
        look=bob_looks,
    ),
    Step(
        actor=Who.BOB,
        does="goes offline",
        act=lambda scene: scene.publish(),
        viewer=Who.ROMEO,
        expected=Sight("offline"),
        look=romeo_looks,
    ),
    _publishes("is back", Sight("online", "Back again"), note="Back again"),
    Step(
        actor=Who.ROMEO,
        does="goes offline",
        act=lambda scene: scene.romeo.unavailable("Good night"),
        viewer=Who.BOB,
        expected=Sight("offline", "Good night"),
        look=bob_looks,
    ),
    _shows("is back", Sight("online", "Back again"), None, "Back again"),
    _bobs_call("answers a call", Sight("do not disturb", "Back again", "on the phone"), answers=True),
    _bobs_call("hangs up", Sight("online", "Back again"), answers=False),
    _lights("is busy", "lamp lit", "dnd", "In a duel"),
    _lights("is free", "lamp dark", None, "Back again"),
    Step(
        actor=Who.ASSISTANT,
        does="puts a sign up",
        act=_holidays,
        viewer=Who.ROMEO,
        expected=Sight("extended away", "Back on 5 January", "scheduled holiday"),
        look=romeo_looks,
    ),
    Step(
        actor=Who.ASSISTANT,
        does="takes it down",
        act=lambda scene: scene.state("assistant", "DELETE", f"permanent/{BOB}"),
        viewer=Who.ROMEO,
        expected=Sight("online", "Back again"),
        look=romeo_looks,
    ),
    _rules("hides", Sight("offline"), "polite-block"),
    _rules(
        "shows little",
        Sight("online"),
        "allow",
        "<pr:provide-services><pr:all-services/></pr:provide-services>",
    ),
    Step(
        actor=Who.BOB,
        does="shows all",
        act=lambda scene: scene.papers.delete("pres-rules"),
        viewer=Who.ROMEO,
        expected=Sight("online", "Back again"),
        look=romeo_looks,
    ),
    Step(
        actor=Who.BOB,
        does="fills in a page",
        act=lambda scene: scene.fill_in("state", state="away", text0="Out to lunch", span="1h"),
        viewer=Who.ROMEO,
        expected=Sight("away", "Out to lunch"),
        look=romeo_looks,
    ),
    Step(
        actor=Who.BOB,
        does="takes it back",
        act=lambda scene: scene.fill_in("source"),
        viewer=Who.ROMEO,
        expected=Sight("online", "Back again"),
        look=romeo_looks,
    ),
    _said_to_romeo("Are you there?"),
    Step(
        actor=Who.ROMEO,
        does="confirms",
        act=lambda scene: scene.romeo.message(
            BOB, more=f"<received xmlns='{RECEIPTS}' id='{scene.asked_for}'/>"
        ),
        viewer=Who.BOB,
        expected=Sight("receipt", "delivered"),
        look=bob_gets(lambda message: "<delivered/>" in message.text),
        lasting=False,
    ),
    Step(
        actor=Who.ROMEO,
        does="types",
        act=lambda scene: scene.romeo.message(BOB, more=f"<composing xmlns='{CHAT_STATES}'/>"),
        viewer=Who.BOB,
        expected=Sight("typing"),
        look=bob_gets(lambda message: "<state>active</state>" in message.text),
        lasting=False,
    ),
    _said_to_bob("Yes. Dinner?"),
    Step(
        actor=Who.BOB,
        does="confirms",
        act=_confirm_to_romeo,
        viewer=Who.ROMEO,
        expected=Sight("receipt", "delivered"),
        look=romeo_gets(lambda stanza: child(stanza, "received") is not None),
        lasting=False,
    ),
    Step(
        actor=Who.BOB,
        does="types",
        act=_type_to_romeo,
        viewer=Who.ROMEO,
        expected=Sight("typing"),
        look=romeo_gets(lambda stanza: child(stanza, "composing") is not None),
        lasting=False,
    ),
    _said_to_romeo("See you there"),
    _measures("gets colder", Sight("online", "12 degrees"), Who.ROMEO, "online"),
    Step(
        actor=Who.ROMEO,
        does="goes away",
        act=lambda scene: scene.romeo.available("away"),
        viewer=Who.BOB,
        expected=Sight("list of 2", "1 away, 1 online"),
        look=bob_sees_list,
        lasting=False,
    ),
    _measures("gets rough", Sight("do not disturb", "Storm", "busy"), Who.BOB, "dnd"),
)
"""Done again and again: through every state and back, then a conversation, then what a program says to both worlds."""
