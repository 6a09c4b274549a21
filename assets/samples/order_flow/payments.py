"""The worker functions of the sample ``order_flow``: a small tea shop that charges line by line.

Each function is a task. Its arguments are the task's inputs, what it returns is the task's
output, and what it raises is the task's failure. The short pauses stand for the shop's database
and bank, so that there is something to see on the timeline.

The workflows are ``order_flow.json`` and ``fulfil.json`` beside this file.
"""

from __future__ import annotations

import re
import time
from typing import Any

from engine import TaskContext, task

BANK_SECONDS = 0.04
CAMPAIGN = {"SPRING": {"TEA-250"}}
"""Which articles a campaign makes cheaper."""


@task("sample_validate_order")
def validate_order(order_id: str, lines: list[dict[str, Any]]) -> dict[str, Any]:
    """Look the order over before anything is spent on it."""
    time.sleep(0.08)
    if not lines:
        raise ValueError(f"order {order_id} has no lines")
    return {"line_count": len(lines), "pieces": sum(line["quantity"] for line in lines)}


@task("sample_reserve_stock")
def reserve_stock(order_id: str, lines: list[dict[str, Any]], context: TaskContext) -> dict:
    """Put the articles aside for an hour."""
    time.sleep(0.21)
    context.log(f"{order_id}: {len(lines)} lines put aside in warehouse Graz")
    return {"warehouse": "Graz", "reserved": len(lines)}


@task("sample_discount")
def discount(line: dict[str, Any], rate_code: str | None = None) -> dict[str, Any]:
    """Find the rate of a line: ``SPRING14`` takes 14 % off what the spring campaign covers."""
    time.sleep(0.006)
    campaign, percent = _read_coupon(rate_code)
    covered = line["sku"] in CAMPAIGN.get(campaign, ())
    return {"rate": percent / 100 if covered else 0.0}


@task("sample_price")
def price(line: dict[str, Any], off_total: float) -> dict[str, Any]:
    """Work out what a line costs, ``off_total`` being the share that is taken off."""
    time.sleep(0.008)
    full = line["quantity"] * line["price"]
    return {"full": round(full, 2), "total": round(full * (1 - off_total), 2)}


def _read_coupon(text: str | None) -> tuple[str, int]:
    """Campaign and percentage of a coupon; an empty one for what is no coupon."""
    found = re.fullmatch(r"([A-Z]+)(\d+)", (text or "").strip().upper())
    return (found[1], int(found[2])) if found else ("", 0)


@task("sample_charge_card", retry_count=2, retry_delay_seconds=2, response_timeout_seconds=60)
def charge_card(
    order_id: str,
    line: dict[str, Any],
    amount: float,
    currency: str,
    card_token: str,
    context: TaskContext,
) -> dict[str, Any]:
    """Charge one line of an order.

    Args:
        amount: What the line costs, in ``currency``.
        card_token: What the bank gave the shop for the card; the card's number stays there.

    Returns:
        The bank's receipt and what was charged.

    Raises:
        ValueError: The amount is negative. A bank would book that as a payment to the customer.
    """
    context.log(f"{order_id} {line['sku']}: {amount:.2f} {currency}, attempt {context.attempt}")
    time.sleep(BANK_SECONDS)
    if amount < 0:
        raise ValueError("amount is negative")
    return {"receipt": f"{order_id}-{context.iteration:03}", "charged": amount}


@task("sample_record_line")
def record_line(order_id: str, sku: str, receipt: str) -> dict[str, Any]:
    """Write a charged line into the books."""
    time.sleep(0.005)
    return {"booked": f"{order_id}/{sku}", "receipt": receipt}
