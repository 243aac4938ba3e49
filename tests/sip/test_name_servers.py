import os
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
from twisted.internet.defer import Deferred, fail, succeed
from twisted.internet.defer import TimeoutError as DeferredTimeout
from twisted.internet.task import Clock
from twisted.names import dns
from twisted.names.error import DNSNameError, DNSServerError

from sip2xmpp.sip.dns import AddressRecord, Answer, DnsFailed, Kind, Naptr, Srv
from sip2xmpp.sip.flow import HostPort
from sip2xmpp.sip.name_servers import DEADLINE, HostsFile, NameServers, parse_hosts, parse_resolv_conf
from tests.fakes import result_of

FIRST, SECOND = HostPort("192.0.2.53", 53), HostPort("192.0.2.54", 53)


class Server:
    """A resolver for one name server; ``says`` is what it answers with."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[tuple[str, int]] = []
        self.says: Callable[[str, int], Deferred[Any]] = lambda name, kind: succeed(([], [], []))

    def query(self, query: dns.Query, timeout: Sequence[float] | None = None) -> Deferred[Any]:
        assert timeout
        self.asked.append((query.name.name.decode(), query.type))
        return self.says(query.name.name.decode(), query.type)

    def silent(self, name: str, kind: int) -> Deferred[Any]:
        """Times out as twisted.names does."""
        answer: Deferred[Any] = Deferred()
        self.clock.callLater(1.0, lambda: answer.called or answer.errback(DeferredTimeout(name)))
        return answer

    def hung(self, name: str, kind: int) -> Deferred[Any]:
        return Deferred()


class World:
    def __init__(self, clock: Clock, *places: HostPort) -> None:
        self.clock = clock
        self.servers = {place: Server(clock) for place in places}
        self.names = NameServers(clock, places, resolver=lambda place: self.servers[place])  # type: ignore[arg-type]

    def ask(self, name: str = "example.com", kind: Kind = Kind.A) -> "Deferred[Answer]":
        return Deferred.fromCoroutine(self.names.ask(name, kind))


def header(name: str, payload: Any, ttl: int = 300) -> dns.RRHeader:
    return dns.RRHeader(name, type=payload.TYPE, ttl=ttl, payload=payload)


def says(
    *headers: dns.RRHeader, authority: Sequence[dns.RRHeader] = ()
) -> Callable[[str, int], Deferred[Any]]:
    return lambda name, kind: succeed((list(headers), list(authority), []))


@pytest.fixture
def world(clock: Clock) -> World:
    return World(clock, FIRST, SECOND)


def test_records_become_values(world: World) -> None:
    server = world.servers[FIRST]
    naptr = dns.Record_NAPTR(50, 10, b"S", b"SIP+D2U", b"", b"_sip._udp.Example.com", ttl=9)
    server.says = says(header("example.com", naptr, 9))
    assert result_of(world.ask(kind=Kind.NAPTR)) == Answer(
        records=(
            Naptr(
                order=50,
                preference=10,
                flags="s",
                service="SIP+D2U",
                replacement="_sip._udp.example.com",
                ttl=9,
            ),
        ),
        ttl=9,
    )
    server.says = says(header("example.com", dns.Record_SRV(1, 2, 5060, b"A.example.com")))
    [srv] = result_of(world.ask(kind=Kind.SRV)).records
    assert srv == Srv(priority=1, weight=2, port=5060, target="a.example.com", ttl=300)
    server.says = says(header("example.com", dns.Record_SRV(0, 0, 0, b"")))
    assert result_of(world.ask(kind=Kind.SRV)).records[0].target == ""
    server.says = says(header("example.com", dns.Record_A("192.0.2.9")))
    assert result_of(world.ask()).records == (AddressRecord(host="192.0.2.9"),)
    server.says = says(header("example.com", dns.Record_AAAA("2001:db8::9")))
    assert result_of(world.ask(kind=Kind.AAAA)).records == (AddressRecord(host="2001:db8::9"),)


def test_an_alias_is_followed_within_an_answer_and_beyond(world: World) -> None:
    server = world.servers[FIRST]
    alias = header("example.com", dns.Record_CNAME(b"real.example.com"), 20)
    server.says = says(alias, header("real.example.com", dns.Record_A("192.0.2.9")))
    assert result_of(world.ask()) == Answer(records=(AddressRecord(host="192.0.2.9"),), ttl=20)

    def elsewhere(name: str, kind: int) -> Deferred[Any]:
        found = [alias] if name == "example.com" else [header(name, dns.Record_A("192.0.2.10"))]
        return succeed((found, [], []))

    server.says = elsewhere
    assert result_of(world.ask()).records == (AddressRecord(host="192.0.2.10"),)


def test_aliases_in_a_circle_end(world: World) -> None:
    def circle(name: str, kind: int) -> Deferred[Any]:
        other = b"b.example" if name == "a.example" else b"a.example"
        return succeed(([header(name, dns.Record_CNAME(other))], [], []))

    world.servers[FIRST].says = circle
    with pytest.raises(DnsFailed, match="aliases"):
        result_of(world.ask("a.example"))
    world.servers[FIRST].says = lambda name, kind: succeed(
        (
            [
                header("a.example", dns.Record_CNAME(b"b.example")),
                header("b.example", dns.Record_CNAME(b"a.example")),
            ],
            [],
            [],
        )
    )
    with pytest.raises(DnsFailed, match="aliases"):
        result_of(world.ask("a.example"))


def test_a_name_that_does_not_exist_has_no_records_for_as_long_as_its_zone_says(world: World) -> None:
    message = dns.Message()
    message.authority = [header("example.com", dns.Record_SOA(minimum=45), 90)]
    world.servers[FIRST].says = lambda name, kind: fail(DNSNameError(message))
    assert result_of(world.ask()) == Answer(records=(), ttl=45)
    assert not world.servers[SECOND].asked


def test_no_records_of_that_type_is_the_same(world: World) -> None:
    world.servers[FIRST].says = says(authority=[header("example.com", dns.Record_SOA(minimum=45), 30)])
    assert result_of(world.ask()) == Answer(records=(), ttl=30)


def test_the_next_server_is_asked_when_one_fails(world: World) -> None:
    world.servers[FIRST].says = lambda name, kind: fail(DNSServerError(None))
    world.servers[SECOND].says = says(header("example.com", dns.Record_A("192.0.2.9")))
    assert result_of(world.ask()).records


def test_a_silent_server_is_passed_over_for_a_while(world: World, clock: Clock) -> None:
    first, second = world.servers[FIRST], world.servers[SECOND]
    first.says = first.silent
    second.says = says(header("example.com", dns.Record_A("192.0.2.9")))
    answer = world.ask()
    clock.pump([0.5] * 3)
    assert result_of(answer).records
    result_of(world.ask("other.example"))
    assert len(first.asked) == 1
    clock.advance(31)
    answer = world.ask("third.example")
    clock.pump([0.5] * 3)
    result_of(answer)
    assert len(first.asked) == 2


def test_a_server_that_answers_again_is_alive_again(world: World, clock: Clock) -> None:
    first = world.servers[FIRST]
    first.says = first.silent
    world.ask()
    clock.pump([0.5] * 3)
    clock.advance(31)
    first.says = says(header("example.com", dns.Record_A("192.0.2.9")))
    result_of(world.ask("b.example"))
    result_of(world.ask("c.example"))
    assert len(first.asked) == 3


def test_no_question_takes_longer_than_the_deadline(world: World, clock: Clock) -> None:
    for server in world.servers.values():
        server.says = server.hung
    answer = world.ask()
    started = clock.seconds()
    for _ in range(200):
        if answer.called:
            break
        clock.advance(0.1)
    with pytest.raises(DnsFailed):
        result_of(answer)
    assert clock.seconds() - started <= DEADLINE + 0.2


def test_when_all_are_dead_the_one_that_was_so_longest_is_still_tried(world: World, clock: Clock) -> None:
    for server in world.servers.values():
        server.says = server.silent
    answer = world.ask()
    clock.pump([0.5] * 20)
    with pytest.raises(DnsFailed):
        result_of(answer)
    world.servers[SECOND].says = says(header("example.com", dns.Record_A("192.0.2.9")))
    assert result_of(world.ask()).records


def test_without_servers_it_fails_at_once(clock: Clock, tmp_path: Path) -> None:
    names = NameServers(clock, resolv_conf=tmp_path / "none")
    with pytest.raises(DnsFailed, match="no name servers"):
        result_of(Deferred.fromCoroutine(names.ask("example.com", Kind.A)))


def test_the_systems_servers_are_read_and_read_again_when_they_change(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text("nameserver 192.0.2.53\n")
    made: list[HostPort] = []

    def make(place: HostPort) -> Any:
        made.append(place)
        return Server(clock)

    names = NameServers(clock, resolver=make, resolv_conf=file)
    result_of(Deferred.fromCoroutine(names.ask("example.com", Kind.A)))
    file.write_text("nameserver 192.0.2.54\n")
    os.utime(file, (1, 1))
    clock.advance(61)
    result_of(Deferred.fromCoroutine(names.ask("example.com", Kind.A)))
    assert made == [FIRST, SECOND]


def test_a_resolv_conf_is_understood() -> None:
    text = "# a comment\nsearch example.com\nnameserver 192.0.2.53\nnameserver 2001:db8::53\nnameserver fe80::1%eth0\nnameserver\noptions x"
    assert parse_resolv_conf(text) == [FIRST, HostPort("2001:db8::53", 53)]
    assert parse_resolv_conf("") == [HostPort("127.0.0.1", 53)]


def test_a_hosts_file_is_understood() -> None:
    text = "127.0.0.1 localhost\n192.0.2.9\tPC pc.example.com # mine\n2001:db8::9 pc\nnonsense pc\n\n# pc"
    assert parse_hosts(text) == {
        "localhost": ["127.0.0.1"],
        "pc": ["192.0.2.9", "2001:db8::9"],
        "pc.example.com": ["192.0.2.9"],
    }


def test_a_hosts_file_may_change_and_may_be_missing(clock: Clock, tmp_path: Path) -> None:
    file = tmp_path / "hosts"
    hosts = HostsFile(clock, file)
    assert not hosts("pc")
    file.write_text("192.0.2.9 pc")
    clock.advance(61)
    assert hosts("pc") == ["192.0.2.9"]
