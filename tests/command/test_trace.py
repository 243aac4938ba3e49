"""``trace`` as a person reads it, and what it does when the gateway cannot be asked."""

from sip2xmpp.command import trace
from sip2xmpp.command.screen import Ink
from tests.command.conftest import Operator

PLAIN = Ink(on=False)
FACTS = {
    "watcher": "romeo@jabber.example",
    "presentity": "bob@sip.example.org",
    "at": "2026-01-31T12:00:00Z",
    "dialogs": [
        {
            "role": "notifier",
            "event": "presence",
            "state": "active",
            "call_id": "one\x1b[2J",
            "expires_at": "2026-01-31T13:00:00Z",
            "next": {"what": "expires unless the watcher refreshes", "at": "2026-01-31T13:00:00Z"},
            "local_cseq": 7,
            "remote_cseq": 2,
            "flow": "udp 127.0.0.1 5060 192.0.2.7 5070",
            "remote_target": "sip:romeo@192.0.2.7",
            "user_agent": "",
            "under_way": True,
            "failures": 2,
        }
    ],
    "authorizations": [
        {
            "side": "jabber-watches",
            "state": "authorized",
            "watcher_jid": "romeo@jabber.example",
            "contact_jid": "bob@sip.example.org",
            "asked_at": None,
            "since": "2026-01-01T00:00:00Z",
            "expires_at": None,
        }
    ],
    "judgement": {"handling": "allow", "decided_by": "decision", "decided_at": "2026-01-02T00:00:00Z"},
    "domains": [
        {"domain": "jabber.example", "leg": "xmpp", "why": "configured as xmpp", "target": ""},
        {"domain": "sip.example.org", "leg": None, "why": "was not looked up yet", "target": ""},
    ],
    "links": {"sip.example.org": {"state": "down", "why": "the server is away"}},
    "trouble": {"at": "2026-01-31T11:59:00Z", "what": "NOTIFY was not taken: 481 Gone"},
}


def test_how_a_pair_stands_is_told_in_lines() -> None:
    assert list(trace._facts(FACTS)) == [
        "romeo@jabber.example watches bob@sip.example.org",
        "  domain jabber.example: xmpp, configured as xmpp",
        "  domain sip.example.org: neither protocol, was not looked up yet",
        "  decision: allow, by decision since 2026-01-02T00:00:00Z",
        "  authorization: authorized since 2026-01-01T00:00:00Z (romeo@jabber.example -> bob@sip.example.org)",
        "  dialog: we are notifier, presence, active; expires unless the watcher refreshes at 2026-01-31T13:00:00Z",
        "    Call-ID one[2J, CSeq 7 ours, 2 theirs; udp 127.0.0.1 5060 192.0.2.7 5070; no User-Agent",
        "    waits for an answer, 2 failures in a row",
        "  link of sip.example.org: down, the server is away",
        "  last trouble: 2026-01-31T11:59:00Z NOTIFY was not taken: 481 Gone",
    ]


def test_strangers_have_nothing() -> None:
    nothing = {**FACTS, "dialogs": [], "authorizations": [], "judgement": None, "links": {}, "trouble": None}
    assert "  there is neither a dialog nor an authorization" in list(trace._facts(nothing))


def test_a_message_has_its_way_and_a_mapping_what_became_of_it() -> None:
    message = {
        "number": 1,
        "at": "2026-01-31T12:00:00Z",
        "leg": "sip",
        "way": "out",
        "what": "NOTIFY",
        "peer": "udp:192.0.2.7:5070",
        "text": "NOTIFY sip:x SIP/2.0\n\n  <a/>\x1b]0;evil\x07",
        "after": "",
        "lost": [],
        "cut": True,
    }
    assert list(trace._message(message, PLAIN)) == [
        "",
        "2026-01-31T12:00:00Z SIP <-|      NOTIFY udp:192.0.2.7:5070",
        "    NOTIFY sip:x SIP/2.0",
        "",
        "      <a/> ]0;evil",
        "    (there was more)",
    ]
    mapping = {
        **message,
        "leg": "mapping",
        "what": "PIDF to XMPP presence",
        "peer": "",
        "text": "before",
        "after": "after",
        "lost": ["a note"],
        "cut": False,
    }
    assert list(trace._message(mapping, PLAIN)) == [
        "",
        "2026-01-31T12:00:00Z    mapping PIDF to XMPP presence",
        "    before",
        "    becomes",
        "    after",
        "    lost: a note",
    ]


def test_a_gateway_that_cannot_be_asked_is_said_to_be_so(operator: Operator) -> None:
    status, out, err = operator("trace", "romeo@jabber.example", "bob@sip.example.org", "--now")
    assert (status, out) == (2, "")
    assert "http" in err
    status, _, err = operator("trace", "romeo@jabber.example", "bob@sip.example.org", "--for", "soon")
    assert status == 2
    assert "soon is not a span of time" in err
    assert operator("trace", "jabber.example", "bob@sip.example.org")[0] == 2
