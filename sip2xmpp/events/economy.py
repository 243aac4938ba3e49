"""What keeps a subscription from being told all that is new, for a watcher who asked for it.

``Economy`` belongs to one ``Subscription`` that has ``Terms``; others have none, and pay nothing.  Before each NOTIFY the
subscription asks for its ``course``:

==============  ==========================================================================================================
``WHOLE``       send it
``BARE``        send it without its body: the watcher has said that it has that
``KNOWN``       do not send it: the watcher has it, or has put off hearing anything
``HELD``        not now: it comes too soon after the last, or none of the watcher's triggers was pulled
``LAPSED``      the watcher's condition is not true any more: make that durable, and ask again
==============  ==========================================================================================================

The answer to a SUBSCRIBE, the end, and a change of the standing are never held back.

Implements: RFC 5839 sections 6.2 to 6.4; RFC 6446 sections 4.3, 5.3, 6.3; RFC 4660 section 5.2 (triggers).
"""

from enum import Enum, auto
from typing import Any, Final

from sip2xmpp.events.conditions import ALWAYS, holds
from sip2xmpp.events.forms import Form, Triggering
from sip2xmpp.events.package import EventPackage
from sip2xmpp.events.rates import Pace
from sip2xmpp.events.terms import Terms
from sip2xmpp.presence.watching import Told
from sip2xmpp.store.records import DialogRecord

__all__ = ["Course", "Economy", "taken_up"]

NEVER: Final = 0.0
"""In the place of a deadline."""


class Course(Enum):
    """What becomes of something new; see the module."""

    WHOLE = auto()
    BARE = auto()
    KNOWN = auto()
    HELD = auto()
    LAPSED = auto()


class Economy:
    """The terms of one subscription in force.  ``deadline`` is when it has to be looked at next, Unix time or ``NEVER``."""

    __slots__ = ("_is_pulled", "_pace", "_triggering", "deadline", "terms")

    def __init__(self, terms: Terms, form: Form) -> None:
        self.terms = terms
        self.deadline = NEVER
        self._pace = Pace(terms.rates)
        self._triggering: Triggering | None = None
        self._is_pulled = True
        self.agreed(terms, form)

    def agreed(self, terms: Terms, form: Form) -> None:
        """The watcher asks for something else now; when NOTIFYs left is not forgotten."""
        self.terms = terms
        self._pace.rates = terms.rates
        self._triggering = form if isinstance(form, Triggering) and form.has_triggers else None
        self._is_pulled = True

    def heard(self, before: Told[Any] | None, now: Told[Any], entity: str) -> None:
        """The back end says something else than before.

        A trigger that fired stays so until a NOTIFY tells of it, whatever is heard meanwhile.
        """
        if not self._is_pulled and self._triggering is not None:
            self._is_pulled = self._triggering.is_pulled(before, now, entity)

    def course(
        self, told: Told[Any] | None, newest: Told[Any], tag: str, *, owed: bool, now: float
    ) -> Course:
        """What to do with ``newest``; ``told`` is what the watcher heard last, ``owed`` whether it is to hear anyway."""
        condition = self.terms.condition
        if condition:
            if holds(condition, tag):
                if owed or (
                    told.standing is not newest.standing if told is not None else condition == ALWAYS
                ):
                    return Course.BARE
                return Course.KNOWN
            return Course.LAPSED
        if owed or told is None or told.standing is not newest.standing:
            return Course.WHOLE
        if not self._is_pulled or self._pace.allowed_at > now:
            return Course.HELD
        return Course.WHOLE

    def sent(self, now: float) -> None:
        """A NOTIFY leaves."""
        self._pace.sent(now)
        self.known()

    def known(self) -> None:
        """The watcher has the newest state: triggers have to fire anew."""
        self._is_pulled = self._triggering is None

    def next_look(self, now: float, *, is_waiting: bool, until: float) -> float:
        """When to look again, ``NEVER`` for not before something happens; ``is_waiting``: there is news that was held.

        What is due already is looked at in a second: a NOTIFY may be under way.  At ``until`` the subscription ends.
        """
        wanted = None if self.terms.condition else self._pace.wanted_at(now)
        at = NEVER if wanted is None else max(wanted, now + 1)
        allowed = self._pace.allowed_at
        if is_waiting and self._is_pulled and allowed > now:
            at = allowed if at == NEVER else min(at, allowed)
        return at if at < until else NEVER

    def is_wanted(self, now: float) -> bool:
        """Whether the watcher wants to hear something now, even if nothing is new."""
        wanted = self._pace.wanted_at(now)
        return not self.terms.condition and wanted is not None and wanted <= now

    @property
    def parameters(self) -> bytes:
        """What Subscription-State says of the rates in force."""
        return str(self.terms.rates).encode()


def taken_up(record: DialogRecord, form: Form, package: EventPackage) -> tuple[Form, Economy | None]:
    """The form and the economy of a stored dialog; ``form`` is that of a watcher without terms."""
    if not record.terms:
        return form, None
    terms = Terms.from_text(record.terms)
    form = terms.shaped(form, package, record.presentity, record.local_uri)
    return form, Economy(terms, form)
