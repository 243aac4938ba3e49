"""Whether the measurement of an overload still measures what it says; no figure is judged here."""

from pathlib import Path

from tests.bench.overload import overload


def test_a_flood_is_answered_to_the_last_request(tmp_path: Path) -> None:
    result = overload(tmp_path, "memory:", 50)
    assert result["operations"] > 0 and result["server_us"] > 0
    assert result["lost"] == 0 and result["refreshed"] == 100.0
    assert {"goodput", "shed", "recovery", "possible", "p50", "p99", "generator_bound"} <= result.keys()
