from collections.abc import Coroutine
from typing import Any

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock

from sip2xmpp.sip.dns import AddressRecord, Answer, CachingDns, DnsFailed, Kind, Srv
from tests.fakes import result_of


class Servers:
    """Name servers that answer when told to."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, Kind]] = []
        self.pending: list[Deferred[Answer]] = []

    def ask(self, name: str, kind: Kind) -> Coroutine[Any, Any, Answer]:
        self.asked.append((name, kind))
        answer: Deferred[Answer] = Deferred()
        self.pending.append(answer)

        async def wait() -> Answer:
            return await answer

        return wait()

    def answer(self, *records: object, ttl: int = 60) -> None:
        self.pending.pop(0).callback(Answer(records=records, ttl=ttl))

    def fail(self, error: Exception | None = None) -> None:
        self.pending.pop(0).errback(error or DnsFailed("dead"))


SRV = Srv(priority=1, weight=0, port=5060, target="a.example.com")
V4 = AddressRecord(host="192.0.2.9")
V6 = AddressRecord(host="2001:db8::9")


@pytest.fixture
def servers() -> Servers:
    return Servers()


@pytest.fixture
def dns(clock: Clock, servers: Servers) -> CachingDns:
    return CachingDns(clock, servers.ask)


def test_an_answer_is_remembered_for_its_ttl(dns: CachingDns, servers: Servers, clock: Clock) -> None:
    first = dns.srv("_sip._udp.Example.com.")
    servers.answer(SRV, ttl=60)
    assert result_of(first) == (SRV,)
    clock.advance(59)
    assert result_of(dns.srv("_sip._udp.example.com")) == (SRV,)
    assert servers.asked == [("_sip._udp.example.com", Kind.SRV)]
    clock.advance(2)
    dns.srv("_sip._udp.example.com")
    assert len(servers.asked) == 2


def test_that_there_is_nothing_is_remembered_too(dns: CachingDns, servers: Servers, clock: Clock) -> None:
    dns.naptr("example.com")
    servers.answer(ttl=30)
    clock.advance(29)
    assert result_of(dns.naptr("example.com")) == ()
    assert len(servers.asked) == 1


def test_equal_questions_are_asked_once(dns: CachingDns, servers: Servers) -> None:
    answers = [dns.srv("_sip._udp.example.com") for _ in range(5)]
    assert len(servers.asked) == 1
    answers[0].addErrback(lambda failure: None)
    answers[0].cancel()
    servers.answer(SRV)
    assert [result_of(answer) for answer in answers[1:]] == [(SRV,)] * 4


def test_a_ttl_of_nothing_lasts_a_second_and_a_huge_one_a_day(
    dns: CachingDns, servers: Servers, clock: Clock
) -> None:
    dns.srv("_sip._udp.example.com")
    servers.answer(SRV, ttl=0)
    dns.srv("_sip._udp.example.com")
    assert len(servers.asked) == 1
    clock.advance(1.1)
    dns.srv("_sip._udp.example.com")
    servers.answer(SRV, ttl=10**9)
    clock.advance(86_401)
    dns.srv("_sip._udp.example.com")
    assert len(servers.asked) == 3


def test_a_failure_is_remembered_for_seconds(dns: CachingDns, servers: Servers, clock: Clock) -> None:
    failing = dns.srv("_sip._udp.example.com")
    servers.fail()
    with pytest.raises(DnsFailed):
        result_of(failing)
    with pytest.raises(DnsFailed):
        result_of(dns.srv("_sip._udp.example.com"))
    assert len(servers.asked) == 1
    clock.advance(6)
    dns.srv("_sip._udp.example.com")
    assert len(servers.asked) == 2


def test_old_records_serve_while_nobody_answers_but_not_for_ever(
    dns: CachingDns, servers: Servers, clock: Clock
) -> None:
    dns.srv("_sip._udp.example.com")
    servers.answer(SRV, ttl=60)
    clock.advance(61)
    stale = dns.srv("_sip._udp.example.com")
    servers.fail()
    assert result_of(stale) == (SRV,)
    clock.advance(3700)
    failing = dns.srv("_sip._udp.example.com")
    servers.fail()
    with pytest.raises(DnsFailed):
        result_of(failing)


def test_a_fault_of_ours_is_a_failure_like_others(dns: CachingDns, servers: Servers) -> None:
    failing = dns.srv("_sip._udp.example.com")
    servers.fail(RuntimeError("ours"))
    with pytest.raises(DnsFailed):
        result_of(failing)


def test_addresses_are_of_both_kinds_and_ipv4_first(dns: CachingDns, servers: Servers) -> None:
    answer = dns.addresses("a.example.com")
    servers.answer(V4)
    assert not answer.called
    servers.answer(V6)
    assert result_of(answer) == (V4, V6)


def test_one_kind_of_address_is_enough(dns: CachingDns, servers: Servers) -> None:
    answer = dns.addresses("a.example.com")
    servers.fail()
    servers.answer(V6)
    assert result_of(answer) == (V6,)


def test_no_address_is_only_certain_if_both_kinds_were_answered(dns: CachingDns, servers: Servers) -> None:
    answer = dns.addresses("a.example.com")
    servers.answer()
    servers.fail()
    with pytest.raises(DnsFailed):
        result_of(answer)


def test_the_names_of_this_machine_are_not_asked_for(clock: Clock, servers: Servers) -> None:
    known = {"pc": ["2001:db8::9", "192.0.2.9"]}
    dns = CachingDns(clock, servers.ask, hosts=lambda name: known.get(name, ()))
    assert [record.host for record in result_of(dns.addresses("PC."))] == ["192.0.2.9", "2001:db8::9"]
    assert [record.host for record in result_of(dns.addresses("localhost"))] == ["127.0.0.1"]
    assert not servers.asked


def test_the_cache_has_a_bound(clock: Clock, servers: Servers) -> None:
    dns = CachingDns(clock, servers.ask, size=3)
    for number in range(10):
        dns.srv(f"_sip._udp.{number}.example")
        servers.answer(SRV, ttl=60)
    dns.srv("_sip._udp.9.example")
    assert len(servers.asked) == 10
    dns.srv("_sip._udp.0.example")
    assert len(servers.asked) == 11


def test_it_is_counted_how_often_the_cache_could_answer(dns: CachingDns, servers: Servers) -> None:
    for name in ("one", "one", "two"):
        dns.srv(name)
    servers.answer(SRV)
    result_of(dns.srv("one"))
    two = dns.srv("two")
    servers.fail()
    two.addErrback(lambda failure: failure.trap(DnsFailed))
    assert (dns.hits, dns.misses, dns.failures, len(dns)) == (1, 4, 1, 2)
