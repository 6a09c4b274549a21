"""State of a tab, read from its address."""

from __future__ import annotations

from studio.session import Session


def test_address_gives_place_cursor_and_search():
    session = Session.from_address(
        {
            "id": [b"7f3a"],
            "task": [b"order_flow/charge_card"],
            "event": [b"118"],
            "status": [b"FAILED", b"TIMED_OUT"],
            "start": [b"50"],
            "span": [b"7d"],
        }
    )
    assert (session.workflow_id, session.task_path) == ("7f3a", "order_flow/charge_card")
    assert (session.event_number, session.start, session.span) == (118, 50, "7d")
    assert session.filter.status == ("FAILED", "TIMED_OUT")


def test_what_an_address_gets_wrong_is_left_at_its_default():
    session = Session.from_address({"event": [b"-1"], "start": [b"\xff"], "span": [b"year"]})
    assert (session.event_number, session.start, session.span) == (0, 0, "24h")


def test_browser_request_replaces_search_and_row():
    session = Session(start=50)
    session.apply_request({"filter": {"text": "ana"}, "start": 100})
    assert (session.filter.text, session.start) == ("ana", 100)
    session.apply_request({"filter": "nonsense", "start": -1})
    assert (session.filter.text, session.start) == ("", 0)
