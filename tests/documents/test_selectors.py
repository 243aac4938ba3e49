"""Paths that strangers write: which are understood, what they mean, and that none of them is expensive."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.documents import xml
from sip2xmpp.documents.selectors import Attribute, Looks, TooLong, selector
from sip2xmpp.errors import BadDocument

PIDF, RPID = "urn:ietf:params:xml:ns:pidf", "urn:ietf:params:xml:ns:pidf:rpid"
NAMES = {"pidf": PIDF, "rpid": RPID}
DOCUMENT = f"""<presence xmlns="{PIDF}" xmlns:rpid="{RPID}" entity="sip:juliet@example.com">
<tuple id="a"><status><basic>open</basic></status><rpid:class>work</rpid:class><contact priority="0.5">sip:a</contact></tuple>
<tuple id="b"><status><basic>closed</basic></status><rpid:class>home</rpid:class><contact priority="0.1">sip:b</contact></tuple>
<note xml:lang="en">Hello</note><note>Tag</note></presence>""".encode()


def found(path: str) -> list[str]:
    """What a path selects in the document: texts of leaves, ids or names of the rest."""
    root = xml.parse(DOCUMENT)
    return [
        item.text
        if isinstance(item, Attribute)
        else (item.get("id") or (item.text if len(item) == 0 and item.text else xml.local_name(item)))
        for item in selector(path, NAMES).select(root, Looks())
    ]


@pytest.mark.parametrize(
    ("path", "items"),
    [
        ("/pidf:presence", ["presence"]),
        ("/presence", ["presence"]),
        ("/*", ["presence"]),
        ("/other", []),
        ("/pidf:presence/pidf:tuple", ["a", "b"]),
        ("/*/*", ["a", "b", "Hello", "Tag"]),
        ("//pidf:basic", ["open", "closed"]),
        ("//basic", ["open", "closed"]),
        ("//rpid:*", ["work", "home"]),
        ("//pidf:tuple//pidf:basic", ["open", "closed"]),
        ("//*//*//basic", ["open", "closed"]),
        ("/presence/tuple/status/basic", ["open", "closed"]),
        ("/presence/tuple/@id", ["a", "b"]),
        ("/presence/@entity", ["sip:juliet@example.com"]),
        ("//note/@xml:lang", ["en"]),
        ("//contact/@*", ["0.5", "0.1"]),
        ("//tuple[@id='b']", ["b"]),
        ('//tuple[@id = "a"]/contact', ["sip:a"]),
        ('//pidf:tuple[rpid:class="work"]', ["a"]),
        ('//tuple[status/basic="open" and rpid:class="work"]', ["a"]),
        ('//tuple[status/basic="open" or rpid:class="home"]', ["a", "b"]),
        ('//tuple[(status/basic="open" or rpid:class="home") and @id="b"]', ["b"]),
        ('//tuple[status/basic="open"][@id="b"]', []),
        ("//tuple[rpid:class]", ["a", "b"]),
        ("//tuple[rpid:mood]", []),
        ("//tuple[@id]", ["a", "b"]),
        ("//tuple[contact/@priority > 0.3]", ["a"]),
        ("//tuple[contact/@priority<=0.1]", ["b"]),
        ("//tuple[rpid:class<1]", []),
        ('//basic[.="open"]', ["open"]),
        ("//tuple[@id != 'a']", ["b"]),
    ],
)
def test_a_path_means_what_xpath_says(path: str, items: list[str]) -> None:
    assert found(path) == items


@pytest.mark.parametrize(
    "path",
    [
        "", "/", "//", "tuple", "/presence/", "/presence//", "//@id", "/@id", "/presence/@id/tuple", "/presence[1]", "/presence[",
        "/presence[]", "/presence]", "/presence[last()]", "/presence[position()=1]", "/presence/text()", "/presence/..",
        "/presence/parent::*", "//tuple[@id=$x]", "//tuple['a'='a']", "//tuple[.]", "//tuple[status/basic=open]", "//a | //b",
        "/nobody:presence", "/presence[" * 20, "//a" * 13, "//a[b]" * 7 + "[b]" * 7, "//a" + "[(" * 20, "/" + "a" * 600,
        "//tuple[a or]", "/presence\x00", "//tuple[" + "a/" * 20 + "a]", "//a[b=1 b=2]", "//tuple[(a]",
    ],
)  # fmt: skip
def test_what_is_no_path_of_ours_is_refused(path: str) -> None:
    with pytest.raises(BadDocument):
        selector(path, NAMES)


@given(st.text("/@[]().*=<>!\"'ab:1 andor", max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    try:
        made = selector(text, {"a": "urn:a"})
    except BadDocument:
        return
    assert selector(made.text, {"a": "urn:a"}) == made
    made.select(xml.parse(DOCUMENT), Looks())


def test_a_greedy_path_through_a_deep_document_is_given_up() -> None:
    deep = xml.parse(b"<a>" * 200 + b"</a>" * 200)
    wide = xml.parse(b"<a>" + b"<b><c/><c/></b>" * 4000 + b"</a>")
    began = time.process_time()
    for root in (deep, wide):
        with pytest.raises(TooLong):
            selector("//*" * 12, {}).select(root, Looks())
    assert time.process_time() - began < 2
