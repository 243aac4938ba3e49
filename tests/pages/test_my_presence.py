"""The page of one's own presence, in memory: what it shows, and what its forms say."""

from datetime import UTC, datetime

import pytest
from twisted.internet.task import Clock

from sip2xmpp.address import Address
from sip2xmpp.documents import pidf
from sip2xmpp.errors import StorageFailed
from sip2xmpp.pages.my_presence import HOLIDAY, PAGE
from sip2xmpp.presence.hearing import Rank
from sip2xmpp.presence.statements import Saying
from sip2xmpp.presence.states import state_of
from sip2xmpp.presence.telling import Telling, document_of, note_of
from sip2xmpp.presence.texts import user_notes
from sip2xmpp.presence.watching import Notification
from sip2xmpp.store.records import Publication, Statement, Verdict
from tests.pages.scene import ALICE, BOB, Scene, Tab

HOSTILE = "<script>alert(1)</script><svg onload=alert(2)>\"'&"
PHONE = f"""<presence xmlns="urn:ietf:params:xml:ns:pidf" entity="{ALICE.sip_uri()}"
 xmlns:dm="urn:ietf:params:xml:ns:pidf:data-model" xmlns:rpid="urn:ietf:params:xml:ns:pidf:rpid">
 <tuple id="t1"><status><basic>open</basic></status><note>%s</note></tuple>
 <dm:person id="p1"><rpid:activities><rpid:away/></rpid:activities></dm:person></presence>"""


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


@pytest.fixture
def tab(scene: Scene) -> Tab:
    tab = scene.browser()
    tab.cookies["zone"] = "UTC"
    tab.sign_in()
    return tab


class Somebody:
    """A watcher who takes what comes."""

    def __init__(self, address: Address) -> None:
        self.address = address

    def notified(self, notification: Notification) -> None:
        pass


def stated(scene: Scene, source: str = PAGE) -> Statement | None:
    return next((held for held in scene.statements.of(ALICE) if held.source == source), None)


def publish(scene: Scene, document: str, user_agent: str = "Snom/1.0") -> None:
    now = scene.clock.seconds()
    scene.store.publications.put(
        Publication(
            etag="e1",
            source="",
            presentity=ALICE,
            package="presence",
            document=document.encode(),
            content_type=pidf.CONTENT_TYPE,
            user_agent=user_agent,
            published_at=now,
            expires_at=now + 3_600,
        )
    )


def test_who_says_nothing_is_offline(tab: Tab) -> None:
    page = tab.get("/my").text
    assert 'class="state state-offline large"' in page
    assert "No phone, no client and no program says anything" in page


def test_what_a_phone_says_is_shown_with_the_phone(scene: Scene, tab: Tab) -> None:
    publish(scene, PHONE % "Back soon")
    page = tab.get("/my").text
    assert 'class="state state-away large"' in page
    assert page.count("Back soon") == 2, "as others see it, and as the phone says it"
    assert "Snom/1.0" in page and "Heard" in page and "09:00" in page


def test_words_of_others_are_text_and_nothing_else(scene: Scene, tab: Tab) -> None:
    escaped = HOSTILE.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    publish(scene, PHONE % escaped, user_agent=HOSTILE)
    document = document_of(Telling(notes=(note_of(HOSTILE),)), ALICE.sip_uri(), source="robot")
    scene.statements.state(
        Saying(presentity=ALICE, source="robot", document=pidf.write(document), told_by=f"token {HOSTILE}")
    )
    for path in ("/my", "/my/holiday"):
        page = tab.get(path).text
        assert "<script>alert" not in page and "<svg onload" not in page
    assert "&lt;svg onload=alert(2)&gt;" in tab.get("/my").text


def test_what_is_said_by_the_form_is_a_statement_of_the_owner(scene: Scene, tab: Tab, clock: Clock) -> None:
    reply = tab.post(
        "/my",
        {
            "state": "away",
            "text0": "In a meeting",
            "language0": "en",
            "text1": "In einer Besprechung",
            "language1": "de",
            "activity": "meeting",
            "mood": "calm",
            "place": "office",
            "span": "1h",
        },
    )
    assert (reply.status, reply.location) == (303, "/my")
    held = stated(scene)
    assert held is not None
    assert (held.told_by, held.rank, held.expires_at) == (str(ALICE), Rank.INJECTED, clock.seconds() + 3_600)
    shown = scene.agent.composed(ALICE)
    assert state_of(shown).value == "away"
    assert {note.language: note.text for note in user_notes(shown, state_of(shown))} == {
        "en": "In a meeting",
        "de": "In einer Besprechung",
    }
    page = tab.get("/my").text
    assert "You are shown like that now." in page
    for words in (
        "In a meeting",
        "In einer Besprechung",
        "(German)",
        "Meeting",
        "Calm",
        "Office",
        "What you said here",
    ):
        assert words in page
    (deed,) = scene.audit.latest(1)
    assert (deed.who, deed.by, deed.what) == (str(ALICE), "page", "page states")


