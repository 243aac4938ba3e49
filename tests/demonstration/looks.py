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
from tests.peers.sipmessage import SipMessage

Look = Callable[[Scene, Sight, float], Sight]
"""Waits so many seconds for what has to be seen, and returns it; AssertionError when it does not come."""


def romeo_looks(scene: Scene, expected: Sight, within: float) -> Sight:
    """Romeo's client shows this of bob."""
    return sight_of_stanza(
        scene.romeo.wait(
            lambda stanza: any_presence(BOB)(stanza) and sight_of_stanza(stanza) == expected, timeout=within
        )
    )


def bob_sees_lamp(scene: Scene, expected: Sight, within: float) -> Sight:
    """The key for romeo on bob's phone shows this."""
    notify = scene.bob.wait_for(
        lambda message: (
            message.method == "NOTIFY"
            and message.call_id == scene.lamp.call_id
            and sight_of_lamp(message.body) == expected
        ),
        "the lamp",
        within=within,
        after=scene.heard,
    )
    return sight_of_lamp(notify.body)


def bob_looks(scene: Scene, expected: Sight, within: float) -> Sight:
    """Bob's phone shows this of romeo."""
    notify = scene.bob.wait_for(
        lambda message: (
            message.method == "NOTIFY"
            and message.call_id == scene.watch.call_id
            and sight_of_document(message.body) == expected
        ),
        "the state",
        within=within,
        after=scene.heard,
    )
    return sight_of_document(notify.body)


def romeo_looks_out(scene: Scene, expected: Sight, within: float) -> Sight:
    """Romeo's client shows this of the weather."""
    return sight_of_stanza(
        scene.romeo.wait(
            lambda stanza: any_presence(WEATHER)(stanza) and sight_of_stanza(stanza) == expected,
            timeout=within,
        )
    )


def bob_looks_out(scene: Scene, expected: Sight, within: float) -> Sight:
    """Bob's phone shows this of the weather."""
    notify = scene.bob.wait_for(
        lambda message: (
            message.method == "NOTIFY"
            and message.call_id == scene.outlook.call_id
            and sight_of_document(message.body) == expected
        ),
        "the weather",
        within=within,
        after=scene.heard,
    )
    return sight_of_document(notify.body)


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


def bob_sees_list(scene: Scene, expected: Sight, within: float) -> Sight:
    """Bob's phone shows this of the list that it watches; a NOTIFY tells of those rows that changed."""

    def shows(message: SipMessage) -> bool:
        if message.method != "NOTIFY" or message.call_id != scene.buddies.call_id:
            return False
        scene.rows |= rows_of(message.get("content-type"), message.body)
        return sight_of_rows(scene.rows) == expected

    scene.bob.wait_for(shows, "the list", within=within, after=scene.heard)
    return sight_of_rows(scene.rows)
