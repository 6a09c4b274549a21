"""What a closed engine leaves behind: nothing that concerns the next one."""

from __future__ import annotations

from engine import Engine, task
from engine.functions import FunctionRegistry


def test_function_made_after_an_engine_was_closed_is_no_business_of_it():
    functions = FunctionRegistry()
    with Engine(functions=functions, http_tasks=False):
        pass

    @task("late", registry=functions)
    def late() -> dict:
        return {"late": True}

    with Engine(functions=functions, http_tasks=False) as engine:
        engine.client.register_workflow_def(
            {
                "name": "flow",
                "version": 1,
                "tasks": [{"name": "late", "taskReferenceName": "late", "type": "SIMPLE"}],
            }
        )
        assert engine.run("flow").output == {"late": True}
