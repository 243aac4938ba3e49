import io
import json
from pathlib import Path
from typing import Any

import pytest

from sip2xmpp.command.main import main
from sip2xmpp.documents import pidf
from sip2xmpp.documents.presence import Show

STANZA = """<presence from='Romeo@jabber.example/orchard' to='bob@sip.example.org'>
  <show>dnd</show><status>Sales call</status><priority>-3</priority>
  <activity xmlns='http://jabber.org/protocol/activity'><talking><on_the_phone/></talking></activity>
</presence>"""

PIDF = """<?xml version="1.0"?>
<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model"
          xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="sip:Bob@sip.example.org">
  <tuple id="desk"><status><basic>open</basic></status><contact priority="1.0">sip:bob@192.0.2.1</contact>
    <note xml:lang="en">Sales call</note></tuple>
  <dm:person id="p"><rpid:activities><rpid:on-the-phone/></rpid:activities><rpid:sphere><rpid:work/></rpid:sphere></dm:person>
</presence>"""

XPIDF = """<?xml version="1.0"?>
<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd">
<presence><presentity uri="sip:bob@sip.example.org;method=SUBSCRIBE"/><atom id="1"><address uri="sip:bob@192.0.2.1"
priority="0.5"><status status="inuse"/><msnsubstatus substatus="onthephone"/></address></atom></presence>"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "presence.xml"


def answer(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert main(["map", "--json", *arguments]) == 0
    found: dict[str, Any] = json.loads(capsys.readouterr().out)
    return found


def test_a_stanza_becomes_a_document_and_a_list_of_losses(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(STANZA)
    assert main(["map", str(file)]) == 0
    lines = capsys.readouterr().out.splitlines()
    document = pidf.read("\n".join(lines[:2]).encode())
    assert document.entity == "sip:romeo@jabber.example"
    assert document.tuples[0].show is Show.DND
    assert [one.name for one in document.persons[0].activities] == ["busy", "on-the-phone", "busy"]
    assert lines[2:] == ["", "state: on-the-phone", "lost: the priority -3 comes back as 0"]


def test_a_document_becomes_stanzas_and_a_list_of_losses(
    file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file.write_text(PIDF)
    assert main(["map", str(file), "--to", "juliet@jabber.example"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        (
            "<presence from='bob@sip.example.org/sip' to='juliet@jabber.example'><show>dnd</show><priority>127</priority>"
            "<status xml:lang='en'>Sales call</status>"
            "<activity xmlns='http://jabber.org/protocol/activity'><talking><on_the_phone/></talking></activity></presence>"
        ),
        "",
        "state: on-the-phone",
        "lost: the person's sphere",
    ]


def test_scripts_get_json(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(PIDF)
    found = answer(capsys, str(file))
    (one,) = found.pop("result")
    assert found == {"from": "pidf", "to": "xmpp", "state": "on-the-phone", "lost": ["the person's sphere"]}
    assert one.pop("stanza").startswith("<presence from='bob@sip.example.org/sip'")
    assert one == {
        "resource": "sip", "available": True, "show": "dnd", "statuses": [{"language": "en", "text": "Sales call"}],
        "priority": 127, "idle_since": None, "stamp": None, "mood": None,
        "activity": {"general": "talking", "specific": "on_the_phone", "text": None},
    }  # fmt: skip


def test_the_old_format_is_recognised(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(XPIDF)
    found = answer(capsys, str(file))
    assert (found["from"], found["state"], found["result"][0]["show"]) == ("xpidf", "on-the-phone", "dnd")


@pytest.mark.parametrize(
    ("text", "source"),
    [
        ("<presence/>", "xmpp"),
        ("<presence xmlns='jabber:client'><show>away</show></presence>", "xmpp"),
        ("<presence xmlns='jabber:component:accept' type='unavailable'/>", "xmpp"),
        ("<presence xmlns='urn:ietf:params:xml:ns:pidf' entity='sip:bob@sip.example.org'/>", "pidf"),
        ("<presence entity='sip:bob@sip.example.org'><tuple id='t'><status/></tuple></presence>", "pidf"),
        ("<p:presence xmlns:p='urn:ietf:params:xml:ns:pidf'/>", "pidf"),
        ("\ufeff<presence><status>Grüße</status></presence>", "xmpp"),
    ],
)
def test_the_format_is_found_out(
    file: Path, capsys: pytest.CaptureFixture[str], text: str, source: str
) -> None:
    file.write_text(text, "utf-8")
    assert answer(capsys, str(file))["from"] == source


def test_standard_input_is_read(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(STANZA.encode())))
    assert answer(capsys, "-")["to"] == "pidf"


@pytest.mark.parametrize(
    ("profile", "activities"),
    [("interop", "<rpid:busy/><rpid:on-the-phone/><rpid:busy/>"), ("rfc", "<rpid:on-the-phone/>"),
     ("neutral", "<rpid:on-the-phone/>")],
)  # fmt: skip
def test_the_form_of_a_document_can_be_chosen(
    file: Path, capsys: pytest.CaptureFixture[str], profile: str, activities: str
) -> None:
    file.write_text(STANZA)
    (one,) = answer(capsys, str(file), "--profile", profile)["result"]
    assert f"<rpid:activities>{activities}</rpid:activities>" in one["document"]


def test_the_publisher_can_matter(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file.write_text(PIDF.replace("open", "closed"))
    assert answer(capsys, str(file))["state"] == "offline"
    assert answer(capsys, str(file), "--user-agent", "Linphone/3.6")["state"] == "dnd"


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (b"<message/>", "the root element is not presence"),
        (b"not xml", "XML"),
        (b"", "XML"),
        (b"<presence type='subscribe'/>", "not a presence that states availability"),
        (b"<presence from='a@b..c'/>", "the domain is not a host name"),
        (
            b"<?xml version='1.0' encoding='iso-8859-1'?><presence><status>\xfc</status></presence>",
            "a stanza is in UTF-8",
        ),
        (b"<!DOCTYPE presence [<!ENTITY a 'b'>]><presence/>", "a document type declaration"),
        (b"<presence>" + b" " * 70_000 + b"</presence>", "larger than"),
    ],
)
def test_what_cannot_be_mapped_is_one_line_and_status_2(
    file: Path, capsys: pytest.CaptureFixture[str], content: bytes, complaint: str
) -> None:
    file.write_bytes(content)
    assert main(["map", str(file)]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    (line,) = printed.err.splitlines()
    assert complaint in line


def test_a_missing_file_is_one_line_and_status_2(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["map", str(file)]) == 2
    assert capsys.readouterr().err == f"sip2xmpp: cannot read {file}: No such file or directory\n"
