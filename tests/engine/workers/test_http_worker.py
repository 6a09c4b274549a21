"""The HTTP task against real servers on this machine."""

from __future__ import annotations

import gzip
import http.server
import importlib.util
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.errors import ForbiddenError
from engine.workers.address_guard import AddressGuard
from engine.workers.http import HttpWorker, TaskOutcome, body_value

CONFORMANCE = Path(__file__).resolve().parents[4] / "shared" / "conformance"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self) -> None:
        path, _, query = self.path.partition("?")
        word = path.strip("/").split("/")
        length = int(self.headers.get("Content-Length") or 0)
        seen = {
            "method": self.command,
            "path": self.path,
            "body": self.rfile.read(length).decode(),
            "headers": {name.lower(): value for name, value in self.headers.items()},
        }
        if word[0] == "status":
            self.send(int(word[1]), b"" if word[1] == "204" else b"the reason")
        elif word[0] == "text":
            self.send(200, b"plain words", "text/plain; charset=utf-8")
        elif word[0] == "raw":
            self.send(200, query.encode().replace(b"%20", b" "))
        elif word[0] == "slow":
            time.sleep(float(word[1]))
            self.send(200, b"{}")
        elif word[0] == "drip":
            self.drip()
        elif word[0] == "huge":
            self.send(200, b"x" * 200_000)
        elif word[0] == "bomb":
            self.send(200, gzip.compress(b"0" * 5_000_000), encoding="gzip")
        elif word[0] == "to":
            self.send(302, b"", location=query)
        elif word[0] == "twice":
            self.send_response(200)
            self.send_header("X-Many", "a")
            self.send_header("X-Many", "b")
            self.send_header("Content-Length", "0")
            self.end_headers()
        else:
            self.send(200, json.dumps(seen).encode())

    def send(
        self,
        status: int,
        body: bytes,
        kind: str = "application/json",
        encoding: str = "",
        location: str = "",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        if encoding:
            self.send_header("Content-Encoding", encoding)
        if location:
            self.send_header("Location", location)
        try:
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)
        except OSError:
            self.close_connection = True

    def drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        try:
            for _ in range(20):
                self.wfile.write(b"x")
                self.wfile.flush()
                time.sleep(0.1)
        except OSError:
            pass
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = do_HEAD = do_OPTIONS = answer

    def log_message(self, *_: Any) -> None:
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what several tests want."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with Server(("127.0.0.1", 0), Handler) as made:
        thread = threading.Thread(target=made.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{made.server_address[1]}"
        made.shutdown()
        thread.join()


@pytest.fixture(scope="module")
def worker() -> Iterator[HttpWorker]:
    with HttpWorker(max_response_bytes=100_000) as made:
        yield made


def run(worker: HttpWorker, **request: Any) -> TaskOutcome:
    return worker.execute({"http_request": {"method": "GET", **request}}).result(20)


def test_an_answer_becomes_status_reason_headers_and_body(worker: HttpWorker, server: str) -> None:
    outcome = run(worker, uri=f"{server}/echo?x=1")
    assert outcome.status == "COMPLETED"
    assert outcome.reason is None
    response = outcome.output["response"]
    assert (response["statusCode"], response["reasonPhrase"]) == (200, "OK")
    assert response["headers"]["Content-Type"] == ["application/json"]
    assert response["body"]["path"] == "/echo?x=1"
    sent = response["body"]["headers"]
    assert (sent["accept"], sent["content-type"]) == ("application/json", "application/json")


def test_request_keys_may_stand_at_the_top_level(worker: HttpWorker, server: str) -> None:
    data = {"uri": f"{server}/e", "method": "post", "body": {"a": 1}, "asyncComplete": False}
    body = worker.execute(data, True).result(20).output["response"]["body"]
    assert (body["method"], json.loads(body["body"])) == ("POST", {"a": 1})


@pytest.mark.parametrize(
    ("body", "kind", "sent"),
    [
        ([1, {"a": 2}], "application/json", '[1,{"a":2}]'),
        ("a=1&b=2", "application/x-www-form-urlencoded", "a=1&b=2"),
        ({"a": "x y", "b": [1, 2]}, "application/x-www-form-urlencoded", "a=x+y&b=1&b=2"),
        (7, "application/json", "7"),
        ("plain", "application/json", "plain"),
    ],
)
def test_bodies_are_sent_as_their_kind_wants(
    worker: HttpWorker, server: str, body: Any, kind: str, sent: str
) -> None:
    outcome = run(worker, uri=server, method="POST", body=body, contentType=kind)
    assert outcome.output["response"]["body"]["body"] == sent
    assert outcome.output["response"]["body"]["headers"]["content-type"] == kind


def test_own_headers_and_several_accepts_are_sent(worker: HttpWorker, server: str) -> None:
    outcome = run(
        worker,
        uri=server,
        accept=["text/plain", "application/json"],
        headers={"X-Number": 3, "X-True": True, "X-None": None, "content-type": "a/b"},
    )
    sent = outcome.output["response"]["body"]["headers"]
    assert sent["accept"] == "text/plain, application/json"
    assert (sent["x-number"], sent["x-true"], sent["content-type"]) == ("3", "true", "a/b")
    assert "x-none" not in sent


def test_repeated_headers_are_lists(worker: HttpWorker, server: str) -> None:
    response = run(worker, uri=f"{server}/twice").output["response"]
    assert response["headers"]["X-Many"] == ["a", "b"]
    assert response["body"] is None


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("", None),
        ("[1]", [1]),
        ('{"a":12345678901234567890}', {"a": 12345678901234567890}),
        ("42", 42.0),
        ("true", "true"),
        ("null", "null"),
        ('"text"', "text"),
        ("plain words", "plain words"),
        ("[" * 300, "[" * 300),
        ("1" + "0" * 400, "1" + "0" * 400),
    ],
)
def test_bodies_are_converted_as_conductor_does(text: str, value: Any) -> None:
    converted = body_value(text)
    assert converted == value
    assert type(converted) is type(value)


