import itertools

import pytest

from sip2xmpp.bridge.authorization import Chart, Effect, Subscription, chart_of, inbound, outbound
from sip2xmpp.store.records import Kind

STATES = {
    "N": Chart.NONE,
    "N+PO": Chart.NONE_OUT,
    "N+PI": Chart.NONE_IN,
    "N+POI": Chart.NONE_OUT_IN,
    "T": Chart.TO,
    "T+PI": Chart.TO_IN,
    "F": Chart.FROM,
    "F+PO": Chart.FROM_OUT,
    "B": Chart.BOTH,
}
COLUMNS = ["subscribe", "unsubscribe", "subscribed", "unsubscribed"]

# RFC 6121, A.2.1 to A.2.4: "yes" is routed, "pre" is not routed but remembered as approved in advance.
OUTBOUND = """
N     | yes N+PO  | yes N     | pre N     | no N
N+PO  | yes N+PO  | yes N     | pre N+PO  | no N+PO
N+PI  | yes N+POI | yes N+PI  | yes F     | yes N
N+POI | yes N+POI | yes N+PI  | yes F+PO  | yes N+PO
T     | yes T     | yes N     | pre T     | no T
T+PI  | yes T+PI  | yes N+PI  | yes B     | yes T
F     | yes F+PO  | yes F     | no F      | yes N
F+PO  | yes F+PO  | yes F     | no F+PO   | yes N+PO
B     | yes B     | yes F     | no B      | yes T
"""

# RFC 6121, A.3.1 to A.3.4: "yes" is delivered, "+" is answered `unsubscribed` too, "auto" is answered `subscribed` instead.
INBOUND = """
N     | yes N+PI  | no N      | no N      | no N
N+PO  | yes N+POI | no N+PO   | yes T     | yes N
N+PI  | no N+PI   | + N       | no N+PI   | no N+PI
N+POI | no N+POI  | + N+PO    | yes T+PI  | yes N+PI
T     | yes T+PI  | no T      | no T      | yes N
T+PI  | no T+PI   | + T       | no T+PI   | yes N+PI
F     | auto F    | + N       | no F      | no F
F+PO  | auto F+PO | + N+PO    | yes B     | yes F
B     | auto B    | + T       | no B      | yes F
"""

EFFECTS = {
    "yes": Effect.DELIVER,
    "no": Effect.DROP,
    "pre": Effect.PRE_APPROVE,
    "auto": Effect.ANSWER_SUBSCRIBED,
    "+": Effect.DELIVER_AND_ANSWER_UNSUBSCRIBED,
}


def cells(table: str) -> list[tuple[Chart, str, Effect, Chart]]:
    found = []
    for row in table.strip().splitlines():
        name, *columns = (column.strip() for column in row.split("|"))
        for stanza, column in zip(COLUMNS, columns, strict=True):
            effect, after = column.split()
            found.append((STATES[name], stanza, EFFECTS[effect], STATES[after]))
    return found


def test_the_tables_of_the_test_name_every_cell() -> None:
    every = set(itertools.product(Chart, COLUMNS))
    assert {(state, stanza) for state, stanza, _, _ in cells(OUTBOUND)} == every
    assert {(state, stanza) for state, stanza, _, _ in cells(INBOUND)} == every


@pytest.mark.parametrize(("state", "stanza", "effect", "after"), cells(OUTBOUND))
def test_a_stanza_on_behalf_of_the_sip_user(state: Chart, stanza: str, effect: Effect, after: Chart) -> None:
    step = outbound(state, stanza)
    assert (step.effect, step.state) == (effect, after)


@pytest.mark.parametrize(("state", "stanza", "effect", "after"), cells(INBOUND))
def test_a_stanza_from_the_jabber_user(state: Chart, stanza: str, effect: Effect, after: Chart) -> None:
    step = inbound(state, stanza)
    assert (step.effect, step.state) == (effect, after)


@pytest.mark.parametrize(("before", "after"), [("N", "F"), ("N+PO", "F+PO"), ("T", "B")])
def test_a_request_approved_in_advance_is_answered_at_once(before: str, after: str) -> None:
    step = inbound(STATES[before], "subscribe", pre_approved=True)
    assert (step.answer, step.delivers, step.state) == (Subscription.SUBSCRIBED, False, STATES[after])


@pytest.mark.parametrize("name", ["N+PI", "N+POI", "T+PI", "F", "F+PO", "B"])
@pytest.mark.parametrize("stanza", COLUMNS)
def test_advance_approval_changes_nothing_else(name: str, stanza: str) -> None:
    assert inbound(STATES[name], stanza, pre_approved=True) == inbound(STATES[name], stanza)


def test_a_cancelled_subscription_is_acted_upon_and_acknowledged() -> None:
    step = inbound(Chart.BOTH, "unsubscribe")
    assert step.delivers and step.answer is Subscription.UNSUBSCRIBED and step.state is Chart.TO


def test_a_denial_of_what_was_never_asked_is_ignored() -> None:
    step = inbound(Chart.FROM, "unsubscribed")
    assert not step.delivers and step.answer is None


def test_other_types_are_not_of_the_chart() -> None:
    with pytest.raises(ValueError, match="probe"):
        inbound(Chart.NONE, "probe")


@pytest.mark.parametrize(
    ("sip_watches", "jabber_watches", "name"),
    [
        (None, None, "N"),
        (Kind.DENIED, Kind.NONE, "N"),
        (Kind.PENDING, None, "N+PO"),
        (None, Kind.PENDING, "N+PI"),
        (Kind.PENDING, Kind.PENDING, "N+POI"),
        (Kind.AUTHORIZED, Kind.DENIED, "T"),
        (Kind.AUTHORIZED, Kind.PENDING, "T+PI"),
        (None, Kind.AUTHORIZED, "F"),
        (Kind.PENDING, Kind.AUTHORIZED, "F+PO"),
        (Kind.AUTHORIZED, Kind.AUTHORIZED, "B"),
    ],
)
def test_the_state_follows_from_the_two_authorizations(
    sip_watches: Kind | None, jabber_watches: Kind | None, name: str
) -> None:
    assert chart_of(sip_watches=sip_watches, jabber_watches=jabber_watches) is STATES[name]


@pytest.mark.parametrize("state", Chart)
def test_who_sees_whom_follows_from_the_state(state: Chart) -> None:
    assert state.shows == (state.value.startswith(("From", "Both")))
    assert state.sees == (state.value.startswith(("To", "Both")))
