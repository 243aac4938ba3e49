"""Long tables: sought by words, a page at a time."""

from sip2xmpp.pages.sheets import Sheet, sheet

PEOPLE = [f"user{number:03d}@sip.example.org" for number in range(120)]


def shown(query: dict[str, str], rows: list[str] = PEOPLE, keeps: tuple[str, ...] = ()) -> Sheet[str]:
    return sheet(rows, path="/panel/users", query=query, words=lambda row: [row, "Phone"], keeps=keeps)


def test_the_first_page_says_where_it_is_and_what_follows() -> None:
    first = shown({})
    assert list(first) == PEOPLE[:50]
    assert (first.first, first.last, first.found, first.pages) == (1, 50, 120, 3)
    assert (first.before, first.after) == ("", "/panel/users?page=2")


def test_the_last_page_is_as_long_as_what_is_left() -> None:
    last = shown({"page": "3"})
    assert list(last) == PEOPLE[100:]
    assert (last.before, last.after) == ("/panel/users?page=2", "")


def test_rows_are_found_by_all_words_in_any_case() -> None:
    assert list(shown({"q": " USER007 phone "})) == ["user007@sip.example.org"]
    assert list(shown({"q": "user007 fax"})) == []


def test_what_is_sought_stays_from_page_to_page_and_is_quoted() -> None:
    rows = [f"a&b {number}" for number in range(60)]
    found = shown({"q": "a&b", "kind": "sip"}, rows, keeps=("kind",))
    assert found.after == "/panel/users?kind=sip&q=a%26b&page=2"


def test_pages_that_are_not_there_are_the_nearest_that_is() -> None:
    for asked in ("0", "-1", "x", "٣", "99999999999999999999"):
        assert shown({"page": asked}).number == 1
    assert shown({"page": "400"}).number == 3


def test_an_empty_table_has_one_empty_page() -> None:
    empty = shown({}, [])
    assert (empty.first, empty.last, empty.pages, list(empty)) == (0, 0, 1, [])
