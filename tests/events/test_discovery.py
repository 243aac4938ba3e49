"""What DNS says of a domain, as evidence: all questions at once, and a part of the answers is better than none."""

import pytest
from twisted.internet.defer import Deferred, fail, succeed

from sip2xmpp.events.discovery import LONGEST_TTL, NEGATIVE_TTL, discover
from sip2xmpp.presence.directory import Evidence
from sip2xmpp.sip.dns import AddressRecord, DnsFailed, Naptr, Srv
from tests.fakes import Names, result_of


def found(dns: object, domain: str = "example.com") -> Evidence:
    return result_of(Deferred.fromCoroutine(discover(dns, domain)))


def test_everything_is_asked_and_told_in_order() -> None:
    names = Names(
        naptr={
            "example.com": [
                (20, 0, "SIP+D2U", "_sip._udp.example.com"),
                (10, 5, "SIPS+D2T", "_sips._tcp.example.com"),
                (1, 1, "E2U+email", "x"),
            ]
        },
        srv={
            "_sip._udp.example.com": [(20, 0, 5060, "b.example.com"), (10, 1, 5060, "a.example.com")],
            "_xmpp-server._tcp.example.com": [(5, 0, 5269, "x.example.com")],
        },
        addresses={"example.com": ["192.0.2.9"]},
    )
    evidence = found(names)
    assert evidence.sip == (
        "NAPTR 10 5 SIPS+D2T -> _sips._tcp.example.com",
        "NAPTR 20 0 SIP+D2U -> _sip._udp.example.com",
        "SRV _sip._udp.example.com 10 1 -> a.example.com:5060",
        "SRV _sip._udp.example.com 20 0 -> b.example.com:5060",
    )
    assert evidence.xmpp == ("SRV _xmpp-server._tcp.example.com 5 0 -> x.example.com:5269",)
    assert evidence.addresses == ("address 192.0.2.9",)
    assert evidence.trouble == ""
    assert len(names.asked) == 7


def test_a_service_that_is_said_not_to_be_there_is_not() -> None:
    names = Names(srv={"_sip._udp.example.com": [(0, 0, 0, "")]})
    assert found(names) == Evidence(ttl=300)


def test_nothing_is_remembered_for_some_minutes() -> None:
    assert found(Names()) == Evidence(ttl=NEGATIVE_TTL)


def test_a_domain_is_asked_for_by_its_a_label() -> None:
    names = Names()
    found(names, "bücher.example")
    assert "SRV _sip._udp.xn--bcher-kva.example" in names.asked


class Lasting:
    """Records with lifetimes."""

    def __init__(self, *lifetimes: int) -> None:
        self.lifetimes = lifetimes

    def naptr(self, name: str) -> "Deferred[tuple[Naptr, ...]]":
        return succeed(())

    def srv(self, name: str) -> "Deferred[tuple[Srv, ...]]":
        if not name.startswith("_sip._udp"):
            return succeed(())
        return succeed(
            tuple(
                Srv(priority=1, weight=0, port=5060, target="a.example.com", ttl=ttl)
                for ttl in self.lifetimes
            )
        )

    def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
        return succeed(())


@pytest.mark.parametrize(("lifetimes", "ttl"), [((600, 60), 60), ((10_000_000,), LONGEST_TTL)])
def test_the_shortest_lifetime_counts_and_none_is_believed_for_ever(
    lifetimes: tuple[int, ...], ttl: int
) -> None:
    assert found(Lasting(*lifetimes)).ttl == ttl


def test_one_answer_that_fails_leaves_the_others_standing() -> None:
    names = Names(srv={"_sip._udp.example.com": [(0, 0, 5060, "a.example.com")]})
    names.failing = {"_xmpp-server._tcp.example.com", "example.com"}
    evidence = found(names)
    assert len(evidence.sip) == 1 and evidence.xmpp == () and evidence.trouble == ""


def test_trouble_is_told_when_nothing_was_learned() -> None:
    names = Names(addresses={"example.com": ["192.0.2.9"]})
    names.failing = {"_sip._udp.example.com"}
    assert "no server answers" in found(names).trouble


def test_a_fault_is_not_taken_for_trouble() -> None:
    class Broken(Names):
        def addresses(self, name: str) -> "Deferred[tuple[AddressRecord, ...]]":
            return fail(RuntimeError("a bug"))

    with pytest.raises(RuntimeError):
        found(Broken())
    assert issubclass(DnsFailed, Exception)
