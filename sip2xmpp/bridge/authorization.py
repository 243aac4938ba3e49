"""The chart of presence authorizations between one SIP user and one Jabber user, as a literal table.

The gateway is the XMPP server of its SIP users, so the chart is drawn from the SIP user's side, as RFC 6121 draws it from
a server's: *to* means that the SIP user receives the Jabber user's presence, *from* the converse; *out* means that the SIP
user has asked and waits, *in* that the Jabber user has.  Nothing here keeps a state: ``chart_of`` reads it off the two
stored authorizations of a pair, and ``inbound`` says what a stanza from the Jabber user does and where it leads.  Delivering
it means acting on it on the SIP side.  What goes the other way follows from SIP subscriptions and decisions
(``bridge.presentities``, ``bridge.watchers``) and needs no chart.

Implements: RFC 6121 appendix A (A.1 states, A.3 inbound).
"""

from dataclasses import dataclass
from enum import Enum, StrEnum
from types import MappingProxyType
from typing import Final

from sip2xmpp.store.records import Kind


class Subscription(StrEnum):
    """The presence types that change an authorization; equal to their spelling on the wire."""

    SUBSCRIBE = "subscribe"
    UNSUBSCRIBE = "unsubscribe"
    SUBSCRIBED = "subscribed"
    UNSUBSCRIBED = "unsubscribed"


class Chart(Enum):
    """The nine states (appendix A.1)."""

    NONE = "None"
    NONE_OUT = "None + Pending Out"
    NONE_IN = "None + Pending In"
    NONE_OUT_IN = "None + Pending Out+In"
    TO = "To"
    TO_IN = "To + Pending In"
    FROM = "From"
    FROM_OUT = "From + Pending Out"
    BOTH = "Both"


class Effect(Enum):
    """What a stanza does beside leading to another state."""

    DELIVER = "deliver"
    DROP = "drop"
    ANSWER_SUBSCRIBED = "answer subscribed"
    """Nothing to act on: the other side has forgotten its approval and is reminded of it."""
    DELIVER_AND_ANSWER_UNSUBSCRIBED = "deliver, answer unsubscribed"


@dataclass(frozen=True, slots=True)
class Step:
    """One cell of a table."""

    effect: Effect
    state: Chart

    @property
    def delivers(self) -> bool:
        """Whether the stanza is acted upon."""
        return self.effect in (Effect.DELIVER, Effect.DELIVER_AND_ANSWER_UNSUBSCRIBED)

    @property
    def answer(self) -> Subscription | None:
        """What is sent back to the Jabber user at once."""
        if self.effect is Effect.ANSWER_SUBSCRIBED:
            return Subscription.SUBSCRIBED
        if self.effect is Effect.DELIVER_AND_ANSWER_UNSUBSCRIBED:
            return Subscription.UNSUBSCRIBED
        return None


_N, _N_OUT, _N_IN, _N_BOTH = Chart.NONE, Chart.NONE_OUT, Chart.NONE_IN, Chart.NONE_OUT_IN
_T, _T_IN, _F, _F_OUT, _B = Chart.TO, Chart.TO_IN, Chart.FROM, Chart.FROM_OUT, Chart.BOTH
_PASS, _DROP = Effect.DELIVER, Effect.DROP
_SUBD, _UNSUBD = Effect.ANSWER_SUBSCRIBED, Effect.DELIVER_AND_ANSWER_UNSUBSCRIBED

_Rows = dict[Chart, tuple[tuple[Effect, Chart], ...]]

# Columns: subscribe, unsubscribe, subscribed, unsubscribed.
_INBOUND: Final[_Rows] = {
    _N:      ((_PASS, _N_IN),   (_DROP, _N),       (_DROP, _N),      (_DROP, _N)),
    _N_OUT:  ((_PASS, _N_BOTH), (_DROP, _N_OUT),   (_PASS, _T),      (_PASS, _N)),
    _N_IN:   ((_DROP, _N_IN),   (_UNSUBD, _N),     (_DROP, _N_IN),   (_DROP, _N_IN)),
    _N_BOTH: ((_DROP, _N_BOTH), (_UNSUBD, _N_OUT), (_PASS, _T_IN),   (_PASS, _N_IN)),
    _T:      ((_PASS, _T_IN),   (_DROP, _T),       (_DROP, _T),      (_PASS, _N)),
    _T_IN:   ((_DROP, _T_IN),   (_UNSUBD, _T),     (_DROP, _T_IN),   (_PASS, _N_IN)),
    _F:      ((_SUBD, _F),      (_UNSUBD, _N),     (_DROP, _F),      (_DROP, _F)),
    _F_OUT:  ((_SUBD, _F_OUT),  (_UNSUBD, _N_OUT), (_PASS, _B),      (_PASS, _F)),
    _B:      ((_SUBD, _B),      (_UNSUBD, _T),     (_DROP, _B),      (_PASS, _F)),
}  # fmt: skip


def _cells(rows: _Rows) -> MappingProxyType[tuple[Chart, Subscription], Step]:
    return MappingProxyType(
        {
            (state, stanza): Step(*cell)
            for state, cells in rows.items()
            for stanza, cell in zip(Subscription, cells, strict=True)
        }
    )


INBOUND: Final = _cells(_INBOUND)


def chart_of(*, sip_watches: Kind | None, jabber_watches: Kind | None) -> Chart:
    """The state of a pair, from its two authorizations.

    ``sip_watches`` is that of the SIP user toward the Jabber user, ``jabber_watches`` the reverse; None means that
    there is no record.  A remembered denial is no authorization.
    """
    return _STATES[_STANDING[sip_watches], _STANDING[jabber_watches]]


_STANDING: Final = {
    None: Kind.NONE,
    Kind.NONE: Kind.NONE,
    Kind.DENIED: Kind.NONE,
    Kind.PENDING: Kind.PENDING,
    Kind.AUTHORIZED: Kind.AUTHORIZED,
}

_STATES: Final = {
    (Kind.NONE, Kind.NONE): _N,
    (Kind.PENDING, Kind.NONE): _N_OUT,
    (Kind.NONE, Kind.PENDING): _N_IN,
    (Kind.PENDING, Kind.PENDING): _N_BOTH,
    (Kind.AUTHORIZED, Kind.NONE): _T,
    (Kind.AUTHORIZED, Kind.PENDING): _T_IN,
    (Kind.NONE, Kind.AUTHORIZED): _F,
    (Kind.PENDING, Kind.AUTHORIZED): _F_OUT,
    (Kind.AUTHORIZED, Kind.AUTHORIZED): _B,
}


def inbound(state: Chart, stanza: Subscription | str) -> Step:
    """What a stanza from the Jabber user does.  ``stanza`` is one of the four types, else ValueError."""
    return INBOUND[state, Subscription(stanza)]
