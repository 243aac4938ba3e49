"""Whatever is asked for, said, decided and killed in whatever order: who waits knows what is true, and nobody is told too often."""

from itertools import pairwise

from hypothesis import HealthCheck, given, note, settings
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.presence.policy import Handling
from tests.conftest import START
from tests.documents.patching import Reader, canonical
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone
from tests.events.test_rates import Alice
from tests.fakes import Network

ALICE, BOB = "sip:alice@sip.example.org", "sip:bob@sip.example.org"
WHOLE = "Accept: application/pidf+xml\r\n"
PARTIAL = "Accept: application/pidf+xml;q=0.1, application/pidf-diff+xml\r\n"
EVENTS = ["presence", "presence;max-rate=0.2", "presence;min-rate=0.05", "presence;max-rate=0.5;min-rate=0.1"]

steps = st.lists(
    st.one_of(
        st.tuples(st.just("says"), st.sampled_from(["away", "busy", "meal"])),
        st.tuples(st.just("passes"), st.sampled_from([0.3, 3.0, 12.0])),
        st.tuples(st.just("refresh"), st.sampled_from(["", "known", "*"])),
        st.tuples(st.just("event"), st.sampled_from(EVENTS)),
        st.tuples(
            st.just("decides"), st.sampled_from([Handling.ALLOW, Handling.CONFIRM, Handling.POLITE_BLOCK])
        ),
        st.tuples(st.just("refuses"), st.just("500 Server Internal Error")),
        st.tuples(st.just("dies"), st.just("")),
    ),
    max_size=12,
)


class Play:
    """One watcher of alice, and an ordinary one beside it that shows what is true."""

    def __init__(self, headers: str, event: str) -> None:
        clock = Clock()
        clock.advance(START)
        self.network = Network(clock)
        self.gateway = Gateway(self.network)
        self.alice = Alice(self.network)
        self.headers = headers
        self.reader, self.read, self.tag = Reader(), 0, ""
        self.line = self._watch("192.0.2.20", headers, event)
        self.other = self._watch("192.0.2.21", WHOLE, "presence")
        self.suspended, self.seed = False, 1

    def _watch(self, host: str, headers: str, event: str) -> Line:
        line = Phone(self.network, host, BOB).subscribe(ALICE, 7200, headers=headers, event=event)
        self.network.drive(0.3)
        assert line.status == 200
        return line

    def step(self, what: str, how: object) -> None:
        if what == "says":
            self.alice.says(str(how))
        elif what == "passes":
            self.network.drive(float(str(how)))
        elif what == "refresh":
            condition = self.tag if how == "known" else str(how)
            more = f"Suppress-If-Match: {condition}\r\n" if condition else ""
            self.line.send(7200, headers=self.headers + more)
            self.network.drive(0.3)
            assert self.line.status in {200, 204}
            self.suspended = how == "*"
        elif what == "event":
            self.line.event = str(how)
        elif what == "decides":
            assert isinstance(how, Handling)
            self.gateway.decide("alice@sip.example.org", "bob@sip.example.org", how)
            self.network.drive(0.3)
        elif what == "refuses":
            self.line.answer = lambda notify: str(how)
            self.alice.says("vacation")
            self.line.answer = lambda notify: "200 OK"
            if self.line.notifies[self.read :]:
                self.reader.stale, self.read = True, len(self.line.notifies)
        else:
            self.seed += 1
            self.gateway = Gateway(self.network, seed=self.seed, kept=self.gateway.killed())
            self.network.drive(1)
        self.reads()

    def reads(self) -> None:
        for notify in self.line.notifies[self.read :]:
            if notify.body and self.headers == PARTIAL:
                self.reader.read(notify.body)
                assert not self.reader.stale, "a diff for who had not what it changes"
            if notify.body:
                self.tag = notify["SIP-ETag"]
        self.read = len(self.line.notifies)

    @property
    def known(self) -> str:
        """The document that the watcher has."""
        if self.headers == PARTIAL:
            return self.reader.document
        return canonical(next(notify.body for notify in reversed(self.line.notifies) if notify.body))


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from([WHOLE, PARTIAL]), st.sampled_from(EVENTS), steps)
def test_a_watcher_knows_in_the_end_what_is_true(
    headers: str, event: str, plan: list[tuple[str, object]]
) -> None:
    note(f"{headers!r} {event!r} {plan!r}")
    play = Play(headers, event)
    for what, how in plan:
        play.step(what, how)
    if play.suspended:
        play.step("refresh", "")
    play.network.drive(8)
    play.alice.says("holiday")
    play.network.drive(15)
    play.reads()
    assert play.line.last.state == play.other.last.state
    if play.other.last.state == "active":
        assert play.known == canonical(play.other.last.body)
    numbers = [notify.cseq for notify in play.line.notifies]
    assert all(later > earlier for earlier, later in pairwise(numbers))
