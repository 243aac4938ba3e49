"""What is made once for all watchers of a contact, and when it must be made anew."""

from dataclasses import replace
from datetime import datetime

from sip2xmpp.bridge.mapping import FRESH_SECONDS, differences
from sip2xmpp.bridge.views import NOTHING, Views
from sip2xmpp.documents.presence import Activity, Basic, Person, Presence, Show, Tuple
from sip2xmpp.documents.times import from_unix
from sip2xmpp.xmpp.availability import Availability
from sip2xmpp.xmpp.prepared import Prepared, prepared_presence
from tests.bridge.scene import ALICE, BOB
from tests.conftest import START


def document(show: Show, *, changed: datetime | None = None) -> Presence:
    return Presence(
        entity=f"sip:{BOB}",
        tuples=(Tuple(id="ID-desk", basic=Basic.OPEN, show=show, timestamp=changed),),
    )


class Writer:
    """Writes stanzas, and remembers of what."""

    def __init__(self) -> None:
        self.written: list[str] = []

    def __call__(self, contact_jid: str, name: str, said: Availability) -> Prepared:
        self.written.append(f"{name} {said.show.value if said.show is not None else '-'}")
        return prepared_presence(f"{contact_jid}/{name}", "sip.example.org", said)


def test_a_document_is_mapped_and_written_once_for_all_who_saw_the_same_before() -> None:
    views, write = Views(), Writer()
    first = views.view(BOB, document(Show.AWAY), START)
    news = first.news_since(NOTHING, write)
    assert write.written == ["desk away"]
    same = first.document
    assert same is not None
    assert views.view(BOB, same, START) is first
    assert first.news_since(NOTHING, write) is news
    assert write.written == ["desk away"]


def test_who_saw_something_else_before_is_told_something_else() -> None:
    views, write = Views(), Writer()
    dnd = views.view(BOB, document(Show.DND), START)
    away = views.view(BOB, document(Show.AWAY), START)
    assert [len(away.news_since(before, write)) for before in (dnd, NOTHING, away, dnd)] == [1, 1, 0, 1]
    assert differences(dnd.said, away.said) == away.said


def test_an_equal_document_that_is_another_object_is_looked_at_anew() -> None:
    views = Views()
    assert views.view(BOB, document(Show.AWAY), START) is not views.view(BOB, document(Show.AWAY), START)


def test_one_document_under_two_contacts_is_two_views() -> None:
    views, shown = Views(), document(Show.AWAY)
    assert views.view(BOB, shown, START) is not views.view(ALICE, shown, START)


def test_news_become_history_for_whoever_comes_later() -> None:
    views, shown = Views(), document(Show.AWAY, changed=from_unix(START))
    soon, later = (views.view(BOB, shown, START + seconds) for seconds in (FRESH_SECONDS - 1, FRESH_SECONDS))
    assert soon.said["desk"].stamp is None
    assert later.said["desk"].stamp == from_unix(START)
    assert views.view(BOB, shown, START + 1e9) is later


def test_a_view_is_forgotten_when_nobody_is_shown_it() -> None:
    views, shown = Views(), document(Show.AWAY)
    first = views.view(BOB, shown, START)
    made = first.said
    del first
    assert views.view(BOB, shown, START).said is not made


def test_who_is_on_the_phone_is_shown_as_the_operator_wants_it() -> None:
    call = Person(id="p", activities=(Activity("on-the-phone"),))
    talking = replace(document(Show.DND), persons=(call,))
    assert Views().view(BOB, talking, START).said["desk"].show is Show.DND
    away = Views(Show.AWAY)
    assert away.view(BOB, talking, START).said["desk"].show is Show.AWAY
    assert away.view(BOB, document(Show.DND), START).said["desk"].show is Show.DND


def test_watchers_who_may_see_different_parts_take_turns_with_one_view_each() -> None:
    views, whole, part = Views(), document(Show.AWAY), document(Show.DND)
    seen = [views.view(BOB, each, START) for each in (whole, part) * 3]
    assert len({id(view) for view in seen}) == 2
    assert [view.document for view in seen[:2]] == [whole, part]
    views.forget(BOB)
    assert views.view(BOB, whole, START) not in seen
    assert views.view(BOB, part, START) not in seen