def test_who_says_the_same_again_is_heard_again(scene: Scene, tab: Tab, clock: Clock) -> None:
    tab.post("/my", {"state": "busy"})
    clock.advance(60)
    publish(scene, PHONE % "Back soon")
    assert "state-away large" in tab.get("/my").text, "the newest is heard"
    clock.advance(60)
    tab.post("/my", {"state": "busy"})
    assert "state-busy large" in tab.get("/my").text


def test_the_form_shows_what_was_said(tab: Tab) -> None:
    tab.post(
        "/my",
        {"state": "dnd", "text0": "Not now", "language0": "fr", "mood": "grumpy", "activity": "meeting"},
    )
    page = tab.get("/my").text
    assert 'value="dnd" checked' in page and 'value="Not now"' in page
    assert '<option value="fr" selected>French</option>' in page
    assert '<option value="grumpy" selected>' in page and '<option value="meeting" selected>' in page


@pytest.mark.parametrize("state", ["online", "chat", "away", "xa", "busy", "on-the-phone", "dnd", "offline"])
def test_every_state_is_shown_as_it_was_chosen(scene: Scene, tab: Tab, state: str) -> None:
    tab.post("/my", {"state": state})
    page = tab.get("/my").text
    assert f'class="state state-{state} large"' in page and f'value="{state}" checked' in page
    assert '<option value="" selected>None</option>' in page, "a state is no activity besides"


def test_what_was_said_is_taken_back(scene: Scene, tab: Tab) -> None:
    tab.post("/my", {"state": "away"})
    assert "Take back what I said" in tab.get("/my").text
    tab.post("/my/withdraw", {"source": PAGE}, at="/my")
    assert stated(scene) is None
    assert "Take back what I said" not in tab.get("/my").text
    assert scene.audit.latest(1)[0].what == "page is withdrawn"
    tab.post("/my/withdraw", {"source": PAGE}, at="/my")
    assert "There was nothing to take back." in tab.get("/my").text


def test_only_what_the_owner_said_is_taken_back_here(scene: Scene, tab: Tab) -> None:
    document = pidf.write(document_of(Telling(), ALICE.sip_uri(), source="robot"))
    scene.statements.state(Saying(presentity=ALICE, source="robot", document=document, told_by="token robot"))
    page = tab.get("/my").text
    assert "Said by the program robot" in page and "Take back: robot" not in page
    tab.post("/my/withdraw", {"source": "robot"}, at="/my")
    assert stated(scene, "robot") is not None


def test_it_ends_when_it_was_to_end(scene: Scene, tab: Tab, clock: Clock) -> None:
    tab.post("/my", {"state": "away", "span": "30m"})
    clock.advance(1_801)
    assert stated(scene) is None and "state-offline large" in tab.get("/my").text


def test_a_time_is_of_the_zone_of_the_visitor(scene: Scene, tab: Tab) -> None:
    tab.cookies["zone"] = "America/New_York"
    tab.post("/my", {"state": "away", "span": "at", "end": "2027-01-15T18:00"})
    held = stated(scene)
    assert held is not None and held.expires_at == datetime(2027, 1, 15, 23, tzinfo=UTC).timestamp()
    page = tab.get("/my").text
    assert 'value="2027-01-15T18:00"' in page and "A time of America/New_York" in page
    tab.cookies["zone"] = "Asia/Tokyo"
    assert 'value="2027-01-16T08:00"' in tab.get("/my").text
    tab.post("/my", {"state": "away", "span": "day"})
    held = stated(scene)
    assert held is not None and held.expires_at == datetime(2027, 1, 15, 15, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    ("form", "told"),
    [
        ({"state": "none"}, "Choose one of these."),
        ({"state": "unknown"}, "Choose one of these."),
        ({"text0": "x" * 256}, "characters at most"),
        ({"text0": "x", "language0": "not a language"}, "characters at most"),
        ({"text0": "x", "language0": "en", "text1": "y", "language1": "en"}, "in the same language"),
        ({"activity": "x" * 70}, "These words are too long."),
        ({"span": "at"}, "Say when."),
        ({"span": "at", "end": "tomorrow"}, "This is not a date and a time."),
        ({"span": "at", "end": "0001-01-01T00:00"}, "That is over already."),
        ({"span": "at", "end": "2020-01-01T00:00"}, "That is over already."),
    ],
)
def test_what_cannot_be_is_said_beside_the_field(
    scene: Scene, tab: Tab, form: dict[str, str], told: str
) -> None:
    tab.cookies["zone"] = "Asia/Tokyo"
    reply = tab.post("/my", {"state": "away", "text0": "kept words", **form})
    assert reply.status == 422 and told in reply.text and stated(scene) is None
    assert form.get("text0", "kept words") in reply.text


