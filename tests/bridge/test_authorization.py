import itertools

import pytest

from sip2xmpp.bridge.authorization import Chart, Effect, chart_of, inbound
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


def test_the_table_of_the_test_names_every_cell() -> None:
    every = set(itertools.product(Chart, COLUMNS))
    assert {(state, stanza) for state, stanza, _, _ in cells(INBOUND)} == every


@pytest.mark.parametrize(("state", "stanza", "effect", "after"), cells(INBOUND))
def test_a_stanza_from_the_jabber_user(state: Chart, stanza: str, effect: Effect, after: Chart) -> None:
    step = inbound(state, stanza)
    assert (step.effect, step.state) == (effect, after)


def test_a_cancelled_subscription_is_acted_upon_and_acknowledged() -> None:
    step = inbound(Chart.BOTH, "unsubscribe")
    assert step.delivers and step.state is Chart.TO


def test_a_denial_of_what_was_never_asked_is_ignored() -> None:
    step = inbound(Chart.FROM, "unsubscribed")
    assert not step.delivers


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
