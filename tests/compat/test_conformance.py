"""Scenarios recorded on a real Conductor server, played against this one over HTTP."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine import Engine
from engine.http_api.server import serve_api

GROUPS = (
    *("basic", "expr", "switch", "fork", "retry"),
    *("api", "metadata", "search", "schedule", "limits"),
)
UNMATCHED = frozenset({"api-orkes-routes"})
"""Knowingly not matched: decision 16."""
EVERY = 10
"""The quick test plays one scenario in so many."""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    values = {"environment": {"GOLDEN": "blue"}, "secrets": {"GOLDEN": "s3cret"}}
    with Engine(threads=0, **values) as engine, serve_api(engine.service, port=0) as server:  # type: ignore[arg-type]
        yield server.url


@pytest.fixture(scope="module")
def conformance(shared_dir: Path) -> Path:
    folder = shared_dir / "conformance"
    if not (folder / "conformance.py").is_file():
        pytest.skip("needs the recordings in 'shared/conformance' beside the repository")
    return folder


def scenarios(folder: Path) -> list[Path]:
    found = (path for group in GROUPS for path in sorted(folder.glob(f"golden/{group}-*.json")))
    return [path for path in found if path.stem not in UNMATCHED]


def play(folder: Path, url: str, files: list[Path], seconds: int) -> None:
    command = [sys.executable, str(folder / "conformance.py"), "check", "--url", url]
    done = subprocess.run(
        [*command, "--jobs", "8", *map(str, files)],
        capture_output=True,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]


def test_a_tenth_of_the_scenarios_gives_what_conductor_gave(conformance: Path, url: str) -> None:
    play(conformance, url, scenarios(conformance)[::EVERY], 100)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_every_scenario_gives_what_conductor_gave(conformance: Path, url: str) -> None:
    play(conformance, url, scenarios(conformance), 800)
