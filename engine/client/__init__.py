"""Clients: one set of verbs for an engine in this process and for a cluster."""

from __future__ import annotations

from .base import Capability, Client, Subscription

__all__ = ["Capability", "Client", "Subscription"]
