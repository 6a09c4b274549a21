"""Searching executions and tasks: Conductor's query grammar, compiled to parameterised SQL."""

from .fields import CLASSIFIER
from .pages import SearchPages

__all__ = ["CLASSIFIER", "SearchPages"]
