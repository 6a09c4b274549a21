"""The worker functions of the sample ``refund_flow``: money goes back once a person agrees."""

from __future__ import annotations

import time
from typing import Any

from engine import TaskContext, task


@task("sample_find_payment", retry_count=3, retry_delay_seconds=1)
def find_payment(order_id: str, context: TaskContext) -> dict[str, Any]:
    """Find what was paid for an order. The bank's line is busy at the first attempt."""
    time.sleep(0.12)
    if context.attempt == 1:
        raise ConnectionError("the bank's line is busy")
    context.log(f"{order_id}: found at attempt {context.attempt}")
    return {"iban": "AT61 1904 3002 3457 3201", "paid": 48.6}


@task("sample_transfer")
def transfer(iban: str, amount: float, approved_by: str | None = None) -> dict[str, Any]:
    """Send the money back."""
    time.sleep(0.2)
    return {"sent": amount, "iban": iban, "approved_by": approved_by or "nobody named"}
