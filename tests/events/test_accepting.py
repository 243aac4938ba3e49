"""Accept headers."""

import pytest

from sip2xmpp.events.accepting import accepts


@pytest.mark.parametrize(
    ("accept", "taken"),
    [
        ("", True),
        (" , ", True),
        ("text/plain", False),
        ("text/html, Application/Pidf+XML ;q=0.3", True),
        ("application/*", True),
        ("text/*;q=0.5, */*;q=0.1", True),
        ("*/*, application/pidf+xml;q=0.0", False),
        ("application/pidf+xml;q=0", False),
        ("*/*;q=0", False),
    ],
)
def test_whether_a_watcher_takes_a_media_type(accept: str, taken: bool) -> None:
    assert accepts(accept, "application/pidf+xml") is taken
