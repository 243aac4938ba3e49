"""Whatever phones do in whatever order, on a network that loses, delays and repeats: in the end everybody knows."""

import random

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.task import Clock

from sip2xmpp.presence.policy import Handling
from tests.events.gateway import Gateway
from tests.events.phone import Line, Phone
from tests.fakes import Network
from tests.presence.test_agent import document

ALICE = "sip:alice@sip.example.org"
WATCHERS = ("bob", "romeo", "juliet")
ACTIVITIES = ("away", "busy", "meeting", "vacation")


class AnyOrder(RuleBasedStateMachine):
    """Three watchers, one presentity, a lossy network and processes that die."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        self.clock.rightNow = 1_800_000_000.0
        self.network = Network(
            self.clock, random.Random(7), latency=0.01, jitter=0.2, loss=0.15, duplication=0.1
        )
        self.seed = 1
        self.gateway = Gateway(self.network)
        self.alice = Phone(self.network, "192.0.2.10", ALICE)
        self.etag = ""
        self.published = ""
        self.published_until = 0.0
        self.phones = {
            name: Phone(self.network, f"192.0.2.{20 + n}", f"sip:{name}@sip.example.org")
            for n, name in enumerate(WATCHERS)
        }
        self.lines: dict[str, Line | None] = dict.fromkeys(WATCHERS)
        self.until: dict[str, float] = {}
        self.all_lines: list[Line] = []
        self.started_at = self.clock.seconds()

    def settle(self) -> None:
        """Let every transaction end."""
        self.network.drive(70)

    @rule(name=st.sampled_from(WATCHERS), expires=st.sampled_from([0, 300, 3600]))
    def subscribe(self, name: str, expires: int) -> None:
        if self.lines[name] is not None:
            return
        line = self.phones[name].subscribe(ALICE, expires)
        self.settle()
        self.all_lines.append(line)
        allowed = self.handling(name) is not Handling.BLOCK
        assert line.status == (200 if allowed else 403)
        if allowed:
            assert line.notifies, "a 2xx to SUBSCRIBE is followed by a NOTIFY"
        if allowed and expires:
            self.lines[name] = line
            self.until[name] = self.clock.seconds() - 70 + expires

    @rule(name=st.sampled_from(WATCHERS), expires=st.sampled_from([300, 3600]))
    def refresh(self, name: str, expires: int) -> None:
        line = self.lines[name]
        if line is None:
            return
        before = len(line.notifies)
        line.send(expires)
        self.settle()
        if line.status == 200:
            assert len(line.notifies) > before, "a 2xx to SUBSCRIBE is followed by a NOTIFY"
            self.until[name] = self.clock.seconds() - 70 + expires
        else:
            assert line.status == 481 and line.last.state == "terminated"
            self.lines[name] = None

    @rule(name=st.sampled_from(WATCHERS))
    def unsubscribe(self, name: str) -> None:
        line = self.lines[name]
        if line is None:
            return
        line.unsubscribe()
        self.settle()
        assert line.status in (200, 481) and line.last.state == "terminated"
        self.lines[name] = None

    @rule(activity=st.sampled_from(ACTIVITIES), expires=st.sampled_from([300, 3600]))
    def publish(self, activity: str, expires: int) -> None:
        exchange = self.alice.publish(document(activity), etag=self.etag, expires=expires)
        self.settle()
        if exchange.status == 412:
            exchange = self.alice.publish(document(activity), expires=expires)
            self.settle()
        assert exchange.status == 200 and exchange.final is not None
        self.etag = exchange.final["SIP-ETag"]
        self.published = activity
        self.published_until = self.clock.seconds() - 70 + expires
        self.check()

    @precondition(lambda self: self.etag)
    @rule()
    def unpublish(self) -> None:
        exchange = self.alice.publish(etag=self.etag, expires=0)
        self.settle()
        assert exchange.status in (200, 412)
        self.etag = self.published = ""
        self.check()

    @rule(name=st.sampled_from(WATCHERS), handling=st.sampled_from(list(Handling)))
    def decide(self, name: str, handling: Handling) -> None:
        self.gateway.decide("alice@sip.example.org", f"{name}@sip.example.org", handling)
        self.settle()
        self.check()

    @rule(activities=st.lists(st.sampled_from(ACTIVITIES), min_size=2, max_size=5))
    def publish_fast(self, activities: list[str]) -> None:
        """Changes that overtake each other's NOTIFYs."""
        for activity in activities:
            exchange = self.alice.publish(document(activity), etag=self.etag, expires=3600)
            for _ in range(400):
                if exchange.final is not None:
                    break
                self.network.drive(0.1)
            if exchange.status == 412:
                self.etag = ""
                continue
            assert exchange.final is not None
            self.etag = exchange.final["SIP-ETag"]
            self.published = activity
            self.published_until = self.clock.seconds() + 3500

    @rule()
    def restart(self) -> None:
        self.seed += 1
        self.gateway = Gateway(self.network, seed=self.seed, kept=self.gateway.killed())
        self.started_at = self.clock.seconds()

    @rule(seconds=st.sampled_from([1, 200, 4000]))
    def wait(self, seconds: int) -> None:
        self.network.drive(seconds)

    def handling(self, name: str) -> Handling:
        verdict = self.gateway.store.verdicts.get(f"alice@sip.example.org {name}@sip.example.org")
        return Handling.ALLOW if verdict is None else Handling(verdict.handling)

    @rule()
    def everybody_knows(self) -> None:
        self.settle()
        self.check()

    def check(self) -> None:
        now = self.clock.seconds()
        held = {subscription.record.call_id for subscription in self.gateway.notifier}
        for name, line in self.lines.items():
            if line is None:
                continue
            handling = self.handling(name)
            if line.last.state == "terminated":
                assert line.last.reason in ("timeout", "rejected")
                self.lines[name] = None
                assert line.call_id not in held
            elif self.until[name] + 40 < now:
                assert line.call_id not in held
                # The last NOTIFY may be lost with the process that sent it; the phone counts the seconds itself.
                assert self.until[name] < self.started_at
                self.lines[name] = None
            elif self.until[name] < now:
                continue
            elif handling is Handling.CONFIRM:
                assert line.last.state == "pending" and line.last.body == b""
            elif handling is Handling.POLITE_BLOCK:
                assert line.last.state == "active" and b"closed" in line.last.body
            elif not self.published or self.published_until < now - 72:
                assert b"closed" in line.last.body
            elif self.published_until > now + 72:
                assert f"rpid:{self.published}".encode() in line.last.body

    @invariant()
    def numbers_go_up_and_nothing_follows_the_end(self) -> None:
        for line in self.all_lines:
            numbers = [notify.cseq for notify in line.notifies]
            assert numbers == sorted(set(numbers))
            assert "terminated" not in line.states[:-1]


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=40, stateful_step_count=25, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
