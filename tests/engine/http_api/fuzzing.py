"""Requests made from our own OpenAPI document, right and wrong, and what any answer must be."""

from __future__ import annotations

import random
import re
import warnings
from collections import Counter
from collections.abc import Iterator
from typing import Any, Final, NamedTuple
from urllib.parse import quote

import requests
from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from engine.http_api import ROUTES
from engine.http_api.openapi import document

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    import schemathesis
    from schemathesis import GenerationMode

ENDLESS: Final = frozenset(
    (route.method, route.path)
    for route in ROUTES
    if route.is_endless or route.path.endswith("/events")
)
"""Streams are tested by themselves."""
_SHORT: Final = {"timeout": 5, "waitForSeconds": 1, "timeoutMillis": 5}
"""Waits are kept short; their limits have tests of their own."""
_LEAKS: Final = re.compile(rb"Traceback \(most recent|\.py\", line|/site-packages/|s3cret")
RECORDED_FAULTS: Final = frozenset(
    {
        ("PUT", "/api/workflow/{workflowId}/resume"),
        ("POST", "/api/workflow/{workflowId}/retry"),
        ("PUT", "/api/workflow/{workflowId}/skiptask/{taskReferenceName}"),
    }
)
"""Where a real Conductor answers 500 to a request that comes at the wrong time, and so do we."""
_WAITS: Final = frozenset({"/api/workflow/execute/{name}/{version}"})
_JUNK: Final = (
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b"\xff\xfe",
    b'"text"',
    b"[" * 5_000,
    b'{"a":' * 200 + b"1" + b"}" * 200,
    b'{"name": 1e999, "input": NaN}',
    b'{"name": "\\ud800", "input": {"\\u0000": 1}}',
    b"9" * 5_000,
)

_JUNK_TEXTS: Final = (
    *("", "null", "-1", "1e9", "99999999999999999999", "tru", "\u0000", "ä,ö", "%", "' OR 1=1 --"),
    *("status=", "(((", "a:ASC|b", "*", "startTime > x AND", "status IN ('A'"),
)

DEFINITION: Final = {
    "name": "fuzzed",
    "version": 1,
    "tasks": [
        {"name": "work", "taskReferenceName": "work", "type": "SIMPLE"},
        {"name": "hold", "taskReferenceName": "hold", "type": "WAIT"},
    ],
}


class Served(NamedTuple):
    """Where a server is, and a key of an admin of it."""

    port: int
    key_id: str
    key_secret: str


