"""What a subscriber to a list is told: valid, the same when read again, and readable by narrow parsers."""

from email import message_from_bytes
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from sip2xmpp.documents.rlmi import (
    Attached,
    ContentIds,
    Instance,
    InstanceState,
    ListInformation,
    Name,
    Resource,
    read,
    read_related,
    related,
    related_type,
    write,
)
from sip2xmpp.errors import BadDocument

SCHEMA = etree.XMLSchema(etree.parse(Path(__file__).parent / "schemas" / "rlmi.xsd"))

tokens = st.from_regex(r"[A-Za-z0-9.~-]{1,20}", fullmatch=True)
words = st.text(max_size=30).map(lambda said: "".join(c for c in said if c.isprintable()).strip())
uris = st.builds("sip:{}@{}".format, tokens, st.sampled_from(["example.org", "sip.example.net"]))
names = st.lists(
    st.builds(Name, text=words, language=st.sampled_from([None, "en", "de-CH"])), max_size=2
).map(tuple)
instances = st.builds(
    Instance,
    id=tokens,
    state=st.sampled_from(InstanceState),
    reason=st.sampled_from(["", "rejected", "noresource"]),
    cid=st.sampled_from(["", "a1@example.org", "b-2@example.org"]),
)
resources = st.builds(Resource, uri=uris, names=names, instances=st.lists(instances, max_size=3).map(tuple))
documents = st.builds(
    ListInformation,
    uri=uris,
    version=st.integers(0, 2**32 - 1),
    full=st.booleans(),
    names=names,
    resources=st.lists(resources, max_size=4).map(tuple),
    cid=st.sampled_from(["", "root@example.org"]),
)
BOUNDARY = "Qk7tB0undary5f0e1c2d3b4a"
parts = st.lists(
    st.builds(
        Attached,
        cid=tokens.map("{}@example.org".format),
        content_type=st.just('application/pidf+xml;charset="UTF-8"'),
        body=st.binary(max_size=60),
    ),
    max_size=4,
    unique_by=lambda part: part.cid,
)


@given(documents)
def test_what_is_written_is_valid_and_read_again_the_same(information: ListInformation) -> None:
    octets = write(information)
    SCHEMA.assertValid(etree.fromstring(octets))
    assert read(octets) == information


@given(documents, parts, st.sampled_from(ContentIds))
def test_a_body_is_taken_apart_as_it_was_put_together(
    information: ListInformation, attached: list[Attached], ids: ContentIds
) -> None:
    body = related(write(information), attached, boundary=BOUNDARY, root="root@example.net", ids=ids)
    apart = read_related(related_type(boundary=BOUNDARY, root="root@example.net"), body)
    assert apart.information == information
    assert {cid: part.body for cid, part in apart.parts.items()} == {part.cid: part.body for part in attached}
    assert all(part.content_type == 'application/pidf+xml;charset="UTF-8"' for part in apart.parts.values())


def whole(ids: ContentIds) -> bytes:
    information = ListInformation(uri="sip:friends@example.org", version=0, full=True)
    bob = Attached(cid="bob@example.org", content_type="application/pidf+xml", body=b"<presence/>")
    return related(write(information), [bob], boundary=BOUNDARY, root="root@example.org", ids=ids)


def test_the_octets_are_those_that_every_parser_looked_at_can_read() -> None:
    body = whole(ContentIds.BRACKETED)
    assert body.startswith(b"--" + BOUNDARY.encode() + b"\r\n")
    assert body.endswith(b"\r\n--" + BOUNDARY.encode() + b"--\r\n")
    assert body.count(b"\n") == body.count(b"\r\n")
    assert body.count(b"Content-Transfer-Encoding: binary\r\n") == 2
    assert b"Content-Length" not in body
    assert b"\r\n\r\n<presence/>\r\n--" in body


def test_a_content_id_is_bracketed_unless_a_client_needs_it_bare() -> None:
    assert whole(ContentIds.BRACKETED).count(b"Content-ID: <bob@example.org>\r\n") == 1
    assert b"Content-Id:" not in whole(ContentIds.BRACKETED)
    assert whole(ContentIds.BARE).count(b"Content-Id: bob@example.org\r\n") == 1
    assert b"Content-ID:" not in whole(ContentIds.BARE)


def test_the_standard_library_reads_a_body_as_we_do() -> None:
    kind = related_type(boundary=BOUNDARY, root="root@example.org")
    message = message_from_bytes(f"Content-Type: {kind}\r\n\r\n".encode() + whole(ContentIds.BRACKETED))
    root, bob = message.get_payload()
    assert message.get_param("start") == root["Content-ID"] == "<root@example.org>"
    assert message.get_param("type") == root.get_content_type() == "application/rlmi+xml"
    assert bob["Content-ID"] == "<bob@example.org>"
    assert bob.get_payload(decode=True) == b"<presence/>"


def test_the_list_of_others_is_found_wherever_it_stands() -> None:
    information = write(ListInformation(uri="sip:l@example.org", version=3, full=False))
    other = b"--b\r\nContent-ID: <x@y>\r\nContent-Type: text/plain\r\n\r\nhi\r\n"
    root = b"--b\r\nContent-ID: <r@y>\r\nContent-Type: application/rlmi+xml\r\n\r\n" + information + b"\r\n"
    apart = read_related('multipart/related;start="<r@y>";boundary=b', other + root + b"--b--")
    assert apart.information.version == 3
    assert list(apart.parts) == ["x@y"]
    assert read_related("multipart/related;boundary=b", root + other + b"--b--").information.version == 3


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"<list/>",
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" fullState="true"/>',
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" version="-1" fullState="true"/>',
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" version="99999999999" fullState="true"/>',
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" version="1" fullState="yes"/>',
        b'<list xmlns="urn:ietf:params:xml:ns:rlmi" version="1" fullState="1"/>',
        (
            b'<list xmlns="urn:ietf:params:xml:ns:rlmi" uri="sip:a@b" version="1" fullState="1">'
            b'<resource uri="sip:c@d"><instance id="1" state="asleep"/></resource></list>'
        ),
    ],
)
def test_what_is_no_list_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        read(octets)


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("multipart/mixed;boundary=b", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related", b"--b\r\n\r\nx\r\n--b--"),
        ("multipart/related;boundary=b", b""),
        ("multipart/related;boundary=b", b"--b\r\nContent-Type: text/plain\r\n\r\nx\r\n--b--"),
    ],
)
def test_a_body_without_a_list_is_refused(kind: str, body: bytes) -> None:
    with pytest.raises(BadDocument):
        read_related(kind, body)


@given(st.binary(max_size=200))
def test_nothing_but_bad_document_is_raised(octets: bytes) -> None:
    for attempt in (read, lambda body: read_related("multipart/related;boundary=b", b"--b\r\n" + body)):
        try:
            attempt(octets)
        except BadDocument:
            pass


def test_a_list_of_a_thousand_is_read_and_written() -> None:
    many = tuple(
        Resource(
            uri=f"sip:{n}@example.org",
            instances=(Instance(id="1", state=InstanceState.ACTIVE, cid=f"{n}@x"),),
        )
        for n in range(1000)
    )
    information = ListInformation(uri="sip:l@example.org", version=0, full=True, resources=many)
    attached = [Attached(cid=f"{n}@x", content_type="text/plain", body=b"x") for n in range(1000)]
    body = related(write(information), attached, boundary=BOUNDARY, root="r@x")
    apart = read_related(related_type(boundary=BOUNDARY, root="r@x"), body)
    assert apart.information == information and len(apart.parts) == 1000
