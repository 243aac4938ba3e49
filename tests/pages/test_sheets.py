"""Long tables: sought by a text, a stretch at a time."""

from sip2xmpp.pages.sheets import PAGE, PLACE, SOUGHT, sheet, wanted
from sip2xmpp.portal.rows import Found

PATH = "/panel/users"


def test_the_query_says_what_is_wanted_within_bounds() -> None:
    asked = wanted({"q": "  bob ", "after": "alice@sip.example.org"})
    assert (asked.limit, asked.match, asked.after) == (PAGE, "bob", "alice@sip.example.org")
    long = wanted({"q": "x" * 9_999, "after": "y" * 9_999})
    assert (len(long.match), len(long.after)) == (SOUGHT, PLACE)


def test_a_table_of_one_stretch_leads_nowhere() -> None:
    only = sheet(Found(rows=("a", "b")), path=PATH, query={})
    assert list(only) == ["a", "b"]
    assert (only.start, only.following, only.is_whole) == ("", "", True)


def test_a_stretch_leads_to_the_next_and_to_the_start_with_what_is_sought() -> None:
    query = {"q": "a&b", "after": "x y", "kind": "sip", "other": "1"}
    middle = sheet(Found(rows=("c",), next="c/ä"), path=PATH, query=query, keeps=("kind",))
    assert middle.start == "/panel/users?kind=sip&q=a%26b"
    assert middle.following == "/panel/users?kind=sip&q=a%26b&after=c%2F%C3%A4"
    assert middle.kept == (("kind", "sip"),)
    assert not middle.is_whole
