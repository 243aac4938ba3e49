"""What the NOTIFYs of one subscription are made of: the part of a ``Subscription`` that writes and decides nothing.

What stays the same in all of them is prepared once; the end, from SIP-ETag to the body, is written once for all watchers who
get the same.  Only where a form counts, or a watcher has terms, is it made for one.

Implements: RFC 6665 sections 8.2.1 to 8.2.3 (Event, Subscription-State); RFC 3261 section 12.2.1.1.
"""

from functools import lru_cache
from math import ceil
from typing import Any

from sip2xmpp.events.conditions import NO_BODY, bare, block, holds, tag_in, tagged, taken_apart
from sip2xmpp.events.economy import Economy
from sip2xmpp.events.forms import Comparing, Portioned
from sip2xmpp.events.kept_dialogs import dialog_of
from sip2xmpp.events.package import EventPackage, Form, entity_of
from sip2xmpp.presence.watching import Standing, Told
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.dialog import Prepared
from sip2xmpp.sip.flow import Flow, Transport
from sip2xmpp.sip.message import Request
from sip2xmpp.store.records import DialogRecord


@lru_cache(maxsize=4096)
def rendering_key(package: str, form: str, entity: str) -> str:
    """Under which a notification keeps the written form for these; one string for all subscriptions that share it."""
    return f"NOTIFY {package} {form} {entity}"


class Writer:
    """Writes NOTIFYs in the dialog of ``record``; ``now`` is always Unix time."""

    __slots__ = (
        "_numbered",
        "_portion",
        "_prepared",
        "_rendering",
        "_repeated",
        "agent",
        "economy",
        "flow",
        "form",
        "package",
        "record",
    )

    def __init__(
        self,
        agent: UserAgent,
        *,
        package: EventPackage,
        form: Form,
        record: DialogRecord,
        flow: Flow | None,
        economy: Economy | None,
    ) -> None:
        self.agent = agent
        self.package = package
        self.form = form
        self.record = record
        self.flow = flow
        self.economy = economy
        self._prepared: Prepared | None = None
        self._numbered = -1
        self._repeated = 0
        self._portion: Told[Any] | None = None
        self._rendering = self._rendering_key()

    def _rendering_key(self) -> str:
        return rendering_key(self.package.name, self.form.name, entity_of(self.record.local_uri))

    def _state(self, notification: Told[Any], now: float) -> bytes:
        """The Subscription-State header (RFC 6665, section 8.2.3)."""
        if notification.standing is not Standing.TERMINATED:
            left = max(ceil(self.record.expires_at - now), 1)
            word = b"active" if notification.standing is Standing.ACTIVE else b"pending"
            if self.economy is not None:
                return b"%b;expires=%d%b" % (word, left, self.economy.parameters)
            return b"%b;expires=%d" % (word, left)
        reason = "" if notification.reason is None else f";reason={notification.reason.value}"
        retry = "" if notification.retry_after is None else f";retry-after={notification.retry_after}"
        return f"terminated{reason}{retry}".encode("ascii")

    def _content(self, notification: Told[Any]) -> bytes:
        """The end of a NOTIFY with the whole state, written once for all watchers who get the same."""
        if notification.document is None:
            return NO_BODY
        content = notification.renderings.get(self._rendering)
        if content is None:
            form = self.form
            entity = entity_of(self.record.local_uri)
            body = (
                form.whole(notification, entity)
                if isinstance(form, Comparing)
                else form.body(notification, None, entity, 0)
            )
            content = notification.renderings[self._rendering] = block(body, self._rendering)
        return content

    def _tag(self, notification: Told[Any]) -> str:
        form = self.form
        if isinstance(form, Portioned):
            return form.tag(notification, entity_of(self.record.local_uri))
        return tag_in(self._content(notification))

    def _content_for(self, newest: Told[Any], before: Told[Any] | None, number: int) -> bytes:
        """The end of the NOTIFY with this number, where it is not the same for all.

        ``before`` is what the NOTIFY before this one told, None if the watcher is to learn everything.
        """
        form = self.form
        tag = self._tag(newest) if self.economy is not None or isinstance(form, Comparing) else ""
        if self.economy is not None and tag and holds(self.economy.terms.condition, tag):
            return bare(tag)
        if not form.numbered:
            return self._content(newest)
        if before is not None and (self._numbered != number - 1 or before.document is None):
            before = None
        self._numbered = number
        # what was sent once more, with credentials, counts once
        place = number - 1 - self._repeated
        if isinstance(form, Portioned):
            return self._portion_for(form, newest, before, place, tag)
        body = form.body(newest, before, entity_of(self.record.local_uri), place)
        return tagged(body, tag or (self._tag(newest) if before is None else ""))

    def _portion_for(
        self, form: Portioned, newest: Told[Any], before: Told[Any] | None, place: int, tag: str
    ) -> bytes:
        """As much as has room; only what completes the state has its tag."""
        entity = entity_of(self.record.local_uri)
        portion = form.portion(newest, before, entity)
        self._portion = None if portion is newest else portion
        body = self.form.body(portion, before, entity, place)
        return tagged(body, tag if portion is newest else "")

    def _prepare(self, number: int) -> Prepared:
        """What is the same in all NOTIFYs until the watcher is somewhere else."""
        self._prepared = dialog_of(self.record, number - 1).prepare("NOTIFY", self._headers())
        return self._prepared

    def _request(
        self,
        notification: Told[Any],
        newest: Told[Any] | None,
        before: Told[Any] | None,
        number: int,
        now: float,
    ) -> Request:
        """The NOTIFY with this number to be routed by the dialog; raises ``TransportFailed`` where that cannot be."""
        content = NO_BODY if newest is None else self._content_for(newest, before, number)
        tag, content_type, body = taken_apart(content)
        return dialog_of(self.record, number - 1).next_request(
            "NOTIFY",
            headers=[
                *self._headers(),
                ("Subscription-State", self._state(notification, now).decode("ascii")),
                *tag,
            ],
            body=body,
            content_type=content_type,
        )

    def _headers(self) -> list[tuple[str, str]]:
        way = self.flow or Transport(self.record.flow.partition(" ")[0])
        contact, event = ("Contact", self.agent.contact_uri(way)), self.record.event
        if isinstance(self.form, Portioned):
            return [contact, ("Event", self.form.event_of(event)), ("Require", self.form.requires)]
        return [contact, ("Event", event)]
