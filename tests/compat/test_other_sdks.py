"""The official JavaScript, Java and Go SDKs, unchanged, against this server.

Each is fetched from its registry into a cache outside the repository (``STUDIO_SDK_CACHE``), once;
where the tool chain is absent or the registry can't be reached the test skips and says so.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from platformdirs import user_cache_path

from engine import Engine
from engine.functions import FunctionRegistry
from engine.http_api.server import serve_api

HERE = Path(__file__).parent
JAVASCRIPT_SDK = "@io-orkes/conductor-javascript@4.0.0"
GO_SDK = "github.com/conductor-sdk/conductor-go@v1.5.4"
"""The newest version that Go's checksum database knows."""
EXPECTED = {
    "failed": "FAILED",
    "found": True,
    "completed": "COMPLETED",
    "output": {"receipt": "A7-1 paid"},
    "terminated": "TERMINATED",
    "reason": "enough",
    "unknown": "refused",
}
FETCH_SECONDS = 240
RUN_SECONDS = 90

pytestmark = [pytest.mark.slow, pytest.mark.timeout(FETCH_SECONDS + RUN_SECONDS + 30)]


@pytest.fixture(scope="module", params=["open", "accounts"])
def url(request: pytest.FixtureRequest) -> Iterator[str]:
    """Of a server for everybody, and of one where the SDK has to exchange its key and secret."""
    functions = FunctionRegistry()
    environment = pytest.MonkeyPatch()
    with Engine(threads=0, functions=functions) as engine, serve_api(engine.service, port=0) as api:
        if request.param == "accounts":
            made = engine.service.create_api_key("sdk", "author").result(10)
            environment.setenv("CONDUCTOR_AUTH_KEY", made["keyId"])
            environment.setenv("CONDUCTOR_AUTH_SECRET", made["keySecret"])
        yield api.url
        if request.param == "accounts":
            actors = {row.actor for row in engine.service.audit()}
            assert actors <= {"user:sdk", "user"}
    environment.undo()


def cache(name: str) -> Path:
    root = os.environ.get("STUDIO_SDK_CACHE")
    folder = Path(root) if root else user_cache_path("conductor-studio-tests", appauthor=False)
    folder = folder / name
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def fetch(command: list[str], folder: Path, what: str, **environment: str) -> None:
    """Run a package manager; skip when it can't get what the test needs."""
    try:
        done = subprocess.run(
            command,
            cwd=folder,
            capture_output=True,
            text=True,
            timeout=FETCH_SECONDS,
            check=False,
            env={**os.environ, **environment},
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{what} could not be fetched in {FETCH_SECONDS} s")
    if done.returncode != 0:
        said = " ".join((done.stderr or done.stdout).split())[-300:]
        pytest.skip(f"{what} could not be fetched: {said}")


def run(command: list[str], folder: Path, environment: Mapping[str, str] | None = None) -> object:
    """What the program saw: the JSON of its last line."""
    done = subprocess.run(
        command,
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=RUN_SECONDS,
        check=False,
        env={**os.environ, **(environment or {})},
    )
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    assert done.returncode == 0, done.stderr[-4000:] + done.stdout[-2000:]
    assert lines, done.stdout[-2000:] + done.stderr[-2000:]
    return json.loads(lines[-1])


def test_javascript_sdk(url: str) -> None:
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        pytest.skip("needs node and npm")
    folder = cache("javascript-4.0.0")
    if not (folder / "node_modules" / "@io-orkes" / "conductor-javascript").is_dir():
        (folder / "package.json").write_text('{"private": true, "type": "module"}')
        # Its optional peers contradict each other; the SDK itself needs none of them.
        options = ["--no-audit", "--no-fund", "--legacy-peer-deps"]
        fetch([npm, "install", *options, JAVASCRIPT_SDK], folder, "The JavaScript SDK")
    shutil.copy(HERE / "javascript" / "program.mjs", folder / "program.mjs")

    assert run([node, "program.mjs", url], folder) == EXPECTED


def newest_java() -> str | None:
    """A Java that is 21 or newer: JAVA_HOME, the path's, or one that is installed."""
    homes = [Path(os.environ["JAVA_HOME"])] if os.environ.get("JAVA_HOME") else []
    on_path = shutil.which("java")
    found = [Path(on_path)] if on_path else []
    found += [home / "bin" / "java" for home in [*homes, *Path("/usr/lib/jvm").glob("*")]]
    for java in found:
        if java.is_file():
            said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
            version = re.search(r'version "(\d+)', said.stderr)
            if version and int(version[1]) >= 21:
                return str(java)
    return None


@pytest.mark.long
def test_java_client(url: str) -> None:
    java, maven = newest_java(), shutil.which("mvn")
    if java is None or maven is None:
        pytest.skip("needs Maven and a JDK of version 21 or newer")
    folder = cache("java-6.0.0")
    if not any((folder / "lib").glob("conductor-client-*.jar")):
        shutil.copy(HERE / "java" / "pom.xml", folder / "pom.xml")
        goal = ["dependency:copy-dependencies", "-DoutputDirectory=lib"]
        fetch([maven, "-q", "-B", *goal], folder, "The Java client")
    shutil.copy(HERE / "java" / "Program.java", folder / "Program.java")

    assert run([java, "-cp", "lib/*", "Program.java", url], folder) == EXPECTED


@pytest.mark.long
def test_go_sdk(url: str) -> None:
    go = shutil.which("go")
    if go is None:
        pytest.skip("needs Go")
    folder = cache("golang-1.5.4")
    shutil.copy(HERE / "golang" / "main.go", folder / "main.go")
    settings = {"GOFLAGS": "-mod=mod", "GOTOOLCHAIN": "local"}
    if not (folder / "go.sum").is_file():
        if not (folder / "go.mod").is_file():
            fetch([go, "mod", "init", "sdkprogram"], folder, "A Go module")
        fetch([go, "get", GO_SDK], folder, "The Go SDK", **settings)
    built = subprocess.run(
        [go, "build", "-o", "sdkprogram", "."],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=FETCH_SECONDS,
        check=False,
        env={**os.environ, **settings},
    )
    assert built.returncode == 0, built.stderr[-3000:]

    assert run([str(folder / "sdkprogram"), url], folder) == EXPECTED
