"""Calls as Asterisk publishes them (``res_pjsip_exten_state``), which Debian 12 does not have: by what its documentation says.

Each hint has one publication, which says how the extension is now, by one dialog that is named after it and has neither Call-ID nor
tags; it is modified and never taken back while Asterisk runs.
"""

from pathlib import Path

from tests.beside.samples import PROXY, SIP_DOMAIN
from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient, pidf

BODY = """\
<?xml version="1.0" encoding="UTF-8"?>
<dialog-info xmlns="urn:ietf:params:xml:ns:dialog-info" version="{version}" state="full" entity="sip:bob@sip.example.org">
 <dialog id="bob"{direction}>
  <state>{state}</state>
 </dialog>
</dialog-info>
"""
DIALOG_INFO = "application/dialog-info+xml"


def test_the_state_of_a_hint_is_whether_somebody_is_on_the_phone(tmp_path: Path) -> None:
    users = {"alice": "rabbit", "bob": "builder"}
    settings = {"sip": {"trusted_peers": [PROXY]}}
    with Gateway(tmp_path, users=users, settings=settings) as gateway:
        alice = SipClient("alice", SIP_DOMAIN, gateway.sip, password="rabbit")
        bob = SipClient("bob", SIP_DOMAIN, gateway.sip, password="builder")
        asterisk = SipClient("bob", SIP_DOMAIN, gateway.sip)
        asterisk.host = PROXY
        with alice, bob, asterisk:
            assert bob.publish(pidf(bob.uri, "open", "away")).status == 200
            watch = alice.subscribe(bob.uri)
            watch.wait_for_text("away")
            route = [("Route", f"<{gateway.uri};lr>")]
            etag = ""
            for version, (state, direction, shown) in enumerate(
                (
                    ("terminated", "", "away"),
                    ("early", ' direction="recipient"', "away"),
                    ("confirmed", "", "on-the-phone"),
                    ("terminated", "", "away"),
                    ("confirmed", "", "on-the-phone"),
                )
            ):
                before = len(watch.notifies)
                answer = asterisk.publish(
                    BODY.format(version=version, direction=direction, state=state),
                    etag=etag, event="dialog", content_type=DIALOG_INFO, expires=3600, headers=route,
                )  # fmt: skip
                assert answer.status == 200, answer.start
                etag = answer.get("sip-etag")
                if shown not in watch.notifies[before - 1].text:
                    watch.wait_for_text(shown, after=before)
            assert "on-the-phone" in watch.notifies[-1].text
            # Asterisk stops, or is gone and its publication expires
            before = len(watch.notifies)
            assert asterisk.publish(etag=etag, event="dialog", expires=0, headers=route).status == 200
            watch.wait(lambda notify: "on-the-phone" not in notify.text, "bob off the phone", after=before)
