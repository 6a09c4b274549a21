"""Listeners and webhooks: told at least once, signed, tried again, and never in the way."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from engine import Engine, EventMessage, StatusListener, StatusNotice, Webhook
from engine.errors import InvalidRequestError
from engine.runtime import couriers
from engine.runtime.couriers import Courier
from engine.testing.definitions import inline, workflow

Wire = dict[str, Any]
ENABLED = {"workflowStatusListenerEnabled": True}


class Inbox:
    """An HTTP server that keeps what it is sent and answers as told."""

    def __init__(self) -> None:
        self.got: list[tuple[dict[str, str], bytes]] = []
        self.answers: list[int] = []
        self.refuses = False
        self._arrived = threading.Condition()
        inbox = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                headers = {name.lower(): value for name, value in self.headers.items()}
                status = inbox.take(headers, body)
                self.send_response(status)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_address[1]}/hook"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def take(self, headers: dict[str, str], body: bytes) -> int:
        with self._arrived:
            status = 503 if self.refuses else self.answers.pop(0) if self.answers else 200
            self.got.append((headers, body))
            self._arrived.notify_all()
            return status

    def wait(self, count: int) -> list[Wire]:
        """The first bodies, once there are so many."""
        with self._arrived:
            assert self._arrived.wait_for(lambda: len(self.got) >= count, 20), len(self.got)
            return [json.loads(body) for _, body in self.got]

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


@pytest.fixture
def inbox() -> Iterator[Inbox]:
    inbox = Inbox()
    yield inbox
    inbox.close()


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "_FIRST_PAUSE_SECONDS", 0.02)


def quick(name: str = "w", **keys: Any) -> Wire:
    """A workflow that ends at once."""
    return workflow(name, inline("i", "$.n", n="${workflow.input.n}"), **{**ENABLED, **keys})


class Diary(StatusListener):
    """Writes down what it hears, and breaks where it is told to."""

    def __init__(self, breaks_at: str = "") -> None:
        self.lines: list[str] = []
        self.threads: set[str] = set()
        self.ended = threading.Event()
        self.breaks_at = breaks_at

    def on_workflow_started(self, notice: StatusNotice) -> None:
        self._write(notice)

    def on_task_completed(self, notice: StatusNotice) -> None:
        self._write(notice)

    def on_workflow_completed(self, notice: StatusNotice) -> None:
        self._write(notice)
        self.ended.set()

    def _write(self, notice: StatusNotice) -> None:
        self.threads.add(threading.current_thread().name)
        self.lines.append(notice.type)
        if notice.type == self.breaks_at:
            raise ValueError("out of ink")


@pytest.mark.parametrize("breaks_at", ["", "workflow.started"])
def test_a_listener_hears_in_order_on_its_own_thread_and_may_break(breaks_at: str) -> None:
    diary = Diary(breaks_at)
    with Engine(listeners=[diary]) as engine:
        engine.client.register_workflow_def(quick())
        assert str(engine.run("w").status) == "COMPLETED"
        assert diary.ended.wait(10)

    assert diary.lines == ["workflow.started", "task.completed", "workflow.completed"]
    assert diary.threads == {"courier-Diary-0"}


def test_only_overridden_methods_are_heard_of() -> None:
    assert Diary().heard_types() == {"workflow.started", "task.completed", "workflow.completed"}


def test_a_webhook_is_signed_and_names_what_happened(inbox: Inbox) -> None:
    secret = f"whsec_{base64.b64encode(b'k' * 24).decode()}"
    hook = Webhook(inbox.url, secret=secret, headers={"x-team": "blue"})
    with Engine(listeners=[hook]) as engine:
        engine.client.register_workflow_def(quick())
        workflow_id = engine.start("w", {"n": 1})
        (told,) = inbox.wait(1)

    headers, body = inbox.got[0]
    assert told["type"] == "workflow.completed"
    assert told["id"] == headers["webhook-id"]
    assert told["data"]["workflowId"] == workflow_id
    assert abs(int(headers["webhook-timestamp"]) - time.time()) < 60
    signed = f"{headers['webhook-id']}.{headers['webhook-timestamp']}.{body.decode()}".encode()
    digest = base64.b64encode(hmac.digest(b"k" * 24, signed, hashlib.sha256)).decode()
    assert headers["webhook-signature"] == f"v1,{digest}"
    assert headers["x-team"] == "blue"
    assert headers["content-type"] == "application/json"


def test_without_a_secret_nothing_is_signed(inbox: Inbox) -> None:
    with Engine(listeners=[Webhook(inbox.url)]) as engine:
        engine.client.register_workflow_def(quick())
        engine.run("w")
        inbox.wait(1)

    assert "webhook-signature" not in inbox.got[0][0]


def test_a_refused_notice_is_sent_again_until_it_is_taken(inbox: Inbox) -> None:
    inbox.answers = [500, 404, 302]
    with Engine(listeners=[Webhook(inbox.url)]) as engine:
        engine.client.register_workflow_def(quick())
        engine.run("w")
        bodies = inbox.wait(4)
        board = engine._runtime.desk.notices
        _await(lambda: board.figures()["webhook"].waiting == 0)

    assert len({body["id"] for body in bodies}) == 1


def _await(holds: Any) -> None:
    until = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_what_was_not_taken_is_sent_after_a_restart(tmp_path: Path, inbox: Inbox) -> None:
    inbox.refuses = True
    with Engine(tmp_path / "h.duckdb", listeners=[Webhook(inbox.url)]) as engine:
        engine.client.register_workflow_def(quick())
        ids = {engine.run("w", {"n": n}).workflow_id for n in range(3)}
        inbox.wait(3)
    with Engine(tmp_path / "h.duckdb"):
        pass  # without listeners nothing is sent, and nothing lost
    inbox.refuses = False
    inbox.got.clear()
    with Engine(tmp_path / "h.duckdb", listeners=[Webhook(inbox.url)]) as engine:
        told = {body["data"]["workflowId"] for body in inbox.wait(3)}
        _await(lambda: engine._runtime.desk.notices.figures()["webhook"].waiting == 0)
    inbox.got.clear()
    with Engine(tmp_path / "h.duckdb", listeners=[Webhook(inbox.url)]) as engine:
        engine.run("w")
        inbox.wait(1)
        time.sleep(0.1)

    assert told == ids
    assert len(inbox.got) == 1


_VICTIM = """
import sys
from engine import Engine, Webhook
from engine.testing.definitions import inline, workflow
engine = Engine(sys.argv[1], listeners=[Webhook(sys.argv[2])])
definition = workflow("w", inline("i", "1"), workflowStatusListenerEnabled=True)
engine.client.register_workflow_def(definition)
for number in range(1000):
    print(engine.run("w").workflow_id, flush=True)
