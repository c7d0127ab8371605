"""The questions that the demo asks while it starts."""

import json

from hub.probes import SchoolsHeard, http_problem, mqtt_problem


def test_a_school_counts_once_from_its_birth_on() -> None:
    heard = SchoolsHeard()
    for state in ("stale", "born", "dead"):
        heard.take(
            "hub/live/D703-THPT-02/-/D703-THPT-02-a1", json.dumps({"presence": {"state": state}}).encode()
        )
        assert len(heard) == (0 if state == "stale" else 1)
    heard.take("hub/live/D703-THPT-02/-/D703-THPT-02-a2", b'{"presence": {"state": "born"}}')
    heard.take("hub/live/D705-TH-01/-/D705-TH-01-a1", b"")
    assert len(heard) == 1


async def test_nobody_there_is_a_problem_with_words(unused_port: int) -> None:
    assert await mqtt_problem(f"mqtt://127.0.0.1:{unused_port}")
    assert await http_problem(f"http://127.0.0.1:{unused_port}/readyz")