def test_spaces_are_encoded_and_percent_signs_kept(worker: HttpWorker, server: str) -> None:
    assert run(worker, uri=f"{server}/a b?q=c d").output["response"]["body"]["path"] in (
        "/a%20b?q=c+d",
        "/a%20b?q=c%20d",
    )
    assert run(worker, uri=f"{server}/a%20b").output["response"]["body"]["path"] == "/a%20b"


def test_async_complete_leaves_the_task_in_progress(worker: HttpWorker, server: str) -> None:
    request = {"uri": server, "method": "GET"}
    assert worker.execute({"http_request": request}, True).result(9).status == "IN_PROGRESS"
    data = {"http_request": request, "asyncComplete": False}
    assert worker.execute(data, True).result(9).status == "COMPLETED"


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (
            {"http_request": {"method": "GET"}},
            "Missing HTTP URI.  See documentation for HttpTask for required input parameters",
        ),
        ({"http_request": {"uri": "http://x"}}, "No HTTP method specified"),
        (
            {"http_request": "nonsense"},
            "Missing HTTP URI.  See documentation for HttpTask for required input parameters",
        ),
    ],
)
def test_incomplete_requests_fail_with_conductors_words(
    worker: HttpWorker, data: dict[str, Any], reason: str
) -> None:
    assert worker.execute(data).result(9) == TaskOutcome(status="FAILED", output={}, reason=reason)


PREFIX = "Failed to invoke HTTP task due to: "


@pytest.mark.parametrize("status", [400, 404, 503])
def test_an_error_status_fails_with_the_answer_in_the_reason(
    worker: HttpWorker, server: str, status: int
) -> None:
    outcome = run(worker, uri=f"{server}/status/{status}?key=s3cret")
    assert outcome.status == "FAILED"
    assert outcome.reason is not None
    assert outcome.reason.startswith(
        f"Failed to invoke HTTP task due to: java.lang.Exception: {status} "
    )
    assert outcome.reason.endswith(': "the reason"')
    assert "s3cret" not in outcome.reason
    assert outcome.output == {"response": (outcome.reason or "").removeprefix(PREFIX)}


