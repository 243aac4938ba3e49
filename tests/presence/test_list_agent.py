"""Watching a list is watching each of its members as oneself."""

from tests.presence.listing import Scene, address

BOB, CAROL = address("bob@sip.example.org"), address("carol@far.example")


def test_a_list_is_told_as_one_state_with_a_row_for_each_member() -> None:
    scene = Scene()
    scene.friends("sip:bob@sip.example.org", "sip:carol@far.example")
    scene.players.say(BOB, "away")
    scene.players.say(CAROL, "busy")
    subscriber, _ = scene.subscribe()
    assert subscriber.told == []
    scene.run()
    assert len(subscriber.told) == 1
    assert subscriber.rows() == {str(BOB): "away", str(CAROL): "busy"}
