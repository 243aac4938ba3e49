"""A list over the real seam: our own users with their rules, and everybody else, each asked in the subscriber's name."""

from typing import Any

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.presence.agent import PresenceAgent
from sip2xmpp.presence.directory import Directory, DirectoryView, Evidence, Leg
from sip2xmpp.presence.list_agent import ListAgent
from sip2xmpp.presence.policy import Handling, Policy
from sip2xmpp.presence.rule_book import RuleBook
from sip2xmpp.presence.states import state_of
from sip2xmpp.presence.watching import Standing
from sip2xmpp.store.records import Publication, Verdict
from tests.presence.listing import ALICE, BOB, DOMAIN, FRIENDS, Library, Players, Subscriber, address, entries

EVE, NOBODY = address(f"eve@{DOMAIN}"), address(f"nobody@{DOMAIN}")
CAROL, JULIET = address("carol@far.example"), address("juliet@jabber.example")
LOST = address("somebody@unknown.example")

ALLOW_FRIENDS = """<cr:ruleset xmlns:cr="urn:ietf:params:xml:ns:common-policy" xmlns="urn:ietf:params:xml:ns:pres-rules">
<cr:rule id="friends"><cr:conditions><ext:external-list xmlns:ext="urn:oma:xml:xdm:common-policy">
<ext:entry anc="resource-lists/users/sip:bob@sip.example.org/index/~~/resource-lists/list%5B@name=%22friends%22%5D"/>
</ext:external-list></cr:conditions><cr:actions><sub-handling>allow</sub-handling></cr:actions>
<cr:transformations><provide-all-attributes/><provide-persons><all-persons/></provide-persons>
<provide-services><all-services/></provide-services></cr:transformations></cr:rule></cr:ruleset>"""


class World:
    """A presence agent, two other legs that a test plays, and lists of all."""

    def __init__(self, default: Handling = Handling.ALLOW) -> None:
        self.library = Library()
        self.clock = self.library.clock
        clock: Any = self.clock
        store = self.store = self.library.store
        rules = RuleBook(store, clock, in_list=self.library.book.in_list)
        self.library.book.listen_references(rules.lists_changed)
        self.policy = Policy(store.verdicts, default=default, rules=rules)
        self.existing = {ALICE, BOB, EVE}
        self.presence = PresenceAgent(
            store=store,
            clock=clock,
            judge=self.policy.judge,
            exists=self.existing.__contains__,
            parse=lambda publication: pidf.read(publication.document),
        )
        self.policy.listen(self.presence.rules_changed)
        self.sip, self.jabber = Players(self.clock), Players(self.clock)
        directory = Directory(
            own_domains=frozenset({DOMAIN}),
            overrides={"far.example": "sip", "jabber.example": "xmpp"},
            discover=self.discover,
            clock=clock,
        )
        view = DirectoryView(
            directory, {Leg.OWN: self.presence, Leg.SIP: self.sip, Leg.XMPP: self.jabber}, Leg.SIP
        )
        self.agent = ListAgent(self.library.book, view, clock=clock, domains=[DOMAIN])
        self.policy.listen(self.agent.rules_changed)

    async def discover(self, domain: str) -> Evidence:
        return Evidence(trouble="" if domain == "unknown.example" else "timeout")

    def publish(self, who: Address, activity: str) -> None:
        document = (
            '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"'
            f' xmlns:r="urn:ietf:params:xml:ns:pidf:rpid" entity="{who.sip_uri()}"><tuple id="t"><status>'
            f'<basic>open</basic></status></tuple><dm:person id="p"><r:activities><r:{activity}/></r:activities>'
            "</dm:person></presence>"
        )
        self.store.publications.put(
            Publication(
                presentity=who,
                package="presence",
                etag="e",
                source="",
                content_type="application/pidf+xml",
                user_agent="",
                document=document.encode(),
                published_at=self.clock.seconds(),
                expires_at=self.clock.seconds() + 100_000,
            )
        )

    def decide(self, presentity: Address, watcher: Address, handling: Handling) -> None:
        self.store.verdicts.put(
            Verdict(presentity=presentity, watcher=watcher, handling=handling.value, decided_at=0.0)
        )

    def run(self, seconds: float = 0.5) -> None:
        for _ in range(10):
            self.clock.advance(seconds / 10)


