"""Which leg a domain is on: configuration, then what is remembered, then DNS; and watches that wait for it."""

import pytest
from twisted.internet.defer import Deferred
from twisted.internet.task import Clock
from twisted.logger import globalLogPublisher

from sip2xmpp.address import Address
from sip2xmpp.errors import NoSuchPresentity, NotAuthorized, Unreachable
from sip2xmpp.presence import directory as module
from sip2xmpp.presence.directory import (
    FAILURE_TTL,
    STALE_SECONDS,
    Directory,
    DirectoryView,
    Evidence,
    Finding,
    Leg,
    configured,
    decide,
)
from sip2xmpp.presence.watching import Standing
from tests.bridge.scene import Looker, Source, soon
from tests.fakes import result_of

SIP = Evidence(sip=("SRV _sip._udp",), ttl=100)
XMPP = Evidence(xmpp=("SRV _xmpp-server._tcp",), ttl=100)


class Scene:
    """A directory whose DNS answers when the test says so."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.asked: list[str] = []
        self.waiting: list[Deferred[Evidence]] = []
        self.directory = Directory(
            own_domains=frozenset({"sip.example.org"}),
            overrides={
                "Fixed.example": "xmpp",
                "sip.example.org": "xmpp",
                "far.example": "sip:192.0.2.9:5070",
            },
            discover=self._discover,
            clock=clock,
        )

    async def _discover(self, domain: str) -> Evidence:
        self.asked.append(domain)
        answer: Deferred[Evidence] = Deferred()
        self.waiting.append(answer)
        return await answer

    def settle(self, domain: str = "new.example", prefer: Leg = Leg.SIP) -> "Deferred[Finding]":
        return Deferred.fromCoroutine(self.directory.settled(domain, prefer))

    def find(self, domain: str = "new.example", prefer: Leg = Leg.SIP) -> Leg | str | None:
        finding = self.directory.find(domain, prefer)
        return "unknown" if finding is None else finding.leg

    def answer(self, evidence: Evidence | Exception) -> None:
        waiting = self.waiting.pop(0)
        if isinstance(evidence, Evidence):
            waiting.callback(evidence)
        else:
            waiting.errback(evidence)

    def learn(self, evidence: Evidence, domain: str = "new.example") -> None:
        found = self.settle(domain)
        self.answer(evidence)
        result_of(found)
        self.asked.clear()


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


# the verdict


@pytest.mark.parametrize(
    ("evidence", "for_sip", "for_xmpp", "why"),
    [
        (Evidence(sip=("a",), xmpp=("b",)), Leg.SIP, Leg.XMPP, "both"),
        (Evidence(sip=("a",), addresses=("c",)), Leg.SIP, Leg.SIP, "none of XMPP"),
        (Evidence(xmpp=("b",), addresses=("c",)), Leg.XMPP, Leg.XMPP, "none of SIP"),
        (Evidence(addresses=("c",)), Leg.SIP, Leg.XMPP, "no service records"),
        (Evidence(addresses=("c",), trouble="dead"), None, None, "did not answer: dead"),
        (Evidence(), None, None, "neither"),
        (Evidence(sip=("a",), trouble="dead"), Leg.SIP, Leg.SIP, "none of XMPP"),
    ],
)
def test_the_verdict_follows_the_evidence(
    evidence: Evidence, for_sip: Leg | None, for_xmpp: Leg | None, why: str
) -> None:
    assert decide(evidence, Leg.SIP).leg is for_sip
    assert decide(evidence, Leg.XMPP).leg is for_xmpp
    assert why in decide(evidence, Leg.SIP).why
    assert decide(evidence, Leg.SIP).evidence is evidence


@pytest.mark.parametrize(
    ("value", "leg", "target"),
    [
        ("sip", Leg.SIP, ""),
        ("xmpp", Leg.XMPP, ""),
        ("sip:192.0.2.9", Leg.SIP, "sip:192.0.2.9"),
        ("SIPS:proxy.example", Leg.SIP, "SIPS:proxy.example"),
        ("127.0.0.1:5348", Leg.XMPP, "127.0.0.1:5348"),
    ],
)
def test_an_entry_of_the_configuration_names_leg_and_target(value: str, leg: Leg, target: str) -> None:
    finding = configured(value)
    assert (finding.leg, finding.target, finding.evidence) == (leg, target, None)


# what is asked first


def test_the_configuration_comes_first_and_dns_is_not_asked(scene: Scene) -> None:
    assert scene.find("sip.example.org", Leg.XMPP) is Leg.OWN
    assert scene.find("fixed.example") is Leg.XMPP
    assert result_of(scene.settle("far.example")).target == "sip:192.0.2.9:5070"
    assert scene.asked == []


def test_an_unknown_domain_is_asked_about_once_for_all_who_wait(scene: Scene) -> None:
    assert scene.find() == "unknown" and scene.asked == []
    first, second = scene.settle(), scene.settle(prefer=Leg.XMPP)
    assert scene.asked == ["new.example"]
    scene.answer(Evidence(sip=("a",), xmpp=("b",)))
    assert result_of(first).leg is Leg.SIP and result_of(second).leg is Leg.XMPP


def test_what_is_known_is_not_asked_again_within_its_lifetime(scene: Scene) -> None:
    scene.learn(SIP)
    scene.clock.advance(99)
    assert scene.find() is Leg.SIP and scene.asked == []
    assert result_of(scene.settle()).leg is Leg.SIP


def test_what_is_outdated_is_used_while_it_is_renewed(scene: Scene) -> None:
    scene.learn(SIP)
    scene.clock.advance(101)
    assert scene.find() is Leg.SIP
    assert scene.find() is Leg.SIP
    assert scene.asked == ["new.example"]
    scene.answer(XMPP)
    assert scene.find() is Leg.XMPP


@pytest.mark.parametrize("trouble", [Evidence(trouble="dead", ttl=300), Unreachable("dead")])
def test_a_dead_name_server_does_not_disturb_known_domains(
    scene: Scene, trouble: Evidence | Exception
) -> None:
    scene.learn(SIP)
    scene.clock.advance(101)
    scene.find()
    scene.answer(trouble)
    assert scene.find() is Leg.SIP and scene.asked == ["new.example"]
    scene.clock.advance(FAILURE_TTL)
    assert scene.find() is Leg.SIP and scene.asked == ["new.example"] * 2
    scene.answer(trouble)
    scene.clock.advance(STALE_SECONDS)
    assert scene.find() == "unknown"


@pytest.mark.parametrize("trouble", [Evidence(trouble="dead", ttl=300), Unreachable("dead")])
def test_a_failed_look_up_is_tried_again_soon_but_not_at_once(
    scene: Scene, trouble: Evidence | Exception
) -> None:
    found = scene.settle()
    scene.answer(trouble)
    finding = result_of(found)
    assert finding.leg is None and "dead" in finding.why
    assert scene.find() is None
    scene.clock.advance(FAILURE_TTL - 1)
    assert result_of(scene.settle()).leg is None and scene.asked == ["new.example"]
    scene.clock.advance(1)
    assert scene.find() == "unknown"


def test_a_domain_that_speaks_neither_is_remembered_too(scene: Scene) -> None:
    scene.learn(Evidence(ttl=300))
    assert scene.find() is None and scene.asked == []


def test_a_fault_in_the_look_up_is_logged_and_told_as_trouble(scene: Scene) -> None:
    events: list[dict] = []
    globalLogPublisher.addObserver(events.append)
    first, second = scene.settle(), scene.settle()
    scene.answer(RuntimeError("a bug"))
    globalLogPublisher.removeObserver(events.append)
    assert result_of(first).leg is None and result_of(second).leg is None
    assert len(events) == 1
    again = scene.settle()
    scene.answer(SIP)
    assert result_of(again).leg is Leg.SIP


def test_what_was_forgotten_is_asked_again(scene: Scene) -> None:
    scene.learn(SIP)
    scene.directory.forget("new.example")
    assert scene.find() == "unknown"


def test_the_least_recently_used_domain_is_forgotten_first(
    scene: Scene, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CACHED_DOMAINS", 2)
    scene.learn(SIP, "one.example")
    scene.learn(SIP, "two.example")
    scene.find("one.example")
    scene.learn(SIP, "three.example")
    assert [scene.find(f"{name}.example") for name in ("one", "two", "three")] == [
        Leg.SIP,
        "unknown",
        Leg.SIP,
    ]


# watches


class Watching:
    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.source = Source()
        self.view = DirectoryView(scene.directory, {Leg.SIP: self.source}, Leg.SIP)
        self.looker = Looker(Address("romeo", "jabber.example"))

    def watch(self, domain: str = "new.example", **more):
        return self.view.watch(Address("bob", domain), self.looker, **more)


@pytest.fixture
def watching(scene: Scene) -> Watching:
    return Watching(scene)


def test_a_known_domain_is_watched_at_once(watching: Watching) -> None:
    held = watching.watch("far.example", fetch=True)
    assert held is watching.source.last and watching.source.last.fetch


def test_a_leg_that_is_not_there_is_refused_at_once(watching: Watching) -> None:
    with pytest.raises(NoSuchPresentity):
        watching.watch("fixed.example")


def test_an_unknown_domain_is_watched_once_it_is_found(watching: Watching, scene: Scene) -> None:
    held = watching.watch(fetch=True)
    held.refresh()
    assert watching.source.watches == []
    scene.answer(SIP)
    soon(scene.clock)
    last = watching.source.last
    assert last.fetch and last.watcher is watching.looker
    held.refresh()
    held.stop()
    assert last.refreshed == 1 and last.stopped


def test_who_stops_before_it_is_found_is_not_watched(watching: Watching, scene: Scene) -> None:
    watching.watch().stop()
    scene.answer(SIP)
    soon(scene.clock)
    assert watching.source.watches == [] and watching.looker.told == []


@pytest.mark.parametrize(
    ("evidence", "told", "retry"),
    [
        (XMPP, "terminated noresource", None),
        (Evidence(), "terminated noresource", None),
        (Evidence(trouble="dead"), "terminated probation", FAILURE_TTL),
    ],
)
def test_a_late_refusal_is_the_end_of_the_watch(
    watching: Watching, scene: Scene, evidence: Evidence, told: str, retry: int | None
) -> None:
    watching.watch()
    scene.answer(evidence)
    soon(scene.clock)
    assert watching.looker.last.standing is Standing.TERMINATED
    assert watching.looker.last.retry_after == retry
    assert watching.looker.brief() == [told]


def test_a_late_refusal_of_the_back_end_is_one_too(watching: Watching, scene: Scene) -> None:
    watching.source.refusal = NotAuthorized("no")
    watching.watch()
    scene.answer(SIP)
    soon(scene.clock)
    assert watching.looker.brief() == ["terminated rejected"]


def test_nobody_is_notified_from_inside_watch_even_when_dns_answers_at_once(
    watching: Watching, scene: Scene
) -> None:
    async def at_once(domain: str) -> Evidence:
        return Evidence()

    scene.directory._discover = at_once
    watching.watch()
    assert watching.looker.told == []
    soon(scene.clock)
    assert watching.looker.brief() == ["terminated noresource"]


def test_who_stops_before_the_late_refusal_is_not_told(watching: Watching, scene: Scene) -> None:
    held = watching.watch()
    scene.answer(Evidence())
    held.stop()
    soon(scene.clock)
    assert watching.looker.told == []


def test_a_trouble_that_is_known_already_withdraws_nothing_either(watching: Watching, scene: Scene) -> None:
    watching.watch()
    scene.answer(Evidence(trouble="dead"))
    soon(scene.clock)
    watching.watch()
    assert watching.looker.brief() == ["terminated probation"]
    soon(scene.clock)
    assert watching.looker.last.retry_after == FAILURE_TTL
    assert watching.looker.brief() == ["terminated probation"]
