"""The API explains what a watcher is shown, to those who may read."""

import pytest
from twisted.internet.task import Clock

from sip2xmpp.portal.explanations import EXPLANATION_SCHEMA
from tests.portal.scene import ADMIN, READER, STATION, Scene
from tests.presence.privacy import ACTIVITIES, ROMEO, keep, rule, ruleset

PATH = f"/api/v1/users/bob@sip.example.org/watchers/{ROMEO}/explanation"


@pytest.fixture
def scene(clock: Clock) -> Scene:
    return Scene(clock)


def test_an_explanation_tells_which_rules_apply_and_what_is_left_out(scene: Scene) -> None:
    said = {"state": "away", "note": "secret"}
    assert scene.ask("POST", "/api/v1/presence/bob@sip.example.org", said, token=ADMIN).status == 200
    keep(scene.store.documents, ruleset(rule("allow", ROMEO, name="friends", provide=ACTIVITIES)))
    answer = scene.ask("GET", PATH, token=READER)
    assert answer.status == 200
    told = answer.json
    assert set(told) == set(EXPLANATION_SCHEMA["required"])
    assert told["presence"]["handling"] == "allow" and told["presence"]["decided_by"] == "rules"
    (one,) = told["presence"]["rules"]
    assert (one["document"], one["id"], one["applies"]) == ("pres-rules/index", "friends", True)
    assert one["conditions"] == [{"condition": f"identity sip:{ROMEO}", "holds": True}]
    assert told["provides"] == ["all-services", "all-persons", "activities"]
    assert any("notes" in each for each in told["removed"])
    assert "secret" not in told["shown"] and "away" in told["shown"]


def test_whoever_is_shown_nothing_is_told_why(scene: Scene) -> None:
    told = scene.ask("GET", PATH, token=READER).json
    assert told["presence"]["handling"] == "confirm" and told["presence"]["decided_by"] == "default"
    assert told["shown"] is None


def test_only_a_token_that_may_read_is_answered(scene: Scene) -> None:
    assert scene.ask("GET", PATH, token=None).status == 401
    assert scene.ask("GET", PATH, token=STATION).status == 403
    assert scene.ask("PUT", PATH, {}, token=ADMIN).status == 405


def test_nobody_is_explained_who_does_not_exist(scene: Scene) -> None:
    assert scene.ask("GET", PATH.replace("bob", "nobody"), token=READER).status == 404
    assert scene.ask("GET", PATH.replace("sip.example.org", "example.net"), token=READER).status == 404
    assert scene.ask("GET", PATH.replace(str(ROMEO), "romeo"), token=READER).status == 404