def shown(subscriber: Subscriber) -> dict[str, str]:
    """The state of each member in a word."""
    words = {}
    for row in subscriber.state.rows:
        if row.told is not None:
            document = row.told.document
            words[str(row.member.address)] = (
                state_of(document).value if hasattr(document, "tuples") else str(document)
            )
        else:
            words[str(row.member.address)] = row.reason.value if row.reason else str(row.standing)
    return words


def watching(world: World, *members: Address) -> Subscriber:
    world.library.serve(FRIENDS, ALICE, *(each.sip_uri() for each in members))
    subscriber = Subscriber()
    world.agent.watch(FRIENDS, subscriber)
    world.run(1)
    return subscriber


def test_members_of_three_worlds_are_in_one_state() -> None:
    world = World()
    world.publish(BOB, "away")
    world.sip.say(CAROL, "from afar")
    world.jabber.say(JULIET, "from Jabber")
    subscriber = watching(world, BOB, EVE, NOBODY, CAROL, JULIET, LOST)
    assert shown(subscriber) == {
        str(BOB): "away",
        str(EVE): "offline",
        str(NOBODY): "noresource",
        str(CAROL): "from afar",
        str(JULIET): "from Jabber",
        str(LOST): "noresource",
    }
    assert world.jabber.live[JULIET][0].watcher.address == ALICE
    assert world.presence.watches(BOB) == [(ALICE, Handling.ALLOW)]
    world.publish(BOB, "busy")
    world.run(0)
    assert shown(subscriber)[str(BOB)] == "busy"


def test_what_an_owner_decides_about_the_subscriber_is_seen_in_the_list_at_once() -> None:
    world = World(Handling.CONFIRM)
    world.publish(BOB, "away")
    subscriber = watching(world, BOB)
    assert subscriber.state.rows[0].standing is Standing.PENDING
    for handling, word in (
        (Handling.ALLOW, "away"),
        (Handling.POLITE_BLOCK, "offline"),
        (Handling.BLOCK, "rejected"),
        (Handling.ALLOW, "away"),
        (Handling.BLOCK, "rejected"),
        (Handling.POLITE_BLOCK, "offline"),
    ):
        world.decide(BOB, ALICE, handling)
        world.run(0.2)
        assert shown(subscriber) == {str(BOB): word}


def test_polite_block_looks_in_a_list_exactly_as_offline() -> None:
    world = World()
    world.publish(BOB, "away")
    world.decide(BOB, ALICE, Handling.POLITE_BLOCK)
    blocked, offline = watching(world, BOB).state.rows[0], watching(World(), BOB).state.rows[0]
    assert blocked == offline
    assert blocked.told is not None and offline.told is not None
    assert blocked.told.document == offline.told.document


def test_two_subscribers_of_one_list_are_each_shown_what_they_may_see() -> None:
    world = World()
    world.publish(BOB, "away")
    world.decide(BOB, EVE, Handling.POLITE_BLOCK)
    sales = address(f"sales@{DOMAIN}")
    world.library.lists("", sales=entries(BOB.sip_uri()))
    alice, eve = Subscriber(ALICE), Subscriber(EVE)
    for subscriber in (alice, eve):
        world.agent.watch(sales, subscriber)
    world.run(1)
    assert shown(alice) == {str(BOB): "away"} and shown(eve) == {str(BOB): "offline"}


def test_a_list_in_a_rule_of_a_member_decides_about_the_subscriber_of_another_list() -> None:
    world = World(Handling.BLOCK)
    world.publish(BOB, "away")
    world.library.put("pres-rules", BOB, ALLOW_FRIENDS.encode())
    subscriber = watching(world, BOB)
    assert shown(subscriber) == {str(BOB): "rejected"}
    world.library.lists(BOB, friends=entries(ALICE.sip_uri()))
    world.run(0.3)
    assert shown(subscriber) == {str(BOB): "away"}
    world.library.lists(BOB, friends=())
    world.run(0.3)
    assert shown(subscriber) == {str(BOB): "rejected"}


def test_stopping_leaves_no_watch_anywhere() -> None:
    world = World()
    subscriber = Subscriber()
    world.library.serve(FRIENDS, ALICE, *(each.sip_uri() for each in (BOB, NOBODY, CAROL, JULIET, LOST)))
    watch = world.agent.watch(FRIENDS, subscriber)
    world.run(1)
    watch.stop()
    world.run(1)
    assert len(world.presence) == 0
    assert not world.sip.watched() and not world.jabber.watched()
