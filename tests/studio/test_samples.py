"""The samples that come with the studio do what their sentences promise."""

from __future__ import annotations

import socket
import sys
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from engine import Engine, Execution
from engine.core.events import HistoryEvent
from engine.errors import ConflictError, InvalidRequestError
from engine.functions import DEFAULT_REGISTRY, FunctionRegistry
from studio import samples
from studio.sample_services import SampleService

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def shop() -> Iterator[Engine]:
    with Engine(functions=FunctionRegistry()) as engine:
        yield engine


@pytest.fixture(scope="module")
def runs(shop: Engine) -> dict[str, Execution]:
    """All samples at once: each takes its time."""
    return {name: shop.execution(samples.start(shop, name)) for name in samples.SAMPLES}


def wait_until_asked(engine: Engine, run: Execution) -> None:
    """Wait until the refund waits for its person."""
    asked = threading.Event()

    def listen(events: list[HistoryEvent]) -> None:
        if any(event.path.endswith("/approve_refund") for event in events):
            asked.set()

    subscription = engine.service.subscribe(listen, run.workflow_id)
    try:
        if run.workflow().task("approve_refund") is None:
            assert asked.wait(20)
    finally:
        subscription.close()


@pytest.fixture(scope="module")
def failed(runs: dict[str, Execution]) -> Execution:
    return runs["order_flow"].wait(40)


def test_order_flow_fails_at_line_37_with_a_negative_amount(failed):
    chain = failed.why().report.chains[0]
    assert [(chip.label, chip.note) for chip in chain.chips] == [
        ("order_flow", ""),
        ("fulfil", "sub-workflow"),
        ("iteration 37", "of 120"),
        ("charge_card", "attempt 3 of 3"),
        ("ValueError: amount is negative", ""),
    ]
    frame = chain.cause.frames[-1]
    assert frame["file"].endswith("payments.py")
    assert frame["function"] == "charge_card"
    assert 'raise ValueError("amount is negative")' in dict(frame["source"])[frame["line"]]


def test_cause_of_order_flow_is_found_in_the_start_form(failed):
    charge = failed["charge_card", 37]
    assert charge.input["amount"] == -12.5
    hops = list(charge.origin("amount"))
    assert [(hop["what"], hop["value"]) for hop in hops[:3]] == [
        ("charge_card input.amount", -12.5),
        ("price returned total", -12.5),
        ("discount returned rate", 1.4),
    ]
    assert hops[2]["expression"] == "${workflow.input.coupon}"
    assert hops[-1]["what"] == "start input, coupon"
    assert hops[-1]["value"] == "SPRING140"
    assert hops[-1]["note"] == "from the sample order_flow"


def test_order_flow_shows_an_optional_failure_and_what_never_ran(failed):
    why = failed.why()
    assert failed["geo_tax"].attempt == 3
    roles = {row["task"]: row["role"] for row in why.rows}
    assert roles["geo_tax"] == "optional"
    assert roles["record_line"] == roles["parcel_sent"] == "consequence"
    assert why.report.independent == 0


def test_order_flow_replayed_with_a_good_amount_charges_every_line(failed):
    branch = failed.replay_from("charge_card", 37, set={"amount": 26.88}).go().wait(40)
    assert branch.output["lines_charged"] == 120
    assert failed.status == "FAILED"


def test_order_flow_ok_ends_well(runs):
    run = runs["order_flow_ok"].wait(40)
    assert run.status == "COMPLETED"
    assert run.output == {"lines_charged": 120, "warehouse": "Graz"}
    assert run["discount", 37].output == {"rate": 0.14}


def test_refund_flow_retries_once_then_waits_for_a_person(shop, runs):
    run = runs["refund_flow"]
    wait_until_asked(shop, run)
    assert run["find_payment"].attempt == 2
    assert run["approve_refund"].status == "IN_PROGRESS"
    shop.client.update_task_by_reference(
        run.workflow_id, "approve_refund", "COMPLETED", {"approved_by": "ana"}
    )
    assert run.wait(10).output == {"sent": 24.3}
    assert run["transfer"].output["approved_by"] == "ana"


def test_samples_leave_the_default_registry_alone(runs):
    assert not [name for name in DEFAULT_REGISTRY.names() if name.startswith("sample_")]
    assert "conductor_studio_sample_payments" in sys.modules


def test_every_sample_tells_what_it_is(shop):
    assert samples.samples_for(shop).names() == ["order_flow", "order_flow_ok", "refund_flow"]
    for sample in samples.SAMPLES.values():
        assert sample.title
        assert sample.sentence.endswith(".")
        assert sample.shows.endswith(".")
        compile(sample.notebook_lines, sample.name, "exec")


def test_unknown_sample_is_refused_with_the_names_there_are(shop):
    with pytest.raises(InvalidRequestError, match="order_flow_ok"):
        samples.start(shop, "no_such_sample")


def test_sample_never_replaces_a_workflow_of_the_user():
    mine = {
        "name": "refund_flow",
        "version": 1,
        "tasks": [{"name": "pay", "taskReferenceName": "pay", "type": "SIMPLE"}],
    }
    with Engine(threads=0) as engine:
        engine.client.register_workflow_def(mine)
        with pytest.raises(ConflictError, match="'refund_flow' version 1 of your own"):
            samples.start(engine, "refund_flow")
        assert engine.client.workflow_def("refund_flow").tasks[0].name == "pay"


def test_refund_that_waits_can_be_approved_after_a_restart(tmp_path):
    with Engine(tmp_path / "shop.duckdb", functions=FunctionRegistry()) as engine:
        run = engine.execution(samples.start(engine, "refund_flow"))
    with Engine(tmp_path / "shop.duckdb", functions=FunctionRegistry()) as engine:
        samples.samples_for(engine)
        run = engine.execution(run.workflow_id)
        wait_until_asked(engine, run)
        engine.client.update_task_by_reference(run.workflow_id, "approve_refund", "COMPLETED")
        assert run.wait(10).status == "COMPLETED"


def test_web_service_of_the_samples_takes_another_port_when_its_own_is_taken():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        service = SampleService(port)
        assert service.url != f"http://127.0.0.1:{port}"
        with pytest.raises(urllib.error.HTTPError, match="504") as late:
            urllib.request.urlopen(f"{service.url}/tax")
        late.value.close()
        service.close()
        service.close()
