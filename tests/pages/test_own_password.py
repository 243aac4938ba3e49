"""Setting another password for one's own account."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.pages import passwords
from sip2xmpp.store.accounts import proves
from tests.pages.scene import ALICE, Scene, Tab

PATH = "/my/password"
NEW = "a white rabbit"


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


@pytest.fixture
def tab(scene: Scene) -> Tab:
    tab = scene.browser()
    tab.sign_in()
    return tab


def change(tab: Tab, current: str = "rabbit", new: str = NEW, again: str | None = None) -> tuple[int, str]:
    reply = tab.post(PATH, {"current": current, "new": new, "again": new if again is None else again})
    assert new not in reply.text or not new
    return reply.status, reply.text


def holds(scene: Scene, password: str) -> bool:
    return proves(scene.store.accounts.get(str(ALICE)), password)


def test_who_knows_the_password_sets_another_one_and_stays_signed_in_alone(scene: Scene, tab: Tab) -> None:
    other = scene.browser()
    other.sign_in()
    before = tab.cookies["session"]
    assert change(tab)[0] == 303
    assert holds(scene, NEW) and not holds(scene, "rabbit")
    assert tab.cookies["session"] != before
    assert "The new password holds now" in tab.get(f"{PATH}?done=1").text
    assert other.get("/my").status == 303
    assert len(list(scene.store.sessions.all())) == 1
    (deed,) = [each for each in scene.audit.latest(10) if "password" in each.what]
    assert deed.who == deed.about == str(ALICE)


@pytest.mark.parametrize(
    ("fields", "status", "told"),
    [
        ({"current": "wrong"}, 403, "This is not your password."),
        ({"current": ""}, 403, "This is not your password."),
        ({"again": "another"}, 422, "The two are not the same."),
        ({"new": ""}, 422, "A password has 1 to 200 characters"),
        ({"new": "x" * 201}, 422, "A password has 1 to 200 characters"),
        ({"new": "a\nb"}, 422, "A password has 1 to 200 characters"),
    ],
)
def test_what_cannot_be_is_said_and_changes_nothing(
    scene: Scene, tab: Tab, fields: dict[str, str], status: int, told: str
) -> None:
    given = change(tab, **fields)
    assert given[0] == status and told in given[1] and "aria-invalid" in given[1]
    assert holds(scene, "rabbit") and tab.get("/my").status == 200


def test_a_session_that_was_left_open_is_no_place_to_guess(scene: Scene, tab: Tab, clock: Clock) -> None:
    for _ in range(passwords.OF_PEER_AND_NAME):
        assert change(tab, current="wrong")[0] == 403
    assert change(tab)[0] == 429 and holds(scene, "rabbit")
    clock.advance(passwords.SECONDS + 1)
    assert change(tab)[0] == 303


def test_only_a_form_of_ones_own_session_sets_it(scene: Scene, tab: Tab) -> None:
    body = b"current=rabbit&new=x&again=x"
    assert tab.ask("POST", PATH, body).status == 403
    assert scene.browser().ask("POST", PATH, body).status == 401
    assert holds(scene, "rabbit")
