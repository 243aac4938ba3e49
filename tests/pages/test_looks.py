"""Every page of a user in the real browser: accessible, no wider than the screen, in light and dark."""

from collections.abc import Callable

import pytest

from tests.pages.browser import DESK, PHONE, Scheme, Size, Visitor
from tests.peers.sipclient import SipClient, pidf

LOOKS = pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])


def say_something(visitor: Visitor) -> None:
    """So that there is something to see."""
    page = visitor.page
    page.get_by_label("Busy", exact=True).check()
    page.get_by_label("Text", exact=True).fill("Preparing the yearly meeting")
    page.locator("#more").evaluate("(one) => { one.open = true; }")
    page.get_by_label("Language of the text").select_option("en")
    page.get_by_label("The same in another language").fill("In Vorbereitung der Jahresversammlung")
    page.get_by_label("Its language").first.select_option("de")
    page.get_by_label("Activity", exact=True).select_option("meeting")
    page.get_by_label("Place").select_option("office")
    page.get_by_label("How long").select_option("at")
    page.get_by_label("Until", exact=True).fill("2035-05-01T18:00")
    visitor.press("Show me like this")


@LOOKS
def test_the_pages_are_accessible_and_fit(
    visit: Callable[..., Visitor], phone: Callable[[str], SipClient], size: Size, scheme: Scheme
) -> None:
    for name in ("alice", "bob"):
        client = phone(name)
        client.publish(
            pidf(client.uri, "open", "away", note="At lunch"),
            headers=[("User-Agent", "snomD785/10.1.198.18")],
        )
        client.subscribe("sip:alice@sip.example.org")
    visitor = visit(size=size, scheme=scheme)
    name = f"{'phone' if size == PHONE else 'desk'}-{scheme}"
    visitor.go("/sign-in")
    visitor.check_accessible()
    visitor.check_fits()
    visitor.shot(f"sign-in-{name}")
    visitor.sign_in("alice")
    say_something(visitor)
    for path in ("/my", "/my/holiday", "/my/sessions", "/my/password", "/my/nothing"):
        visitor.go(path)
        visitor.check_accessible()
        visitor.check_fits()
        visitor.shot(f"{path.strip('/').replace('/', '-')}-{name}")
