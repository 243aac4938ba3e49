"""REGISTER by the table of RFC 3261, section 10.3."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from twisted.internet.task import Clock

from sip2xmpp.events.registrar import RegistrationLimits
from sip2xmpp.store.records import Binding
from tests.events.gateway import Gateway
from tests.events.phone import SERVER, Exchange, Phone, parameter
from tests.events.test_publication import SlowStore
from tests.fakes import Network

ALICE = "sip:alice@sip.example.org"
DOMAIN = "sip:sip.example.org"
INSTANCE = '+sip.instance="<urn:uuid:00000000-0000-1000-8000-000A95A0E128>"'


class Desk:
    """A phone that registers; Call-ID and CSeq are those of one boot."""

    def __init__(
        self, network: Network, gateway: Gateway, host: str = "192.0.2.10", call_id: str = "boot1"
    ) -> None:
        self.network = network
        self.gateway = gateway
        self.phone = Phone(network, host, ALICE)
        self.call_id = call_id
        self.cseq = 0

    def register(
        self,
        *contacts: str,
        expires: int | None = None,
        headers: str = "",
        cseq: int | None = None,
        to: str = f"<{ALICE}>",
        via: str = "",
    ) -> Exchange:
        self.cseq = self.cseq + 1 if cseq is None else cseq
        lines = "".join(f"Contact: {contact}\r\n" for contact in contacts)
        if expires is not None:
            lines += f"Expires: {expires}\r\n"
        exchange = self.phone.request(
            "REGISTER", DOMAIN, to=to, call_id=self.call_id, cseq=self.cseq, headers=lines + headers, via=via
        )
        self.network.drive(0.2)
        return exchange

    @property
    def bindings(self) -> tuple[Binding, ...]:
        return self.gateway.store.bindings.select("alice@sip.example.org")

    @property
    def contacts(self) -> list[str]:
        return [binding.contact for binding in self.bindings]


@pytest.fixture
def desk(network: Network, gateway: Gateway) -> Desk:
    return Desk(network, gateway)


def test_a_contact_is_bound_and_told_with_its_seconds(desk: Desk) -> None:
    exchange = desk.register("<sip:alice@192.0.2.10:5060;transport=udp>;q=0.5", expires=600)
    assert exchange.status == 200
    told = exchange.responses[0]["Contact"]
    assert (
        told.startswith("<sip:alice@192.0.2.10:5060;transport=udp>;q=0.5")
        and parameter(told, "expires") == "600"
    )
    assert exchange.responses[0]["Date"].endswith("GMT")
    (binding,) = desk.bindings
    assert (
        binding.q == 0.5
        and binding.call_id == "boot1"
        and binding.flow.startswith("udp 192.0.2.1 5060 192.0.2.10")
    )


def test_a_query_tells_the_bindings_and_changes_nothing(desk: Desk) -> None:
    desk.register("<sip:alice@192.0.2.10>", expires=600)
    desk.network.drive(100)
    exchange = desk.register()
    assert exchange.status == 200 and parameter(exchange.responses[0]["Contact"], "expires") == "500"


def test_a_query_without_bindings_tells_none(desk: Desk) -> None:
    exchange = desk.register()
    assert exchange.status == 200 and "Contact" not in exchange.responses[0]


@pytest.mark.parametrize(
    ("contact", "header", "granted"),
    [
        ("<sip:a@192.0.2.10>", None, "3600"),
        ("<sip:a@192.0.2.10>", 600, "600"),
        ("<sip:a@192.0.2.10>;expires=120", 600, "120"),
        ("<sip:a@192.0.2.10>;expires=nonsense", 600, "600"),
        ("<sip:a@192.0.2.10>", 100_000, "7200"),
        ("<sip:a@192.0.2.10>;expires=60", None, "60"),
    ],
)
def test_the_lifetime_is_that_of_the_contact_then_of_the_header_then_the_default(
    desk: Desk, contact: str, header: int | None, granted: str
) -> None:
    exchange = desk.register(contact, expires=header)
    assert parameter(exchange.responses[0]["Contact"], "expires") == granted


def test_a_lifetime_too_brief_is_423_and_nothing_of_the_request_happens(desk: Desk) -> None:
    exchange = desk.register("<sip:a@192.0.2.10>;expires=600", "<sip:b@192.0.2.10>;expires=30")
    assert exchange.status == 423 and exchange.responses[0]["Min-Expires"] == "60" and desk.contacts == []


def test_several_contacts_are_bound_at_once(desk: Desk) -> None:
    exchange = desk.register("<sip:a@192.0.2.10>, <sip:b@192.0.2.10>;q=0.1", expires=600)
    assert len(exchange.responses[0].all("Contact")) == 2
    assert desk.contacts == ["sip:a@192.0.2.10", "sip:b@192.0.2.10"]


def test_a_refresh_extends_the_binding_and_keeps_when_it_began(desk: Desk) -> None:
    desk.register("<sip:alice@192.0.2.10>", expires=600)
    began = desk.bindings[0].registered_at
    desk.network.drive(300)
    desk.register("<sip:alice@192.0.2.10>", expires=600)
    desk.network.drive(400)
    assert desk.contacts == ["sip:alice@192.0.2.10"] and desk.bindings[0].registered_at == began


def test_a_binding_that_is_not_refreshed_expires(desk: Desk) -> None:
    desk.register("<sip:alice@192.0.2.10>", expires=60)
    desk.network.drive(61)
    assert desk.contacts == []


def test_an_equivalent_uri_is_the_same_binding(desk: Desk) -> None:
    desk.register("<sip:%61lice@192.0.2.10;a=b>", expires=600)
    desk.register("<sip:alice@192.0.2.10>", expires=600)
    assert desk.contacts == ["sip:alice@192.0.2.10"]


def test_zero_seconds_remove_one_binding(desk: Desk) -> None:
    desk.register("<sip:a@192.0.2.10>", "<sip:b@192.0.2.10>", expires=600)
    exchange = desk.register("<sip:a@192.0.2.10>", expires=0)
    assert exchange.status == 200 and desk.contacts == ["sip:b@192.0.2.10"]
    assert desk.register("<sip:never@192.0.2.10>;expires=0").status == 200


def test_a_star_removes_all_bindings_of_every_boot(network: Network, gateway: Gateway) -> None:
    Desk(network, gateway, "192.0.2.10").register("<sip:a@192.0.2.10>", expires=600)
    other = Desk(network, gateway, "192.0.2.11", "boot2")
    other.register("<sip:b@192.0.2.11>", expires=600)
    assert other.register("*", expires=0).status == 200 and other.contacts == []


@pytest.mark.parametrize(
    ("contacts", "expires"), [(("*",), None), (("*",), 600), (("*", "<sip:a@192.0.2.10>"), 0), (("*, *",), 0)]
)
def test_a_star_that_does_not_stand_alone_with_zero_is_400(
    desk: Desk, contacts: tuple[str, ...], expires: int | None
) -> None:
    desk.register("<sip:a@192.0.2.10>", expires=600)
    assert desk.register(*contacts, expires=expires).status == 400
    assert desk.contacts == ["sip:a@192.0.2.10"]


@pytest.mark.parametrize("contact", ["*", "<sip:a@192.0.2.10>", "<sip:new@192.0.2.10>, <sip:a@192.0.2.10>"])
def test_a_request_that_was_overtaken_changes_nothing(desk: Desk, contact: str) -> None:
    desk.register("<sip:a@192.0.2.10>", expires=600, cseq=5)
    assert desk.register(contact, expires=0 if contact == "*" else 700, cseq=5).status == 500
    assert (
        desk.contacts == ["sip:a@192.0.2.10"]
        and desk.bindings[0].expires_at - desk.bindings[0].registered_at == 600
    )


def test_another_boot_may_count_from_the_beginning(network: Network, gateway: Gateway) -> None:
    Desk(network, gateway, "192.0.2.10").register("<sip:a@192.0.2.10>", expires=600, cseq=50)
    again = Desk(network, gateway, "192.0.2.11", "boot2")
    assert again.register("<sip:a@192.0.2.10>", expires=600, cseq=1).status == 200
    assert again.bindings[0].call_id == "boot2"


def test_a_device_that_comes_back_with_another_port_leaves_no_ghost(
    network: Network, gateway: Gateway
) -> None:
    Desk(network, gateway, "192.0.2.10").register(f"<sip:a@192.0.2.10:1111>;{INSTANCE}", expires=600)
    again = Desk(network, gateway, "192.0.2.11", "boot2")
    exchange = again.register(f"<sip:a@192.0.2.10:2222>;{INSTANCE}", expires=600)
    assert again.contacts == ["sip:a@192.0.2.10:2222"] and INSTANCE in exchange.responses[0]["Contact"]


OUTBOUND = "Supported: path, outbound\r\n"


def test_a_device_may_refresh_two_contacts_at_once(desk: Desk) -> None:
    contacts = [f"<sip:alice@192.0.2.10;transport={each}>;{INSTANCE}" for each in ("udp", "tcp")]
    desk.register(*contacts, expires=600)
    began = [binding.registered_at for binding in desk.bindings]
    desk.network.drive(60)
    desk.register(*contacts, expires=600)
    assert [binding.registered_at for binding in desk.bindings] == began
    assert [binding.event for binding in desk.bindings] == ["refreshed", "refreshed"]
    desk.register(contacts[1], expires=600)
    assert desk.contacts == ["sip:alice@192.0.2.10;transport=tcp"]


def test_two_flows_of_one_device_are_two_bindings(desk: Desk) -> None:
    for number in (1, 2):
        contact = f"<sip:a@192.0.2.10:1111>;{INSTANCE};reg-id={number}"
        exchange = desk.register(contact, expires=600, headers=OUTBOUND)
        assert exchange.status == 200 and exchange.responses[0]["Require"] == "outbound"
    assert [binding.reg_id for binding in desk.bindings] == [1, 2]
    desk.register(f"<sip:a@192.0.2.10:3333>;{INSTANCE};reg-id=2", expires=600, headers=OUTBOUND)
    assert desk.contacts == ["sip:a@192.0.2.10:1111", "sip:a@192.0.2.10:3333"]


def test_a_flow_number_means_nothing_without_outbound_or_without_a_device(desk: Desk) -> None:
    assert "Require" not in desk.register(f"<sip:a@192.0.2.10>;{INSTANCE};reg-id=1", expires=600).responses[0]
    exchange = desk.register("<sip:b@192.0.2.10>;reg-id=1", expires=600, headers=OUTBOUND)
    assert "Require" not in exchange.responses[0]
    assert [binding.reg_id for binding in desk.bindings] == [0, 0]


def test_several_flows_in_one_request_are_400(desk: Desk) -> None:
    exchange = desk.register(
        f"<sip:a@192.0.2.10:1111>;{INSTANCE};reg-id=1",
        f"<sip:a@192.0.2.10:2222>;{INSTANCE};reg-id=2",
        expires=600,
        headers=OUTBOUND,
    )
    assert exchange.status == 400 and desk.bindings == ()


@pytest.mark.parametrize(
    ("path", "status"),
    [("", 439), ("Path: <sip:p.example.org;lr>\r\n", 439), ("Path: <sip:p.example.org;lr;ob>\r\n", 200)],
)
def test_outbound_needs_a_first_hop_that_speaks_it(desk: Desk, path: str, status: int) -> None:
    exchange = desk.register(
        f"<sip:a@192.0.2.10>;{INSTANCE};reg-id=1",
        expires=600,
        headers=OUTBOUND + path,
        via="Via: SIP/2.0/UDP 192.0.2.77:5060;branch=z9hG4bKclient\r\n",
    )
    assert exchange.status == status


def test_a_device_that_asks_for_it_gets_a_uri_of_its_own(desk: Desk) -> None:
    told = desk.register(
        f'<sip:a@192.0.2.10>;{INSTANCE};pub-gruu="sip:mallory@example.net"',
        expires=600,
        headers="Supported: gruu\r\n",
    ).responses[0]
    gruu = "sip:alice@sip.example.org;gr=urn:uuid:00000000-0000-1000-8000-000A95A0E128"
    assert f'pub-gruu="{gruu}"' in told["Contact"] and "mallory" not in told["Contact"]
    assert (
        "pub-gruu" not in desk.register(f"<sip:a@192.0.2.10>;{INSTANCE}", expires=600).responses[0]["Contact"]
    )


def test_without_the_policy_a_device_may_have_several_contacts(network: Network) -> None:
    desk = Desk(network, Gateway(network, registrations=RegistrationLimits(one_per_instance=False)))
    desk.register(f"<sip:a@192.0.2.10:1111>;{INSTANCE}", expires=600)
    desk.register(f"<sip:a@192.0.2.10:2222>;{INSTANCE}", expires=600)
    assert len(desk.contacts) == 2


@pytest.mark.parametrize(
    "contact", [b"<sip:al\xffice@192.0.2.10>", b'<sip:alice@192.0.2.10>;+sip.instance="<\xff>"']
)
def test_a_contact_that_nobody_could_be_told_is_refused(network: Network, desk: Desk, contact: bytes) -> None:
    peer = network.peer("192.0.2.66")
    peer.send(
        f"REGISTER {DOMAIN} SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.66:5060;branch=z9hG4bK1\r\n"
        f"Max-Forwards: 70\r\nFrom: <{ALICE}>;tag=t\r\nTo: <{ALICE}>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
        "Contact: ".encode()
        + contact
        + b"\r\nSupported: gruu\r\nContent-Length: 0\r\n\r\n",
        SERVER,
    )
    network.drive(0.2)
    assert [response.status for response in peer.responses] == [400] and not desk.bindings


def test_a_contact_that_is_too_long_is_refused(desk: Desk) -> None:
    assert desk.register(f"<sip:{'a' * 3000}@192.0.2.10>", expires=600).status == 403
    desk.phone.agent = "a" * 3000
    assert desk.register("<sip:alice@192.0.2.10>", expires=600).status == 403 and not desk.bindings


def test_the_path_is_kept_and_told_to_who_understands_it(desk: Desk) -> None:
    path = "Path: <sip:p1.example.org;lr;x=1>, <sip:p2.example.org;lr>\r\n"
    exchange = desk.register("<sip:a@192.0.2.10>", expires=600, headers=path + "Supported: path\r\n")
    assert exchange.responses[0].all("Path") == ["<sip:p1.example.org;lr;x=1>", "<sip:p2.example.org;lr>"]
    assert desk.bindings[0].path == ("<sip:p1.example.org;lr;x=1>", "<sip:p2.example.org;lr>")
    exchange = desk.register("<sip:a@192.0.2.10>", expires=600, headers=path)
    assert "Path" not in exchange.responses[0]


def test_more_contacts_than_the_limit_are_403_and_refreshing_goes_on(network: Network) -> None:
    desk = Desk(network, Gateway(network, registrations=RegistrationLimits(contacts=2)))
    desk.register("<sip:a@192.0.2.10>", "<sip:b@192.0.2.10>", expires=600)
    assert desk.register("<sip:c@192.0.2.10>", expires=600).status == 403
    assert desk.register("<sip:b@192.0.2.10>", expires=600).status == 200
    assert desk.register("<sip:b@192.0.2.10>;expires=0", "<sip:c@192.0.2.10>", expires=600).status == 200
    assert desk.contacts == ["sip:a@192.0.2.10", "sip:c@192.0.2.10"]


def test_more_contacts_than_could_be_meant_are_not_even_looked_at(network: Network) -> None:
    desk = Desk(network, Gateway(network, registrations=RegistrationLimits(contacts=2)))
    many = ", ".join(f"<sip:c{number}@192.0.2.10>;expires=0" for number in range(3))
    assert desk.register(many).status == 403


def test_what_another_registrar_told_is_not_the_business_of_this_one(desk: Desk) -> None:
    desk.register("<sip:a@192.0.2.10>", expires=600)
    told = replace(desk.bindings[0], contact="sip:a@192.0.2.99", registrar="sip:registrar.example.org")
    desk.gateway.store.bindings.put(told)
    exchange = desk.register("*", expires=0)
    assert exchange.status == 200 and "Contact" not in exchange.responses[0]
    assert desk.contacts == ["sip:a@192.0.2.99"]


def test_nobody_registers_for_somebody_else(desk: Desk) -> None:
    assert desk.register("<sip:a@192.0.2.10>", to="<sip:bob@sip.example.org>").status == 403


def test_the_parameters_of_the_address_do_not_matter(desk: Desk) -> None:
    assert desk.register("<sip:a@192.0.2.10>", to="<sip:Alice@sip.example.org;transport=tcp>").status == 200
    assert desk.contacts == ["sip:a@192.0.2.10"]


def test_somebody_whom_we_do_not_have_is_404(network: Network) -> None:
    desk = Desk(network, Gateway(network, users=lambda address: False))
    assert desk.register("<sip:a@192.0.2.10>").status == 404


@pytest.mark.parametrize(("q", "kept"), [("0.25", 0.25), ("7", 1.0), ("nan", 1.0), ("high", 1.0)])
def test_a_preference_that_makes_no_sense_is_the_highest(desk: Desk, q: str, kept: float) -> None:
    desk.register(f"<sip:a@192.0.2.10>;q={q}", expires=600)
    assert desk.bindings[0].q == kept


def test_a_contact_may_be_of_another_kind(desk: Desk) -> None:
    desk.register("<tel:+15550100>", expires=600)
    desk.register("<sip:a@192.0.2.10>", expires=600)
    desk.register("<tel:+15550100>", expires=600)
    assert desk.contacts == ["tel:+15550100", "sip:a@192.0.2.10"]


def test_an_address_that_cannot_be_read_is_404(desk: Desk) -> None:
    assert desk.register("<sip:a@192.0.2.10>", to="<sip:%ff%fe@sip.example.org>").status == 404


def test_what_cannot_be_stored_is_500_and_changes_nothing(network: Network, clock: Clock) -> None:
    store = SlowStore(clock)
    desk = Desk(network, Gateway(network, store=store))
    desk.register("<sip:a@192.0.2.10>", expires=600)
    store.waiting.pop()(None)
    network.drive(1)
    before = desk.bindings
    store.broken = True
    assert desk.register("<sip:a@192.0.2.10>", "<sip:b@192.0.2.10>", expires=700).status == 500
    assert desk.register("*", expires=0).status == 500
    assert desk.bindings == before


@given(
    requests=st.lists(
        st.tuples(st.sampled_from("abc"), st.sampled_from([0, 60, 600]), st.integers(0, 400)),
        min_size=1,
        max_size=12,
    )
)
def test_after_any_requests_each_contact_is_there_until_its_time(
    requests: list[tuple[str, int, int]],
) -> None:
    clock = Clock()
    clock.rightNow = 1_800_000_000.0
    network = Network(clock)
    desk = Desk(network, Gateway(network))
    ends: dict[str, float] = {}
    for user, seconds, pause in requests:
        desk.register(f"<sip:{user}@192.0.2.10>", expires=seconds)
        ends[user] = clock.seconds() + seconds - 0.2
        network.drive(pause)
        alive = {f"sip:{user}@192.0.2.10" for user, end in ends.items() if end > clock.seconds() + 0.5}
        dead = {f"sip:{user}@192.0.2.10" for user, end in ends.items() if end < clock.seconds() - 0.5}
        assert alive <= set(desk.contacts) and not dead & set(desk.contacts)