@pytest.mark.parametrize(
    ("path", "extra", "words"),
    [
        ("slow/3", {"readTimeOut": 200}, "Read timed out"),
        ("slow/3", {"readTimeOut": "200", "connectionTimeOut": "500"}, "Read timed out"),
        ("huge", {}, "longer than 100000 bytes"),
        ("bomb", {}, "longer than 100000 bytes"),
        ("echo", {"headers": {"X-Bad": "a\r\nX-Evil: 1"}}, "ValueError"),
        ("echo", {"headers": [1]}, "headers is not an object"),
        ("echo", {"readTimeOut": "soon"}, "readTimeOut is not a number"),
        ("echo", {"method": "GE T"}, "GE T"),
    ],
)
def test_a_request_that_comes_to_nothing_says_why(
    worker: HttpWorker, server: str, path: str, extra: dict[str, Any], words: str
) -> None:
    outcome = run(worker, uri=f"{server}/{path}", **extra)
    assert outcome.status == "FAILED"
    assert outcome.output == {"response": (outcome.reason or "").removeprefix(PREFIX)}
    assert words in (outcome.reason or "")


def test_a_closed_port_is_connection_refused(worker: HttpWorker) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    reason = run(worker, uri=f"http://127.0.0.1:{port}/x").reason
    assert reason == (
        "Failed to invoke HTTP task due to: java.lang.Exception: "
        f'I/O error on GET request for "http://127.0.0.1:{port}/x": Connection refused'
    )


@pytest.mark.parametrize(
    ("uri", "words"),
    [
        ("workflow.url", 'request for "/workflow.url": Target host is not specified'),
        ("", 'request for "": Target host is not specified'),
        ("ftp://127.0.0.1/x", "Unroutable protocol scheme: ftp://127.0.0.1"),
        ("http://no.such.invalid/x", '"http://no.such.invalid/x": no.such.invalid: '),
    ],
)
def test_addresses_that_lead_nowhere_fail_in_conductors_words(
    worker: HttpWorker, uri: str, words: str
) -> None:
    assert words in (run(worker, uri=uri).reason or "")


@pytest.mark.parametrize("uri", ["file:///etc/passwd", "ftp://x/y", "nothing", "http://", "x://"])
def test_only_http_addresses_are_requested(worker: HttpWorker, uri: str) -> None:
    outcome = run(worker, uri=uri)
    assert outcome.status == "FAILED"
    assert (outcome.reason or "").startswith("Failed to invoke HTTP task due to: ")


def test_redirects_are_followed_and_counted(worker: HttpWorker, server: str) -> None:
    assert run(worker, uri=f"{server}/to?/echo").output["response"]["body"]["path"] == "/echo"
    outcome = run(worker, uri=f"{server}/to?{server}/to")
    assert outcome.status == "FAILED"
    endless = run(worker, uri=f"{server}/to?/to?/to?/to?/to?/to?/to?/to?/echo")
    assert "more than 5 redirects" in (endless.reason or "")


def test_a_redirect_of_a_post_is_not_followed(worker: HttpWorker, server: str) -> None:
    outcome = run(worker, uri=f"{server}/to?/echo", method="POST", body={})
    assert outcome.status == "FAILED"
    assert outcome.reason == "No response from the remote service"
    assert outcome.output["response"]["statusCode"] == 302


def test_credentials_do_not_follow_to_another_origin(worker: HttpWorker, server: str) -> None:
    headers = {"Authorization": "Bearer x", "Cookie": "a=b", "X-Keep": "1"}
    other = server.replace("127.0.0.1", "localhost")
    kept = run(worker, uri=f"{server}/to?/echo", headers=headers)
    assert kept.output["response"]["body"]["headers"]["authorization"] == "Bearer x"
    away = run(worker, uri=f"{server}/to?{other}/echo", headers=headers)
    sent = away.output["response"]["body"]["headers"]
    assert "authorization" not in sent
    assert "cookie" not in sent
    assert sent["x-keep"] == "1"


@pytest.mark.parametrize(
    "uri",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:169.254.169.254]/",
        "http://[fe80::1]/",
        "http://[fd00:ec2::254]/",
        "http://100.100.100.200/",
        "http://0.0.0.0/",
        "http://0/",
        "http://0xa9fea9fe/",
        "http://2852039166/",
        "http://[2002:a9fe:a9fe::]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "http://[::]/",
    ],
)
def test_metadata_and_link_local_addresses_are_never_reached(
    worker: HttpWorker, server: str, uri: str
) -> None:
    begun = time.monotonic()
    for outcome in (run(worker, uri=uri), run(worker, uri=f"{server}/to?{uri}")):
        assert outcome.status == "FAILED"
        assert "Failed to invoke HTTP task due to: " in (outcome.reason or "")
    assert time.monotonic() - begun < 2, "refused, not timed out"


