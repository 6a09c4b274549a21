"""The real server's own resolver, to ask it what templates become.

``python tests/engine/core/jayway.py`` records ``jayway_answers.jsonl.gz`` anew. It needs a JDK of
version 21 or newer and the server's jar (``mvn dependency:get
-Dartifact=org.conductoross:conductor-server:3.32.3:jar:boot -Dtransitive=false``).
"""

from __future__ import annotations

import gzip
import json
import os
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from jsonpath_cases import Batch, batches

FIXTURE = Path(__file__).with_name("jayway_answers.jsonl.gz")
_PROGRAM = Path(__file__).parents[2] / "compat" / "jsonpath" / "Answers.java"
_VERSION = "3.32.3"
_LIBRARIES = re.compile(
    r"BOOT-INF/lib/((conductor-co|jackson-|json-path|json-smart|accessors-smart|asm|slf4j-api"
    r"|commons-lang3|spring-)[^/]*\.jar)"
)
_OLDEST_JAVA = 21
_SEED = 2026
_DOCUMENTS, _TEMPLATES_EACH = 80, 50


def missing() -> str | None:
    """What is not there to ask the server's resolver, None if all is."""
    if _java() is None:
        return f"needs a JDK of version {_OLDEST_JAVA} or newer"
    return None if _jar().is_file() else f"needs {_jar()}"


def answers(asked: Iterable[Batch]) -> Iterator[tuple[Batch, list[Any]]]:
    """What the server's resolver makes of each template, in their order."""
    with tempfile.TemporaryDirectory() as folder:
        with zipfile.ZipFile(_jar()) as jar:
            for name in jar.namelist():
                library = _LIBRARIES.fullmatch(name)
                if library is not None:
                    (Path(folder) / library[1]).write_bytes(jar.read(name))
        questions = Path(folder) / "questions"
        asked = list(asked)
        with questions.open("w", encoding="utf-8") as file:
            file.writelines(json.dumps(batch._asdict()) + "\n" for batch in asked)
        with questions.open("rb") as file:
            found = subprocess.run(
                [str(_java()), "-Xmx512m", "-XX:+UseSerialGC", "-cp", f"{folder}/*", _PROGRAM],
                stdin=file,
                stdout=subprocess.PIPE,
                check=True,
                env={"PATH": os.environ.get("PATH", "")},
            )
    lines = found.stdout.decode("utf-8").splitlines()
    for batch, line in zip(asked, lines, strict=True):
        yield batch, json.loads(line)


def recorded() -> Iterator[tuple[Batch, list[Any]]]:
    """The same out of the fixture."""
    with gzip.open(FIXTURE, "rt", encoding="utf-8") as file:
        for line in file:
            batch = json.loads(line)
            templates, found = zip(*batch["cases"], strict=True)
            yield Batch(batch["document"], list(templates)), list(found)


def _record() -> int:
    seen: set[str] = set()
    lines: list[str] = []
    for batch, found in answers(islice(batches(_SEED, 2 * _TEMPLATES_EACH), _DOCUMENTS)):
        cases: list[tuple[str, Any]] = []
        for template, answer in zip(batch.templates, found, strict=True):
            if template not in seen and len(cases) < _TEMPLATES_EACH:
                seen.add(template)
                cases.append((template, answer))
        line = {"document": batch.document, "cases": cases}
        lines.append(json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n")
    text = "".join(lines).encode("utf-8")
    FIXTURE.write_bytes(gzip.compress(text, compresslevel=9, mtime=0))
    print(f"{len(seen)} answers, {FIXTURE.stat().st_size:,} bytes")
    return 0


def _jar() -> Path:
    repository = Path(os.environ.get("MAVEN_REPO", Path.home() / ".m2" / "repository"))
    folder = repository / "org" / "conductoross" / "conductor-server" / _VERSION
    return folder / f"conductor-server-{_VERSION}-boot.jar"


def _java() -> Path | None:
    homes = [Path(home) for home in (os.environ.get("JAVA_HOME"),) if home]
    for home in (*homes, *sorted(Path("/usr/lib/jvm").glob("*"))):
        java = home / "bin" / "java"
        if not java.is_file() or not (home / "bin" / "javac").is_file():
            continue
        said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False)
        version = re.search(r'version "(\d+)', said.stderr)
        if version is not None and int(version[1]) >= _OLDEST_JAVA:
            return java
    return None


if __name__ == "__main__":
    sys.exit(_record())
