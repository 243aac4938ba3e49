"""The log of a real gateway as machines read it: lines of JSON, and the journal of systemd."""

import json
import re
from pathlib import Path

from tests.peers.gateway import Gateway
from tests.peers.sipclient import SipClient, pidf

EVERY_LINE_HAS = {"time", "level", "logger", "event"}


class Journalled(Gateway):
    """One whose output is what systemd calls the stream of its journal."""

    def environment(self) -> dict[str, str]:
        status = self.output.stat()
        return {**super().environment(), "JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}


def lines_of(directory: Path, form: str) -> list[str]:
    """Everything that a gateway says in a short life, with a client that is hostile."""
    settings = {"log": {"format": form, "level": "debug"}}
    gateway = Journalled(directory, users={"bob": "builder"}, settings=settings)
    with gateway, SipClient("bob", "sip.example.org", gateway.sip, password="builder") as bob:
        assert bob.register().status == 200
        bob.publish(pidf(bob.uri, "open", note="\u202eevil\u0085note"))
        bob.subscribe("sip:bob\\n\u2028@sip.example.org")
        assert gateway.attempt("--config", "/nowhere", "status").returncode
    return gateway.output.read_text("utf-8").split("\n")[:-1]


def test_every_line_is_one_object_with_the_same_keys(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "json")
    assert all(re.match(r"<[2-7]>\{", line) for line in lines)
    lines = [line[3:] for line in lines]
    objects = [json.loads(line) for line in lines]
    assert all(each.keys() >= EVERY_LINE_HAS for each in objects)
    assert all(isinstance(value, str) for each in objects for value in each.values())
    assert all(re.fullmatch(r"[0-9-]{10}T[0-9:.]{12}Z", each["time"]) for each in objects)
    events = [each["event"] for each in objects]
    assert any("is serving" in event for event in events)
    assert any(event.startswith("publication created") for event in events)
    assert events[-1].endswith(("Server Shut Down.", "has stopped"))
    assert "builder" not in "\n".join(lines)


def test_text_in_the_journal_leaves_out_what_the_journal_has(tmp_path: Path) -> None:
    lines = lines_of(tmp_path, "text")
    assert all(re.match(r"<[2-7]>[\w.-]+: ", line) for line in lines)
    assert re.search(r"^<6>service\.Gateway: sip2xmpp [0-9.]+ is serving$", "\n".join(lines), re.MULTILINE)
    assert any(line.startswith("<7>") for line in lines)
