import pytest

from sip2xmpp.sip.flow import Flow, HostPort, Target, Transport


@pytest.mark.parametrize("host", ["192.0.2.9", "2001:db8::9"])
@pytest.mark.parametrize("transport", list(Transport))
def test_a_flow_survives_its_text_without_its_connection(host: str, transport: Transport) -> None:
    flow = Flow(transport=transport, local=HostPort(host, 5060), peer=HostPort(host, 40000), connection=7)
    again = Flow.from_text(flow.to_text())
    assert again == Flow(transport=transport, local=flow.local, peer=flow.peer)


@pytest.mark.parametrize("text", ["", "udp", "udp a 1 b", "sctp a 1 b 2", "udp a x b 2"])
def test_other_text_is_no_flow(text: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        Flow.from_text(text)


def test_ipv6_is_written_in_brackets() -> None:
    assert str(HostPort("2001:db8::9", 5060)) == "[2001:db8::9]:5060"
    assert HostPort("2001:db8::9", 5060).uri_host == "[2001:db8::9]"
    assert str(Target(transport=Transport.TLS, host="192.0.2.9", port=5061)) == "tls:192.0.2.9:5061"


def test_only_tls_has_another_port() -> None:
    assert [transport.default_port for transport in Transport] == [5060, 5060, 5061]