def test_a_holiday_is_kept_until_devices_speak(scene: Scene, tab: Tab) -> None:
    tab.post("/my/holiday", {"state": "xa", "text0": "On holiday", "activity": "vacation"})
    held = stated(scene, HOLIDAY)
    assert held is not None and held.rank == Rank.PERMANENT and held.expires_at is None
    shown = tab.get("/my").text
    assert "On holiday" in shown and "This is kept now." in shown
    page = tab.get("/my/holiday").text
    assert 'value="xa" checked' in page and "Vacation" in page
    publish(scene, PHONE % "At my desk")
    assert scene.agent.composed(ALICE).tuples
    assert "state-away large" in tab.get("/my").text


def test_a_holiday_may_win_over_everything(scene: Scene, tab: Tab) -> None:
    publish(scene, PHONE % "At my desk")
    tab.post("/my/holiday", {"state": "dnd", "always": "yes"})
    held = stated(scene, HOLIDAY)
    assert held is not None and held.rank == Rank.OVERRIDE
    assert "state-dnd large" in tab.get("/my").text
    assert 'name="always" value="yes" checked' in tab.get("/my/holiday").text


def test_a_holiday_may_be_to_come(scene: Scene, tab: Tab, clock: Clock) -> None:
    begin, end = "2027-02-01T00:00", "2027-02-14T00:00"
    tab.post("/my/holiday", {"state": "xa", "begin": begin, "end": end, "always": "yes"})
    page = tab.get("/my").text
    assert "To come" in page and "state-offline large" in page
    form = tab.get("/my/holiday").text
    assert f'value="{begin}"' in form and f'value="{end}"' in form
    clock.advance(datetime(2027, 2, 1, tzinfo=UTC).timestamp() - clock.seconds() + 1)
    tab.sign_in()
    assert "state-xa large" in tab.get("/my").text
    reply = tab.post("/my/holiday", {"state": "xa", "begin": end, "end": begin})
    assert reply.status == 422 and "It would end before it begins." in reply.text


def test_too_many_sources_are_told(scene: Scene, tab: Tab) -> None:
    document = pidf.write(document_of(Telling(), ALICE.sip_uri(), source="robot"))
    for number in range(5):
        scene.statements.state(
            Saying(presentity=ALICE, source=f"robot{number}", document=document, told_by="token robot")
        )
    tab.post("/my", {"state": "away"})
    assert stated(scene) is None
    assert "Too much is stated about you already" in tab.get("/my").text


def test_who_looks_and_who_waits_is_counted(scene: Scene, tab: Tab) -> None:
    assert "Nobody looks at this now." in tab.get("/my").text
    now = scene.clock.seconds()
    scene.store.verdicts.put(Verdict(presentity=ALICE, watcher=BOB, handling="confirm", decided_at=now))
    scene.agent.watch(ALICE, Somebody(BOB))
    assert "1 waits for your decision." in tab.get("/my").text
    scene.store.verdicts.put(Verdict(presentity=ALICE, watcher=BOB, handling="allow", decided_at=now))
    scene.agent.rules_changed(ALICE)
    scene.agent.watch(ALICE, Somebody(Address("juliet", "jabber.example")))
    page = tab.get("/my").text
    assert "2 persons see this now." in page and 'href="/my/watchers"' in page


def test_a_change_that_is_not_stored_is_not_told_as_done(scene: Scene, tab: Tab) -> None:
    def fails(call: object) -> None:
        assert callable(call)
        call(StorageFailed("the disk is full"))

    token = tab.get("/my").csrf
    scene.store.after_commit = fails  # type: ignore[method-assign]
    reply = tab.ask("POST", "/my", f"csrf={token}&state=away".encode())
    assert reply.status == 503 and "the disk is full" in reply.text
