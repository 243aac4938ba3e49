"""What romeo and bob have before their eyes: each of these waits for a sight, and returns it when it is there."""

import re
from collections.abc import Callable
from xml.etree.ElementTree import Element

from tests.demonstration.eyes import (
    Sight,
    rows_of,
    sight_of_document,
    sight_of_lamp,
    sight_of_rows,
    sight_of_stanza,
)
from tests.demonstration.scene import BOB, WEATHER, Scene
from tests.peers.rawxmpp import any_presence, child
from tests.peers.sipclient import Subscription
from tests.peers.sipmessage import SipMessage

Look = Callable[[Scene, Sight, float], Sight]
"""Waits so many seconds for what has to be seen, and returns it; AssertionError when it does not come."""


def _romeo_sees(contact: str) -> Look:
    """Romeo's client shows something of a contact."""

    def look(scene: Scene, expected: Sight, within: float) -> Sight:
        return sight_of_stanza(
            scene.romeo.wait(
                lambda stanza: any_presence(contact)(stanza) and sight_of_stanza(stanza) == expected,
                timeout=within,
            )
        )

    return look


def _bob_sees(
    what: str, watched: Callable[[Scene], Subscription], sight_in: Callable[[Scene, SipMessage], Sight]
) -> Look:
    """Bob's phone shows something in one of its subscriptions."""

    def look(scene: Scene, expected: Sight, within: float) -> Sight:
        def shows(message: SipMessage) -> bool:
            is_told = message.method == "NOTIFY" and message.call_id == watched(scene).call_id
            return is_told and sight_in(scene, message) == expected

        scene.bob.wait_for(shows, what, within=within, after=scene.heard)
        return expected

    return look


def _list_in(scene: Scene, message: SipMessage) -> Sight:
    """The whole list; a NOTIFY tells of those who changed."""
    scene.rows |= rows_of(message.get("content-type"), message.body)
    return sight_of_rows(scene.rows)


romeo_looks = _romeo_sees(BOB)
romeo_looks_out = _romeo_sees(WEATHER)
bob_looks = _bob_sees("the state", lambda scene: scene.watch, lambda _, told: sight_of_document(told.body))
bob_looks_out = _bob_sees(
    "the weather", lambda scene: scene.outlook, lambda _, told: sight_of_document(told.body)
)
bob_sees_lamp = _bob_sees("the lamp", lambda scene: scene.lamp, lambda _, told: sight_of_lamp(told.body))
bob_sees_list = _bob_sees("the list", lambda scene: scene.buddies, _list_in)


def romeo_gets(wanted: Callable[[Element], bool]) -> Look:
    """Romeo gets a message stanza of bob's like this."""

    def look(scene: Scene, expected: Sight, within: float) -> Sight:
        stanza = scene.romeo.wait(
            lambda stanza: stanza.get("from", "").startswith(BOB) and wanted(stanza), timeout=within
        )
        if child(stanza, "request") is not None:
            scene.asked_for = stanza.get("id", "")
        return expected

    return look


def bob_gets(wanted: Callable[[SipMessage], bool]) -> Look:
    """Bob gets a MESSAGE of romeo's like this."""

    def look(scene: Scene, expected: Sight, within: float) -> Sight:
        message = scene.bob.wait_for(
            lambda message: message.method == "MESSAGE" and wanted(message),
            "the message",
            within=within,
            after=scene.heard,
        )
        found = re.search(r"(?im)^(?:\w+\.)?Message-ID:\s*(\S+)", message.text)
        scene.asked_for = found[1] if found else ""
        return expected

    return look
