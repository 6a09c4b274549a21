"""Runs the scripts of definitions, JavaScript, jq and Python, where they can do no harm."""

from __future__ import annotations

from .constants import wants_truth
from .errors import EvaluationError, EvaluatorCrashed, ExpressionError, ExpressionTimeout
from .pool import EvaluatorPool

__all__ = [
    "EvaluationError",
    "EvaluatorCrashed",
    "EvaluatorPool",
    "ExpressionError",
    "ExpressionTimeout",
    "wants_truth",
]