def test_private_addresses_are_refused_where_the_policy_says_so(server: str) -> None:
    port = int(server.rpartition(":")[2])
    with HttpWorker(AddressGuard(allow_private=False)) as strict:
        for uri in (
            server,
            f"http://localhost:{port}/",
            f"http://[::1]:{port}/",
            "http://10.0.0.1",
        ):
            assert "private network" in (run(strict, uri=uri).reason or ""), uri


def test_our_own_port_can_be_refused(server: str) -> None:
    port = int(server.rpartition(":")[2])
    with HttpWorker(AddressGuard(denied_ports=frozenset({port}))) as worker:
        assert "belongs to this server" in (run(worker, uri=server).reason or "")
        named = f"http://localhost:{port}/"
        assert "belongs to this server" in (run(worker, uri=named).reason or "")


def test_the_guard_raises_before_a_socket_exists() -> None:
    info = (socket.AF_INET, socket.SOCK_STREAM, 0, "", ("169.254.169.254", 80))
    with pytest.raises(ForbiddenError, match="never allowed"):
        AddressGuard().socket_factory(info)


def test_requests_run_at_the_same_time(worker: HttpWorker, server: str) -> None:
    begun = time.monotonic()
    request = {"http_request": {"uri": f"{server}/slow/0.3", "method": "GET"}}
    futures = [worker.execute(request) for _ in range(10)]
    assert all(future.result(9).status == "COMPLETED" for future in futures)
    assert time.monotonic() - begun < 1.5


def test_closing_drops_what_is_in_flight(server: str) -> None:
    worker = HttpWorker()
    future = worker.execute({"uri": f"{server}/slow/1", "method": "GET", "readTimeOut": 9000})
    time.sleep(0.1)
    begun = time.monotonic()
    worker.close()
    worker.close()
    assert time.monotonic() - begun < 0.8
    assert future.cancelled()
    with pytest.raises(RuntimeError, match="closed"):
        worker.execute({})


def _traces() -> list[Path]:
    golden = CONFORMANCE / "golden"
    return sorted([*golden.glob("system-http*.json"), *golden.glob("optional-http*.json")])


@pytest.fixture(scope="module")
def echo() -> Iterator[Any]:
    specification = importlib.util.spec_from_file_location(
        "conformance_player", CONFORMANCE / "conformance.py"
    )
    assert specification is not None
    assert specification.loader is not None
    player = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(player)
    made = player.Echo()
    made.server.handle_error = lambda *_: None
    yield made
    made.close()


@pytest.mark.skipif(not CONFORMANCE.is_dir(), reason="the recorded traces are not at hand")
@pytest.mark.parametrize("path", _traces(), ids=lambda path: path.stem)
def test_outcomes_equal_those_of_the_recorded_server(
    worker: HttpWorker, echo: Any, path: Path
) -> None:
    document = json.loads(path.read_text())
    ignored = set(document["scenario"].get("ignore", []))
    snapshot = next(step["snapshot"] for step in document["trace"] if "snapshot" in step)
    for task in snapshot["tasks"]:
        if task["taskType"] != "HTTP":
            continue
        data = json.loads(json.dumps(task["inputData"]).replace("{echo}", echo.url))
        outcome = worker.execute(data).result(20)
        assert outcome.status == task["status"].replace("COMPLETED_WITH_ERRORS", "FAILED")
        if "reasonForIncompletion" in task and "reasonForIncompletion" not in ignored:
            assert outcome.reason == task["reasonForIncompletion"]
        if "outputData" in ignored or "response" in ignored:
            continue
        output = json.loads(json.dumps(outcome.output).replace(echo.url, "{echo}"))
        assert _trimmed(output, ignored) == _trimmed(task.get("outputData", {}), ignored)


def _trimmed(value: Any, ignored: set[str]) -> Any:
    """Null, ``{}`` and ``[]`` equal absent in the traces; ignored keys are nowhere."""
    if isinstance(value, dict):
        inner = {k: _trimmed(v, ignored) for k, v in value.items() if k not in ignored}
        return {k: v for k, v in inner.items() if v not in (None, {}, [])}
    if isinstance(value, list):
        return [_trimmed(item, ignored) for item in value]
    return value
