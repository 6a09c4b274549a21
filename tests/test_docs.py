"""What the documents say is true: code blocks run, named files exist, every task type is listed."""

from __future__ import annotations

import re
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", README, re.S)


def run(code: str, folder: Path) -> str:
    """Output of a Python program run in a folder of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def block(word: str) -> str:
    """The README's Python block that contains a word."""
    return next(code for code in BLOCKS if word in code)


def test_ten_lines_of_python_run_as_printed(tmp_path: Path) -> None:
    # A function needs a file for its source; the README's reader has one.
    (tmp_path / "quote.py").write_text(block("engine.Engine"))

    output = run("import runpy; runpy.run_path('quote.py')", tmp_path)

    assert output.split() == ["COMPLETED", "{'total':", "28.5}"]


def test_questions_about_an_execution_run_as_printed(tmp_path: Path) -> None:
    asked = textwrap.indent(block("replay_from"), "    ")
    (tmp_path / "quote.py").write_text(block("engine.Engine") + asked)

    output = run("import runpy; runpy.run_path('quote.py')", tmp_path)

    assert "Nothing failed." in output
    assert "start input, quantity" in output
    assert output.splitlines()[-1] == "{'total': 38.0}"


def test_worker_snippet_compiles_and_names_what_the_sdk_has() -> None:
    snippet = block("conductor.client")
    compile(snippet, "README.md", "exec")
    imports = "\n".join(line for line in snippet.splitlines() if line.startswith("from "))
    done = subprocess.run(
        [sys.executable, "-c", imports], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr


def test_question_to_the_history_runs_as_printed(tmp_path: Path) -> None:
    # The block before it in the README has made the database: conductor-studio --db orders.duckdb.
    made = "import engine\nengine.Engine('orders.duckdb').close()\n"
    run(made + block("query_frame"), tmp_path)


def test_every_promise_names_tests_that_exist() -> None:
    section = README.split("## What the engine promises", 1)[1].split("\n## ", 1)[0]
    rows = [row.split(" | ") for row in section.splitlines() if row.startswith("| ")][1:]
    assert len(rows) == 5
    for promise, proof in rows:
        named = re.findall(r"`([^`]+\.py)::(\w+)`", proof)
        assert named, f"no test is named for: {promise}"
        for file, test in named:
            text = (ROOT / file).read_text()
            found = re.search(rf"((?:@[^\n]*\n)*)def {test}\(", text)
            assert found, f"{file} has no {test}"
            marked = "pytest.mark.long" in found[1]
            assert not marked, f"{test} is left out of `make test`"


def test_extending_runs_as_printed(tmp_path: Path) -> None:
    text = (ROOT / "engine" / "EXTENDING.md").read_text()
    code = "\n".join(re.findall(r"```python\n(.*?)```", text, re.S))
    (tmp_path / "extending.py").write_text(code)

    output = run("import runpy; runpy.run_path('extending.py')", tmp_path)

    assert output.splitlines() == [
        "{'number': 'R-o7', 'paid': True}",
        "to kitchen/light 3",
        "COMPLETED",
        "workflow.completed watched COMPLETED",
    ]


def test_the_reference_of_task_types_is_what_they_say_of_themselves() -> None:
    from engine.core.tasks.reference import reference

    assert (ROOT / "engine/core/tasks/README.md").read_text() == reference()


@pytest.mark.parametrize(
    "name", ["README.md", "ARCHITECTURE.md", "DECISIONS.md", "engine/EXTENDING.md"]
)
def test_files_that_a_document_names_exist(name: str) -> None:
    text = (ROOT / name).read_text()
    named = re.findall(r"`((?:engine|studio|assets|notebooks|tests)/[\w./]+\.\w+)`", text)
    links = [target for target in re.findall(r"\]\(([\w./-]+)\)", text) if ":" not in target]
    missing = [path for path in named if not (ROOT / path).exists()]
    missing += [path for path in links if not ((ROOT / name).parent / path).exists()]

    assert missing == []


def test_every_task_type_is_in_the_change_log() -> None:
    from engine.core.tasks.registry import TASK_TYPES

    log = (ROOT / "CHANGELOG.md").read_text()

    assert [name for name in TASK_TYPES if name not in log] == []
