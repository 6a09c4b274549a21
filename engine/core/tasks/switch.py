"""SWITCH and the older DECISION: one of several branches, chosen while the task is mapped."""

from __future__ import annotations

from typing import Any

from ...models.codec import payload_hash
from ...models.enums import TaskStatus
from ..definition import Node
from ..events import EventKind
from ..expressions import java_text, text_where_alone
from ..mapping import map_first
from ..turn import Draft, Placement, Terminate, Turn
from .base import TaskType


class SwitchTask(TaskType):
    """Chooses a branch by an input key (``value-param``) or a script (``javascript``)."""

    name = "SWITCH"
    summary = "Choose one branch by a value or a script."
    output = "`evaluationResult` (a list with the chosen case) and `selectedCase`."
    keys = {
        "evaluatorType": "`value-param`, `javascript`, `graaljs` or `python`.",
        "expression": "Name of an input key, or a script over the input.",
        "decisionCases": "Branches by the text of the value.",
        "defaultCase": "The branch when no case fits.",
    }
    auto_retry = False
    knows_task_id = False
    initial_status = TaskStatus.COMPLETED
    revisits = False

    def definition_name(self, node: Node) -> str:
        """Conductor shows the type here, not the node's name."""
        return self.name

    def schedule(self, turn: Turn, node: Node, place: Placement) -> list[Draft]:
        """Choose, then draft the record together with the first task of its branch."""
        draft = self.draft(turn, node, place)
        value = self.select(turn, draft)
        if draft.data["status"] != TaskStatus.COMPLETED:
            return [draft]
        case = java_text(value)
        branch = self.branch_of(node, case)
        children = map_first(turn, branch, place)
        chosen_input = {**self.shown_input(draft), "case": case}
        if branch:
            chosen_input["hasChildren"] = "true"
        draft.data["input"] = chosen_input
        draft.data["output"] = self.chosen_output(case)
        draft.after.append(
            (
                EventKind.BRANCH_CHOSEN,
                {"case": case, "expression": self.expression(node), "has_children": bool(branch)},
            )
        )
        return [draft, *children]

    def expression(self, node: Node) -> str:
        """The text that chooses, for people."""
        return node.wire.get("expression") or ""

    def shown_input(self, draft: Draft) -> dict[str, Any]:
        """What of the resolved input stays on the record."""
        return dict(draft.data.get("input") or {})

    def chosen_output(self, case: str) -> dict[str, Any]:
        """The record's output."""
        return {"evaluationResult": [case], "selectedCase": case}

    def branch_of(self, node: Node, case: str) -> list[Node]:
        """A matching case counts even when it is empty."""
        return node.cases.get(case, node.default_case)

    def select(self, turn: Turn, draft: Draft) -> Any:
        """The value that chooses; a script's error fails the record."""
        node = draft.node
        evaluator = node.wire.get("evaluatorType") or ""
        source = node.wire.get("expression") or ""
        value = draft.data.get("input") or {}
        if evaluator == "value-param":
            return _chosen(node, value, source)
        if evaluator not in ("javascript", "graaljs", "python"):
            raise Terminate(f"No evaluator registered for type: {evaluator}")
        outcome = _outcome(turn, draft, evaluator, source, value)
        if "error" in outcome:
            draft.data["status"] = str(TaskStatus.FAILED)
            draft.data["reason"] = outcome["error"]["message"]
            return None
        return outcome.get("result")


class DecisionTask(SwitchTask):
    """Conductor's older SWITCH: ``caseValueParam`` or ``caseExpression``."""

    name = "DECISION"
    summary = "Choose one branch by an input key or a script (older form of SWITCH)."
    output = "`caseOutput`: a list with the chosen case."
    keys = {
        "caseValueParam": "Name of the input key that chooses.",
        "caseExpression": "JavaScript that chooses, instead.",
        "decisionCases": "Branches by the text of the value.",
        "defaultCase": "The branch when no case fits, or the one that fits is empty.",
    }

    def expression(self, node: Node) -> str:
        """The key or the script that chooses."""
        return node.wire.get("caseExpression") or node.wire.get("caseValueParam") or ""

    def shown_input(self, draft: Draft) -> dict[str, Any]:
        """DECISION records hide their input parameters."""
        return {}

    def chosen_output(self, case: str) -> dict[str, Any]:
        """The record's output."""
        return {"caseOutput": [case]}

    def branch_of(self, node: Node, case: str) -> list[Node]:
        """An empty case falls back to the default, unlike in SWITCH."""
        return node.cases.get(case) or node.default_case

    def select(self, turn: Turn, draft: Draft) -> Any:
        """The value that chooses; a script's error ends the execution."""
        node = draft.node
        value = draft.data.get("input") or {}
        source = node.wire.get("caseExpression")
        if not source:
            return _chosen(node, value, node.wire.get("caseValueParam") or "")
        outcome = _outcome(turn, draft, "javascript", source, value)
        if "error" in outcome:
            raise Terminate(f"Error while evaluating script: {source}")
        return outcome.get("result")


def _chosen(node: Node, value: dict[str, Any], key: str) -> str:
    """The text of the input key that chooses."""
    return text_where_alone(node.input_parameters.get(key), value.get(key))


def _outcome(
    turn: Turn, draft: Draft, evaluator: str, source: str, value: dict[str, Any]
) -> dict[str, Any]:
    """The outcome of the script that chooses; the record to come takes it up.

    There is no record yet whose id could name the script. The input does: while it is the same,
    whatever else goes on in the execution, so is the choice.
    """
    key = f"case:{draft.reference}:{draft.retry_count}:{payload_hash(value)[:12]}"
    outcome = turn.evaluation(key, evaluator, source, value, draft.path)
    draft.data["evaluation"] = key
    return outcome
