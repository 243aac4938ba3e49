"""Client and server transaction against models of what RFC 3261 lets them do, in any order of events."""

import itertools
import random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule
from twisted.internet.task import Clock

from sip2xmpp.errors import Sip2XmppError, TransactionTimeout
from sip2xmpp.sip.agent import UserAgent
from sip2xmpp.sip.message import Request, Response, make_response, parse_message
from tests.conftest import START
from tests.fakes import Network
from tests.sip.scene import BOB, TO_BOB, US, Patient, our_request, their_request

T1, T2, F = 0.5, 4.0, 32.0


class World:
    def __init__(self) -> None:
        self.clock = Clock()
        self.clock.rightNow = START
        self.network = Network(self.clock, latency=0.0)
        self.agent = UserAgent(transports=self.network.host(US.host), clock=self.clock, rng=random.Random(1))
        self.sent: list[tuple[float, bytes]] = []
        self.network.drops = self.note

    def note(self, octets: bytes, source: object, goal: object) -> bool:
        if source == US:
            self.sent.append((self.clock.seconds() - START, octets))
        return True


class ClientMachine(RuleBasedStateMachine):
    """Exactly one outcome; repetitions only before it, never faster than timer E, never after timer F."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.results: list[Response | Sip2XmppError] = []
        self.provisional_at: float | None = None
        self.final: int | None = None
        self.final_at: float | None = None
        head, _, tail = our_request().to_bytes().partition(b"\r\n")
        self.world.agent.send_prepared(head + b"\r\n", tail, "NOTIFY", TO_BOB, self.results.append)
        request = parse_message(self.world.sent[0][1])
        assert isinstance(request, Request)
        self.request = request

    @property
    def now(self) -> float:
        return self.world.clock.seconds() - START

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 3.0, 7.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.network.drive(seconds)

    @rule(status=st.integers(100, 199))
    def provisional(self, status: int) -> None:
        if self.final is None and self.provisional_at is None:
            self.provisional_at = self.now
        self.arrive(make_response(self.request, status))

    @rule(status=st.integers(200, 699))
    def final_response(self, status: int) -> None:
        if self.final is None and not self.results:
            self.final, self.final_at = status, self.now
        self.arrive(make_response(self.request, status))

    @rule()
    def response_to_another_method(self) -> None:
        octets = make_response(self.request, 200).to_bytes().replace(b"NOTIFY", b"MESSAGE")
        self.world.agent.received(octets, TO_BOB)

    @rule()
    def response_to_nothing(self) -> None:
        octets = make_response(self.request, 200).to_bytes().replace(b"z9hG4bK", b"z9hG4bKx")
        self.world.agent.received(octets, TO_BOB)

    @invariant()
    def one_outcome_and_the_right_one(self) -> None:
        assert len(self.results) <= 1
        if self.final is not None:
            [response] = self.results
            assert isinstance(response, Response) and response.status == self.final
        elif self.now >= F:
            assert isinstance(self.results[0], TransactionTimeout)
        else:
            assert not self.results

    @invariant()
    def repetitions_keep_their_distance(self) -> None:
        times = [time for time, _ in self.world.sent]
        assert len({octets for _, octets in self.world.sent}) == 1
        end = F if self.final_at is None else self.final_at
        assert times[-1] <= end
        for number, (earlier, later) in enumerate(itertools.pairwise(times)):
            usual = min(T1 * 2**number, T2)
            if self.provisional_at is None or later <= self.provisional_at:
                assert later - earlier == usual
            else:
                assert later - earlier in {usual, T2}

    @invariant()
    def nothing_is_left_when_it_is_over(self) -> None:
        if self.results:
            assert self.world.agent.wheel.running() == 0

    def arrive(self, response: Response) -> None:
        self.world.agent.received(response.to_bytes(), TO_BOB)


class ServerMachine(RuleBasedStateMachine):
    """The user sees a request once; every final answer on the wire is the first one; silence where there is nothing."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World()
        self.patient = Patient()
        self.world.agent.serve("MESSAGE", self.patient)
        self.answer: int | None = None
        self.answered_at = 0.0
        self.octets = their_request().replace("\n", "\r\n").encode()
        self.arrive()

    @property
    def now(self) -> float:
        return self.world.clock.seconds() - START

    @rule(seconds=st.sampled_from([0.25, 1.0, 3.0, 5.0]))
    def time_passes(self, seconds: float) -> None:
        if self.now + seconds < 30:
            self.world.network.drive(seconds)

    @rule()
    def repeated(self) -> None:
        before = len(self.world.sent)
        self.arrive()
        new = [octets for _, octets in self.world.sent[before:]]
        if self.answer is not None:
            assert len(new) == 1 and new[0].startswith(b"SIP/2.0 %d " % self.answer)
        elif self.now >= 3.5:
            assert len(new) == 1 and new[0].startswith(b"SIP/2.0 100 ")
        else:
            assert not new

    @rule(status=st.integers(200, 699))
    def replies(self, status: int) -> None:
        before = len(self.world.sent)
        self.patient.waiting[0].reply(status)
        if self.answer is None:
            self.answer = status
            assert len(self.world.sent) == before + 1
        else:
            assert len(self.world.sent) == before

    @rule(status=st.integers(101, 199))
    def tries_to_make_progress(self, status: int) -> None:
        before = len(self.world.sent)
        self.patient.waiting[0].reply(status)
        assert len(self.world.sent) == before

    @precondition(lambda self: self.now < 3.5)
    @invariant()
    def no_hundred_too_early(self) -> None:
        assert not [octets for _, octets in self.world.sent if octets.startswith(b"SIP/2.0 100")]

    @invariant()
    def the_user_saw_it_once(self) -> None:
        assert len(self.patient.waiting) == 1

    @invariant()
    def there_is_one_final_answer(self) -> None:
        finals = {octets for _, octets in self.world.sent if not octets.startswith(b"SIP/2.0 1")}
        assert len(finals) == (0 if self.answer is None else 1)

    def arrive(self) -> None:
        self.world.agent.received(self.octets, TO_BOB)


TestClientTransaction = ClientMachine.TestCase
TestClientTransaction.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestServerTransaction = ServerMachine.TestCase
TestServerTransaction.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
assert TO_BOB.peer == BOB