"""


def test_a_killed_process_loses_no_notice(tmp_path: Path, inbox: Inbox) -> None:
    inbox.refuses = True
    arguments = [sys.executable, "-c", _VICTIM, str(tmp_path / "h.duckdb"), inbox.url]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        ids = {victim.stdout.readline().strip() for _ in range(5)}
        victim.send_signal(signal.SIGKILL)
    inbox.refuses = False
    with Engine(tmp_path / "h.duckdb", listeners=[Webhook(inbox.url)]):
        _await(
            lambda: ids <= {json.loads(body)["data"]["workflowId"] for _, body in list(inbox.got)}
        )


def test_disabled_workflows_are_told_only_to_whoever_wants_all(inbox: Inbox) -> None:
    diary = Diary()
    everything = Webhook(inbox.url, all_workflows=True, events=("workflow.*", "task.completed"))
    with Engine(listeners=[diary, everything]) as engine:
        engine.client.register_workflow_def(quick(workflowStatusListenerEnabled=False))
        engine.run("w")
        bodies = inbox.wait(4)
        _await(lambda: diary.lines == ["task.completed"])

    kinds = ["workflow.started", "task.completed", "workflow.completed", "workflow.finalized"]
    assert [body["type"] for body in bodies] == kinds


class Pigeon:
    """A publisher."""

    def __init__(self) -> None:
        self.sent: list[EventMessage] = []
        self.arrived = threading.Event()

    def publish(self, message: EventMessage) -> None:
        self.sent.append(message)
        if message.payload["type"] == "workflow.finalized":
            self.arrived.set()


def test_a_sink_names_the_one_receiver(inbox: Inbox) -> None:
    diary, pigeon = Diary(), Pigeon()
    audit = Webhook(inbox.url, name="audit")
    with Engine(listeners=[diary, audit], event_publishers={"pigeon": pigeon}) as engine:
        for name, sink in (("a", "audit"), ("b", "pigeon:loft"), ("c", "nobody"), ("d", None)):
            engine.client.register_workflow_def(quick(name, workflowStatusListenerSink=sink))
            engine.run(name)
        bodies = inbox.wait(2)
        assert pigeon.arrived.wait(10)
        assert diary.ended.wait(10)

    assert sorted(body["data"]["workflowType"] for body in bodies) == ["a", "d"]
    assert {message.payload["data"]["workflowType"] for message in pigeon.sent} == {"b"}
    assert (pigeon.sent[0].sink, pigeon.sent[0].address) == ("pigeon:loft", "loft")
    # Tasks have no sink: they are told to all.
    assert diary.lines.count("task.completed") == 4
    assert diary.lines.count("workflow.completed") == 1


def test_the_address_guard_applies(inbox: Inbox) -> None:
    with Engine(listeners=[Webhook(inbox.url)], allow_private_addresses=False) as engine:
        engine.client.register_workflow_def(quick())
        assert str(engine.run("w").status) == "COMPLETED"
        board = engine._runtime.desk.notices
        _await(lambda: board.figures()["webhook"].waiting == 1)
        time.sleep(0.1)

    assert inbox.got == []


@pytest.mark.parametrize(
    ("listeners", "says"),
    [
        ([Webhook("ftp://x")], "must be http or https"),
        ([Webhook("http://x", events=("workflow.lost",))], "'workflow.lost', which is no status"),
        ([Webhook("http://x", secret="whsec_!")], "is not base64"),
        ([Webhook("http://x"), Webhook("http://y")], "Two listeners have the name 'webhook'"),
        ([Pigeon()], "Pigeon is no StatusListener"),
    ],
)
def test_a_listener_that_can_not_be_used_is_refused(listeners: list[Any], says: str) -> None:
    with pytest.raises(InvalidRequestError, match=says):
        Engine(listeners=listeners)


def test_an_installed_package_brings_listeners(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "scribe-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: scribe\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[conductor_studio.listeners]\ns = scribe:Scribe\n")
    (tmp_path / "scribe.py").write_text(
        "import threading\n"
        "from engine import StatusListener\n"
        "heard = threading.Event()\n"
        "class Scribe(StatusListener):\n"
        "    def on_workflow_completed(self, notice):\n"
        "        heard.set()\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    with Engine() as engine:
        engine.client.register_workflow_def(quick())
        engine.run("w")
        import scribe  # type: ignore[import-not-found]

        assert scribe.heard.wait(10)


class Gate:
    """A receiver that takes nothing until it may."""

    name = "gate"
    heard_types = frozenset({"workflow.completed"})
    hears_all = False
    threads = 2

    def __init__(self, max_waiting: int = 100, give_up_after_seconds: float = 100.0) -> None:
        self.max_waiting = max_waiting
        self.give_up_after_seconds = give_up_after_seconds
        self.open = threading.Event()
        self.chokes_on = ""
        self.got: list[str] = []

    def deliver(self, notice: StatusNotice) -> None:
        self.open.wait(10)
        if notice.workflow_id == self.chokes_on:
            raise OSError("no")
        self.got.append(notice.id)

    def close(self) -> None:
        self.open.set()


def notice(workflow_id: str, number: int) -> StatusNotice:
    kind = "workflow.completed"
    return StatusNotice(f"{workflow_id}:{number}:{kind}", kind, workflow_id, number, {})


def test_a_queue_is_bounded_and_the_oldest_goes(caplog: pytest.LogCaptureFixture) -> None:
    gate, done = Gate(max_waiting=3), list[str]()
    courier = Courier(gate, done.append)
    for number in range(6):
        courier.offer(notice(f"w{number}", 1))
    assert courier.figures().waiting == 3
    gate.open.set()
    _await(lambda: courier.figures().waiting == 0)
    courier.close()

    assert courier.figures().given_up == 3
    assert sorted(done) == [f"w{number}:1:workflow.completed" for number in range(6)]
    assert {f"w{n}:1:workflow.completed" for n in (3, 4, 5)} <= set(gate.got)
    assert "more wait than may" in caplog.text


def test_one_execution_keeps_its_order_and_others_do_not_wait_for_it() -> None:
    gate, done = Gate(), list[str]()
    gate.chokes_on = "bad"
    gate.open.set()
    courier = Courier(gate, done.append, lambda tries: 0.01)
    courier.offer(notice("bad", 1))
    for number in range(1, 20):
        courier.offer(notice("good", number))
    _await(lambda: len(gate.got) == 19)
    assert gate.got == [f"good:{n}:workflow.completed" for n in range(1, 20)]
    gate.chokes_on = ""
    _await(lambda: courier.figures().waiting == 0)
    courier.close()

    assert done[-1] == "bad:1:workflow.completed"


def test_a_notice_that_is_never_taken_is_given_up() -> None:
    gate, done = Gate(give_up_after_seconds=0.0), list[str]()
    gate.chokes_on = "bad"
    gate.open.set()
    courier = Courier(gate, done.append, lambda tries: 0.0)
    courier.offer(notice("bad", 1))
    courier.offer(notice("bad", 2))
    _await(lambda: courier.figures().given_up == 2)
    courier.close()

    assert done == ["bad:1:workflow.completed", "bad:2:workflow.completed"]


def test_pauses_double_up_to_five_minutes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "_FIRST_PAUSE_SECONDS", 1.0)
    pauses = [couriers._pause_seconds(tries) for tries in range(1, 12)]

    for tries, pause in enumerate(pauses, 1):
        expected = min(2.0 ** (tries - 1), 300.0)
        assert 0.8 * expected <= pause <= 1.2 * expected


def test_notices_that_were_dropped_leave_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(couriers, "_STALE_ENTRIES", 10)
    gate, done = Gate(max_waiting=5), list[str]()
    courier = Courier(gate, done.append)
    for number in range(500):
        courier.offer(notice(f"w{number % 100}", number))

    assert len(courier._lines) <= 5 + gate.threads
    assert len(courier._due) <= 2 * len(courier._lines) + 11
    gate.open.set()
    _await(lambda: courier.figures().waiting == 0)
    courier.close()
    assert len(done) == 500
