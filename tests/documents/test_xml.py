"""XML that is meant to harm."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import imdn, iscomposing, pidf, xpidf
from sip2xmpp.documents.xml import SIZE_LIMIT, attribute, clean, content, parse, text
from sip2xmpp.errors import BadDocument

BOMB = b"""<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "lol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;&a;&a;">
<!ENTITY c "&b;&b;&b;&b;&b;&b;&b;&b;&b;&b;"><!ENTITY d "&c;&c;&c;&c;&c;&c;&c;&c;&c;&c;">]><presence>&d;</presence>"""

HOSTILE = {
    "entity bomb": BOMB,
    "quadratic blow-up": b'<!DOCTYPE p [<!ENTITY a "'
    + b"x" * 20_000
    + b'">]><presence>'
    + b"&a;" * 2000
    + b"</presence>",
    "external DTD": b'<!DOCTYPE presence SYSTEM "http://192.0.2.1/evil.dtd"><presence/>',
    "external entity": b'<!DOCTYPE p [<!ENTITY x SYSTEM "file:///etc/passwd">]><presence>&x;</presence>',
    "parameter entity": b'<!DOCTYPE p [<!ENTITY % x SYSTEM "http://192.0.2.1/x"> %x;]><presence/>',
    "undeclared entity": b"<presence>&nbsp;</presence>",
    "undeclared prefix": b"<presence><rpid:away/></presence>",
    "note of a megabyte": b"<presence><note>" + b"x" * 1_000_000 + b"</note></presence>",
    "ten thousand tuples": b"<presence>" + b'<tuple id="t"><status/></tuple>' * 10_000 + b"</presence>",
    "depth of ten thousand": b"<presence>" + b"<a>" * 10_000 + b"</a>" * 10_000 + b"</presence>",
    "invalid UTF-8": b"<presence><note>\xff\xfe\xfa</note></presence>",
    "overlong UTF-8": b"<presence><note>\xc0\xaf</note></presence>",
    "surrogate in UTF-8": b"<presence><note>\xed\xa0\x80</note></presence>",
    "duplicate attributes": b'<presence entity="a" entity="b"/>',
    "NUL": b"<presence><note>a\x00b</note></presence>",
    "control character": b"<presence><note>a\x01b</note></presence>",
    "control character reference": b"<presence><note>&#1;</note></presence>",
    "UTF-16": "<presence/>".encode("utf-16"),
    "UTF-16 without mark": "<presence/>".encode("utf-16-le"),
    "UTF-32": "<presence/>".encode("utf-32"),
    "declared UTF-16": b'<?xml version="1.0" encoding="UTF-16"?><presence/>',
    "declared UTF-7": b'<?xml version="1.0" encoding="UTF-7"?><presence>+ADw-</presence>',
    "declared far away": b'<?xml version="1.0"'
    + b" " * 500
    + b'encoding="UTF-7"?><presence>+ADw-</presence>',
    "declared in vain": b'<?xml version="1.0" encoding=UTF-7?><presence/>',
    "declared EBCDIC": b'<?xml version="1.0" encoding="cp037"?><presence/>',
    "EBCDIC": "<?xml version='1.0' encoding='cp037'?><presence/>".encode("cp037"),
    "unknown encoding": b'<?xml version="1.0" encoding="klingon"?><presence/>',
    "empty": b"",
    "blank": b" \r\n",
    "text": b"away",
    "two roots": b"<presence/><presence/>",
    "cut off": b"<presence><tuple>",
    "crossed tags": b"<presence><a><b></a></b></presence>",
    "html": b"<!DOCTYPE html><html></html>",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_documents_are_refused_at_once(name: str) -> None:
    started = time.process_time()
    for read in (pidf.read, pidf.well_formed, iscomposing.read, imdn.read):
        with pytest.raises(BadDocument):
            read(HOSTILE[name])
    assert time.process_time() - started < 0.5


@pytest.mark.parametrize("name", [name for name in HOSTILE if name not in ("external DTD", "html")])
def test_hostile_xpidf_is_refused_too(name: str) -> None:
    with pytest.raises(BadDocument):
        xpidf.read(HOSTILE[name])


def test_a_bare_document_type_is_dropped_where_it_is_tolerated() -> None:
    octets = b'<?xml version="1.0"?>\n<!DOCTYPE presence PUBLIC "-//IETF//DTD RFCxxxx XPIDF 1.0//EN" "xpidf.dtd"><presence/>'
    assert parse(octets, allow_doctype=True).tag == "presence"
    with pytest.raises(BadDocument):
        parse(octets)
    with pytest.raises(BadDocument):
        parse(b"<!DOCTYPE a><!DOCTYPE b><a/>", allow_doctype=True)


def test_latin_1_is_read_when_it_is_declared() -> None:
    octets = b'<?xml version="1.0" encoding="ISO-8859-1"?><presence><note>caf\xe9</note></presence>'
    assert pidf.read(octets).notes[0].text == "café"


def test_blank_lines_and_a_byte_order_mark_before_the_document_are_skipped() -> None:
    assert pidf.read(b"\r\n\r\n<presence/>") == pidf.read(b"\xef\xbb\xbf<?xml version='1.0'?><presence/>")


def test_the_size_limit_is_in_octets() -> None:
    padding = SIZE_LIMIT - len("<presence></presence>")
    pidf.read(b"<presence>" + b" " * padding + b"</presence>")
    with pytest.raises(BadDocument):
        pidf.read(b"<presence>" + b" " * (padding + 1) + b"</presence>")


def test_comments_and_instructions_do_not_split_text() -> None:
    assert (
        pidf.read(b"<presence><?x y?><note>a<!-- b -->c<![CDATA[<d>]]></note></presence>").notes[0].text
        == "ac<d>"
    )


@given(st.text())
def test_any_text_survives_being_written_as_character_data(words: str) -> None:
    root = parse(f"<a>{text(words)}</a>".encode())
    assert content(root) == clean(words)


@given(st.text())
def test_any_text_can_stand_in_an_attribute(words: str) -> None:
    root = parse(f'<a b="{attribute(words)}"/>'.encode())
    assert (root.get("b") or "").split() == clean(words).split()
