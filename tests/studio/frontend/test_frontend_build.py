"""The committed modules of the front end: built from the sources beside them, and tested."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
from pathlib import Path

import pytest

FRONTEND = Path(__file__).resolve().parents[3] / "studio" / "frontend"
TOKENS = FRONTEND.parents[1] / "assets" / "tokens.css"
HELLO = FRONTEND.parent / "views" / "browser" / "hello.js"
NODE = shutil.which("node")
INSTALLED = (FRONTEND / "node_modules" / "esbuild").is_dir()

needs_build = pytest.mark.skipif(
    NODE is None or not INSTALLED,
    reason="needs node and `npm ci` in studio/frontend; users of the studio need neither",
)


def node(*arguments: str) -> subprocess.CompletedProcess[str]:
    assert NODE is not None
    return subprocess.run(
        [NODE, *arguments], cwd=FRONTEND, capture_output=True, text=True, timeout=100, check=False
    )


def source_hash() -> str:
    """The hash that build.mjs writes: names and contents of all it builds from."""
    digest = hashlib.sha256()
    names = sorted(
        path.relative_to(FRONTEND).as_posix()
        for path in (FRONTEND / "src").rglob("*")
        if path.is_file()
    )
    for name in [*names, "build.mjs", "package-lock.json"]:
        digest.update(name.encode() + b"\0" + (FRONTEND / name).read_bytes() + b"\0")
    for path in (TOKENS, HELLO):
        digest.update(path.name.encode() + b"\0" + path.read_bytes() + b"\0")
    return digest.hexdigest()


def test_the_committed_modules_were_built_from_these_sources() -> None:
    recorded = (FRONTEND / "dist" / "source.sha256").read_text().strip()
    assert recorded == source_hash(), "run `npm run build` in studio/frontend and commit dist/"


@needs_build
def test_building_again_gives_the_same_bytes(tmp_path: Path) -> None:
    done = node("build.mjs", "--out", str(tmp_path))
    assert done.returncode == 0, done.stderr
    committed = {p.name: p.read_bytes() for p in (FRONTEND / "dist").iterdir()}
    assert {p.name for p in tmp_path.iterdir()} == set(committed)
    for name, content in committed.items():
        assert (tmp_path / name).read_bytes() == content, name


@needs_build
@pytest.mark.slow
def test_the_unit_tests_of_the_front_end_pass() -> None:
    built = node("build.mjs", "--tests")
    assert built.returncode == 0, built.stderr
    tests = sorted((FRONTEND / "node_modules" / ".test").glob("*.test.mjs"))
    assert tests
    done = node("--test", *(os.fspath(test) for test in tests))
    assert done.returncode == 0, done.stdout[-4000:]


@needs_build
@pytest.mark.slow
def test_the_sources_are_typed() -> None:
    done = node("node_modules/typescript/bin/tsc", "--noEmit")
    assert done.returncode == 0, done.stdout[-4000:]
