"""The keys of documents."""

from hypothesis import given
from hypothesis import strategies as st

from sip2xmpp.store.documents import document_key

BOB = "bob@sip.example.org"
PARTS = st.text(st.sampled_from("a@ %2025/"), max_size=8)
PLACES = st.tuples(st.sampled_from(["pres-rules", "resource-lists"]), PARTS, PARTS)


def test_usual_keys_can_be_read() -> None:
    assert document_key("pres-rules", BOB, "index") == f"pres-rules {BOB} index"


def test_nobody_has_the_document_of_somebody_whose_name_has_blanks() -> None:
    assert document_key("pres-rules", BOB, f"x@{BOB} index") != document_key(
        "pres-rules", f"{BOB} x@{BOB}", "index"
    )


@given(PLACES, PLACES)
def test_no_two_documents_have_one_key(one: tuple[str, str, str], other: tuple[str, str, str]) -> None:
    assert (document_key(*one) == document_key(*other)) == (one == other)
