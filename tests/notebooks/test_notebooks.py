"""Every notebook runs from top to bottom and shows what it promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"
LONGEST_CELL_LINES = 12

pytestmark = pytest.mark.slow


def run(name: str) -> list[Any]:
    """Outputs of the code cells, each a list of media types to data."""
    notebook = nbformat.read(NOTEBOOKS / name, as_version=4)
    client = NotebookClient(
        notebook, timeout=60, kernel_name="python3", resources={"metadata": {"path": NOTEBOOKS}}
    )
    client.execute()
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def shown(cells: list[Any], line: str) -> dict[str, str]:
    """What the cell that holds a line shows last."""
    cell = next(cell for cell in cells if line in cell.source)
    return cell.outputs[-1]["data"]


@pytest.mark.parametrize("file", sorted(NOTEBOOKS.glob("*.ipynb")), ids=lambda file: file.stem)
def test_notebook_is_stored_without_outputs_and_with_short_cells(file: Path):
    notebook = nbformat.read(file, as_version=4)
    nbformat.validate(notebook)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            assert cell.outputs == []
            assert len(cell.source.splitlines()) <= LONGEST_CELL_LINES


def test_first_flow_runs_and_explains_its_failure():
    cells = run("01_first_flow.ipynb")
    assert shown(cells, "flow = engine")["image/svg+xml"].startswith("<svg")
    assert "'charged': 26.88" in shown(cells, 'SPRING14"')["text/plain"]
    run_cell = shown(cells, "run = shop.execution")
    assert "first_flow" in run_cell["text/plain"]
    # Live, by Panel, and not only a picture of the moment.
    assert "application/vnd.holoviews_exec.v0+json" in run_cell
    assert "ValueError: amount is negative" in shown(cells, "run.why()")["text/html"]
    origin = shown(cells, ".origin(")["text/plain"]
    assert [line.split()[1] for line in origin.splitlines()[1:4]] == [
        "charge_card",
        "price",
        "discount",
    ]
    assert "12.5" in shown(cells, "plan = ")["text/html"]
    assert "COMPLETED" in shown(cells, "plan.go()")["text/plain"]
    frame = shown(cells, "from executions")["text/plain"]
    assert "SPRING140" in frame
    assert "charge_card" in frame
    assert "attempts" in shown(cells, "from tasks")["text/plain"]
    assert "Empty" not in shown(cells, "from tasks")["text/plain"]