class Fuzzer:
    """Sends requests to a server and collects what was wrong with the answers."""

    def __init__(self, server: Served, seed: int) -> None:
        self.url = f"http://127.0.0.1:{server.port}"
        self.session = requests.Session()
        key = {"keyId": server.key_id, "keySecret": server.key_secret}
        token = self.session.post(f"{self.url}/api/token", json=key, timeout=30).json()["token"]
        self.session.headers["X-Authorization"] = token
        self._own_key = server.key_id
        self.random = random.Random(seed)
        self.sent = 0
        self.statuses: Counter[int] = Counter()
        self.faults: Counter[str] = Counter()
        """Answers above 499 by operation."""
        self.wrong: dict[str, str] = {}
        """What was wrong, each kind of fault once, with the request that showed it."""
        self.docs = document(ROUTES)
        self.schema = schemathesis.openapi.from_dict(self.docs)
        self.known: dict[str, list[str]] = {}
        self.refresh()

    def refresh(self) -> None:
        """Make real things, so that requests get past the first look-up."""
        post = self.session.post
        post(f"{self.url}/api/metadata/workflow?overwrite=true", json=DEFINITION, timeout=30)
        post(f"{self.url}/api/metadata/taskdefs", json=[{"name": "work"}], timeout=30)
        started = [
            post(f"{self.url}/api/workflow", json={"name": "fuzzed", "input": {}}, timeout=30).text
            for _ in range(3)
        ]
        tasks = [
            self.session.get(f"{self.url}/api/workflow/{key}", timeout=30).json()["tasks"][0]
            for key in started
        ]
        self.known = {
            "workflowId": started,
            "taskId": [task["taskId"] for task in tasks],
            "name": ["fuzzed", "work"],
            "taskType": ["work"],
            "taskRefName": ["work", "hold"],
            "taskReferenceName": ["work", "hold"],
            "key": ["KEY", "COLOUR"],
            "correlationId": ["none"],
            "event": ["conductor:x"],
            "file": ["index.html"],
        }

    def clear(self) -> None:
        """Take out what was made: what then stays in memory is kept for no reason."""
        get, delete = self.session.get, self.session.delete
        api = f"{self.url}/api"
        while True:
            found = get(f"{api}/workflow/search", params={"size": 500}, timeout=60)
            assert found.status_code == 200, found.text
            ids = [line["workflowId"] for line in found.json()["results"]]
            if not ids:
                break
            self.session.post(f"{api}/workflow/bulk/terminate", json=ids, timeout=60)
            gone = self.session.request(
                "DELETE", f"{api}/workflow/bulk/remove", json=ids, timeout=60
            ).json()
            assert gone["bulkSuccessfulResults"], gone
        for one in get(f"{api}/metadata/workflow", timeout=60).json():
            delete(
                f"{api}/metadata/workflow/{quote(one['name'], safe='')}/{one['version']}",
                timeout=30,
            )
        for place, key in (
            ("metadata/taskdefs", "name"),
            ("scheduler/schedules", "name"),
            ("event", "name"),
            ("schema", "name"),
        ):
            for one in get(f"{api}/{place}", timeout=60).json():
                delete(f"{api}/{place}/{quote(one[key], safe='')}", timeout=30)
        names = get(f"{api}/secrets", timeout=60).json()
        for name in names:
            delete(f"{api}/secrets/{quote(name, safe='')}", timeout=30)
        for one in get(f"{api}/access/users", timeout=60).json():
            delete(f"{api}/access/users/{quote(one['name'], safe='')}", timeout=30)
        for one in get(f"{api}/access/keys", timeout=60).json():
            if one["id"] != self._own_key:
                delete(f"{api}/access/keys/{one['id']}", timeout=30)
        for one in get(f"{api}/access/links", timeout=60).json():
            delete(f"{api}/access/links/{one['id']}", timeout=30)
        for one in get(f"{api}/environment", timeout=60).json():
            delete(f"{api}/environment/{quote(one['name'], safe='')}", timeout=30)

    def operations(self) -> Iterator[Any]:
        """Every operation of the document that ends."""
        for found in self.schema.get_all_operations():
            operation = found.ok()
            if (operation.method.upper(), operation.path) not in ENDLESS:
                yield operation

    def attack(self, operation: Any, requests_count: int, wrong: bool = True) -> None:
        """Send so many requests to one operation.

        With ``wrong`` half of them break its schema; making those takes most of the time. Without
        it only the junk of ``send`` does.
        """
        strategies = [operation.as_strategy(generation_mode=GenerationMode.POSITIVE)]
        if wrong and (operation.body or operation.query or operation.path_parameters):
            strategies.append(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
        share = max(1, requests_count // len(strategies))
        for strategy in strategies:
            self._attack(operation, strategy, share)

    def _attack(self, operation: Any, strategy: st.SearchStrategy[Any], count: int) -> None:
        sent = 0

        @settings(
            max_examples=count,
            deadline=None,
            database=None,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @seed(self.random.getrandbits(32))
        @given(case=strategy)
        def send(case: Any) -> None:
            nonlocal sent
            if sent < count:
                sent += 1
                self.send(operation, case)

        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                send()
            except schemathesis.errors.SchemathesisError:
                return  # nothing can be wrong with this operation
            except Exception as error:
                if "Unsatisfiable" not in type(error).__name__:
                    raise

    def send(self, operation: Any, case: Any) -> None:
        """Send one request, with real names now and then, and look at the answer."""
        for name in case.path_parameters or {}:
            if name in self.known and self.random.random() < 0.5:
                case.path_parameters[name] = self.random.choice(self.known[name])
        query = case.query or {}
        for name, value in _SHORT.items():
            if name in query:
                query[name] = value
        if operation.path in _WAITS or operation.path.endswith("/state"):
            query["waitForSeconds"] = 1
        if operation.path.endswith("/signal/sync"):
            query["timeoutMillis"] = 5
        for name in query:
            if self.random.random() < 0.15:
                query[name] = self.random.choice(_JUNK_TEXTS)
        case.query = query
        prepared = case.as_transport_kwargs(base_url=self.url)
        if operation.body and self.random.random() < 0.15:
            for key in ("json", "files"):
                prepared.pop(key, None)
            prepared["data"] = self.random.choice(_JUNK)
        prepared["timeout"] = 30
        prepared["allow_redirects"] = False
        try:
            reply = self.session.request(**prepared)
        except requests.exceptions.InvalidHeader:
            return
        except (requests.exceptions.InvalidURL, UnicodeError):
            return
        self.sent += 1
        self.statuses[reply.status_code] += 1
        self._judge(operation, reply, prepared)

    def _judge(self, operation: Any, reply: requests.Response, sent: dict[str, Any]) -> None:
        told = self.docs["paths"][operation.path][operation.method.lower()]["responses"]
        place = f"{operation.method.upper()} {operation.path}"
        status = str(reply.status_code)
        routed = reply.status_code in (404, 405) and b"No static resource" in reply.content
        problems = []
        if status not in told and not routed:
            problems.append(f"{status} is not documented")
        if reply.status_code >= 500:
            self.faults[f"{place}: {status}"] += 1
            is_recorded = (operation.method.upper(), operation.path) in RECORDED_FAULTS
            if status != "500" or not is_recorded or b"failed to answer" in reply.content:
                problems.append("a fault of the server")
        if _LEAKS.search(reply.content):
            problems.append("the answer shows the insides")
        kind = reply.headers.get("Content-Type", "").partition(";")[0].strip()
        known = told.get(status, {}).get("content", {})
        if reply.content and known and not routed and kind not in known:
            problems.append(f"content type {kind!r} is not documented for {status}")
        if reply.content and kind == "application/json":
            try:
                value = reply.json()
            except ValueError:
                problems.append("the body is no JSON")
            else:
                if reply.status_code >= 400 and not (
                    isinstance(value, dict) and value.get("status") == reply.status_code
                ):
                    problems.append("the error has no status")
        for problem in problems:
            self.wrong.setdefault(
                f"{place}: {problem}",
                f"{sent.get('url')} {sent.get('params')} "
                f"{str(sent.get('json', sent.get('data')))[:500]} → {reply.text[:300]}",
            )
