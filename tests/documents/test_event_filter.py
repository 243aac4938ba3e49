"""Filters: read, kept, joined, and applied."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.documents.event_filter import FILTERS, SIZE_LIMIT, Filter, FilterSet
from sip2xmpp.documents.filtering import is_pulled, kept
from sip2xmpp.documents.presence import Presence
from sip2xmpp.errors import BadDocument
from tests.documents.miniclients import schema_log
from tests.documents.patching import canonical
from tests.documents.strategies import crowds, documents

JULIET = Address.parse("juliet@example.com")
URI = "sip:juliet@example.com"
BINDINGS = (
    '<ns-bindings><ns-binding prefix="pidf" urn="urn:ietf:params:xml:ns:pidf"/>'
    '<ns-binding prefix="rpid" urn="urn:ietf:params:xml:ns:pidf:rpid"/>'
    '<ns-binding prefix="dm" urn="urn:ietf:params:xml:ns:pidf:data-model"/></ns-bindings>'
)


def body(inside: str, package: str = "presence") -> bytes:
    return (
        f'<filter-set xmlns="urn:ietf:params:xml:ns:simple-filter" package="{package}">{BINDINGS}{inside}</filter-set>'
    ).encode()


def filters(inside: str) -> FilterSet:
    return FilterSet.from_octets(body(inside))


def what(inside: str) -> FilterSet:
    return filters(f'<filter id="1"><what>{inside}</what></filter>')


def document(basic: str = "open", activity: str = "away", note: str = "Gone", priority: str = "0.5") -> bytes:
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<presence xmlns="urn:ietf:params:xml:ns:pidf" xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" '
        f'xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid" entity="{URI}">'
        f'<tuple id="t1"><status><basic>{basic}</basic></status><contact priority="{priority}">{URI}</contact>'
        f'<note>{note}</note></tuple><dm:person id="p1"><rpid:activities><rpid:{activity}/></rpid:activities>'
        f"<dm:note>{note}</dm:note></dm:person></presence>"
    ).encode()


def left(said: FilterSet, octets: bytes = b"") -> bytes:
    return kept(octets or document(), said.about(JULIET, URI))


# what


def test_what_is_included_is_left_with_the_way_to_it() -> None:
    octets = left(what("<include>/pidf:presence/pidf:tuple/pidf:status/pidf:basic</include>"))
    assert b'<tuple id="t1"><status><basic>open</basic></status></tuple></presence>' in octets
    assert URI.encode() in octets and b"person" not in octets and schema_log(octets) == ""


def test_an_included_element_is_left_with_all_that_is_in_it() -> None:
    octets = left(what("<include>//dm:person</include>"))
    assert b"<rpid:away/>" in octets and b"<dm:note>Gone" in octets and b"tuple" not in octets
    assert schema_log(octets) == ""


def test_a_namespace_can_be_included() -> None:
    octets = left(what('<include type="namespace">urn:ietf:params:xml:ns:pidf:rpid</include>'))
    assert b"<rpid:activities><rpid:away/></rpid:activities></dm:person>" in octets
    assert b"note" not in octets and b"tuple" not in octets


def test_what_is_excluded_is_left_out_of_all_or_of_what_is_included() -> None:
    octets = left(what("<exclude>//pidf:note</exclude><exclude>//dm:note</exclude>"))
    assert b"Gone" not in octets and b"<rpid:away/>" in octets and b"<contact" in octets
    octets = left(what("<include>//pidf:tuple</include><exclude>//pidf:contact/@priority</exclude>"))
    assert b"<contact>" in octets and b"person" not in octets


def test_the_schema_is_kept_whatever_is_excluded() -> None:
    octets = left(
        what(
            "<exclude>//pidf:status</exclude><exclude>//pidf:tuple/@id</exclude><exclude>/*/@entity</exclude>"
        )
    )
    assert b'<tuple id="t1"><status/>' in octets and URI.encode() in octets and schema_log(octets) == ""
    assert schema_log(left(what("<exclude>/pidf:presence</exclude>"))) == ""
    assert schema_log(left(what("<include>//pidf:contact</include>"))) == ""
    assert schema_log(left(what("<include>//nobody</include>"))) == ""


def test_several_filters_leave_what_any_of_them_does() -> None:
    octets = left(
        filters(
            '<filter id="1"><what><include>//pidf:basic</include></what></filter>'
            '<filter id="2"><what><include>//rpid:away</include></what></filter>'
        )
    )
    assert b"<basic>open" in octets and b"<rpid:away/>" in octets and b"contact" not in octets


@pytest.mark.parametrize(
    "inside",
    [
        "",
        '<filter id="1"/>',
        '<filter id="1" enabled="false"><what><include>//pidf:basic</include></what></filter>',
        '<filter id="1" uri="sip:romeo@example.com"><what><include>//pidf:basic</include></what></filter>',
        '<filter id="1" domain="example.net"><what><include>//pidf:basic</include></what></filter>',
        '<filter id="1" uri="mailto:nobody"><what><include>//pidf:basic</include></what></filter>',
        '<filter id="1"><trigger><changed>//pidf:basic</changed></trigger></filter>',
    ],
)
def test_filters_that_do_not_apply_leave_the_document_as_it_was(inside: str) -> None:
    octets = document()
    assert left(filters(inside), octets) is octets


@pytest.mark.parametrize("about", [f'uri="{URI}"', 'uri="pres:juliet@example.com"', 'domain="EXAMPLE.com"'])
def test_a_filter_may_name_whom_it_is_about(about: str) -> None:
    assert b"person" not in left(
        filters(f'<filter id="1" {about}><what><include>//pidf:basic</include></what></filter>')
    )


@given(documents | crowds)
def test_what_is_left_is_a_document_that_says_nothing_else(source: Presence) -> None:
    octets = pidf.write(source)
    said = what("<include>//pidf:tuple</include><exclude>//pidf:note</exclude>")
    read = pidf.read(kept(octets, said.about(JULIET, URI)))
    assert read.persons == () and read.notes == ()
    assert [each.id for each in read.tuples] == [each.id for each in pidf.read(octets).tuples]
    assert all(each.notes == () for each in read.tuples)
    whole = kept(octets, what("<include>/*</include>").about(JULIET, URI))
    assert canonical(whole) == canonical(octets)


def test_a_document_too_large_to_filter_goes_whole() -> None:
    octets = document().replace(b"</presence>", b'<dm:device id="x"/>' * 3000 + b"</presence>")
    said = filters(
        "".join(f'<filter id="{n}"><what><include>{"//*" * 9}</include></what></filter>' for n in range(4))
    )
    assert left(said, octets) is octets
    assert is_pulled(octets, octets, triggers(f"<changed>{'//*' * 9}</changed>"))


# triggers


def triggers(*inside: str) -> tuple[Filter, ...]:
    made = "".join(f"<trigger>{each}</trigger>" for each in inside)
    return filters(f'<filter id="1">{made}</filter>').about(JULIET, URI)


@pytest.mark.parametrize(
    ("trigger", "before", "after", "fires"),
    [
        ("<changed>//pidf:basic</changed>", {}, {"basic": "closed"}, True),
        ("<changed>//pidf:basic</changed>", {}, {"note": "Other"}, False),
        ('<changed from="closed" to="open">//pidf:basic</changed>', {"basic": "closed"}, {"basic": "open"}, True),
        ('<changed from="closed" to="open">//pidf:basic</changed>', {"basic": "open"}, {"basic": "closed"}, False),
        ('<changed to="closed">//pidf:basic</changed>', {}, {"basic": "closed"}, True),
        ('<changed by="0.3">//pidf:contact/@priority</changed>', {}, {"priority": "0.9"}, True),
        ('<changed by="0.5">//pidf:contact/@priority</changed>', {}, {"priority": "0.9"}, False),
        ('<changed by="1">//pidf:note</changed>', {}, {"note": "Other"}, False),
        ("<added>//rpid:busy</added>", {}, {"activity": "busy"}, True),
        ("<added>//rpid:busy</added>", {"activity": "busy"}, {"activity": "busy"}, False),
        ("<removed>//rpid:away</removed>", {}, {"activity": "busy"}, True),
        ("<removed>//rpid:away</removed>", {"activity": "busy"}, {}, False),
        ("<changed>//rpid:activities</changed>", {}, {"activity": "busy"}, True),
        ("<changed>//pidf:basic</changed><added>//rpid:busy</added>", {}, {"activity": "busy"}, False),
        ("<changed>//pidf:basic</changed><added>//rpid:busy</added>", {}, {"basic": "closed", "activity": "busy"}, True),
    ],
)  # fmt: skip
def test_a_trigger_fires_when_what_it_says_happens(
    trigger: str, before: dict[str, str], after: dict[str, str], fires: bool
) -> None:
    assert is_pulled(document(**before), document(**after), triggers(trigger)) is fires


def test_one_of_several_triggers_is_enough() -> None:
    said = triggers("<changed>//pidf:basic</changed>", "<added>//rpid:busy</added>")
    assert is_pulled(document(), document(activity="busy"), said)
    assert not is_pulled(document(), document(activity="meal"), said)


def test_the_same_thing_in_another_tuple_has_changed() -> None:
    other = document("closed").replace(b"t1", b"t2")
    assert is_pulled(other, document(), triggers('<changed from="closed" to="open">//pidf:basic</changed>'))
    none = document().replace(b"tuple", b"x-tuple")
    assert is_pulled(
        none, document(), triggers('<changed to="open">//pidf:tuple/pidf:status/pidf:basic</changed>')
    )


def test_everything_is_news_to_who_knows_nothing_or_wants_all() -> None:
    assert is_pulled(None, document(), triggers("<changed>//pidf:basic</changed>"))
    assert is_pulled(document(), document(), filters('<filter id="1"/>').about(JULIET, URI))


# reading and keeping

FULL = (
    f'<filter id="a&amp;b" uri="{URI}"><what><include type="xpath">/pidf:presence/pidf:tuple[pidf:contact/@priority &lt; 1]</include>'
    '<include type="namespace">urn:x</include><exclude>//rpid:mood</exclude></what><trigger><changed from="a" to="&quot;" '
    'by="0.5">//dm:note</changed><added>//rpid:busy</added></trigger><trigger><removed>//rpid:busy</removed></trigger></filter>'
)


def test_filters_are_kept_as_they_were_meant() -> None:
    said = filters(FULL + '<filter id="2" enabled="false" domain="example.org"/>')
    again = FilterSet.from_octets(said.to_octets())
    assert again == said and again.package == "presence" and len(said.filters) == 2
    assert again.filters[0].triggers[0][0].after == '"'


def test_a_later_set_replaces_switches_and_removes_by_id() -> None:
    first = filters(
        '<filter id="1"><what><include>//pidf:basic</include></what></filter>'
        '<filter id="2"><what><include>//pidf:note</include></what></filter>'
    )
    off = first.joined(filters('<filter id="1" enabled="false"/>'))
    assert [each.enabled for each in off.filters] == [False, True]
    assert FilterSet.from_octets(off.to_octets()) == off
    on = off.joined(filters('<filter id="1" enabled="true"/>'))
    assert on == first
    gone = first.joined(filters('<filter id="1" remove="true"/><filter id="9" remove="true"/>'))
    assert [each.id for each in gone.filters] == ["2"]
    other = first.joined(filters('<filter id="1"><what><include>//rpid:mood</include></what></filter>'))
    assert other.filters[0].include != first.filters[0].include and other.filters[1] == first.filters[1]


@pytest.mark.parametrize(
    "octets",
    [
        b"", b"text", b"<filter-set/>", b"<presence xmlns='urn:ietf:params:xml:ns:pidf'/>",
        b"<!DOCTYPE x><filter-set xmlns='urn:ietf:params:xml:ns:simple-filter'/>",
        body("<filter/>"),
        body('<filter id="1"/><filter id="1"/>'),
        body('<filter id="1"><what><include>last()</include></what></filter>'),
        body('<filter id="1"><what><include>//nobody:x</include></what></filter>'),
        body('<filter id="1"><what><include type="xslt">//x</include></what></filter>'),
        body('<filter id="1"><what><maybe>//x</maybe></what></filter>'),
        body('<filter id="1"><what xmlns="urn:x"/></filter>'),
        body('<filter id="1"><when/></filter>'),
        body('<filter id="1"><trigger/></filter>'),
        body('<filter id="1"><trigger><seen>//x</seen></trigger></filter>'),
        body('<filter id="1"><trigger><changed by="much">//x</changed></trigger></filter>'),
        body("".join(f'<filter id="{n}"/>' for n in range(FILTERS + 1))),
        body('<filter id="1"><what>' + "<include>/a</include>" * 25 + "</what></filter>"),
        body("x" * SIZE_LIMIT),
    ],
)  # fmt: skip
def test_what_we_cannot_do_is_refused(octets: bytes) -> None:
    with pytest.raises(BadDocument):
        FilterSet.from_octets(octets)


def test_filters_cannot_be_piled_up() -> None:
    said = FilterSet()
    for number in range(FILTERS):
        said = said.joined(filters(f'<filter id="{number}"/>'))
    with pytest.raises(BadDocument):
        said.joined(filters('<filter id="another"/>'))


@given(st.binary(max_size=200))
def test_any_octets_are_filters_or_refused(octets: bytes) -> None:
    for candidate in (octets, body(octets.decode("latin-1"))):
        try:
            FilterSet.from_octets(candidate)
        except BadDocument:
            continue
