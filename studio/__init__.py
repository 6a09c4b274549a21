"""Conductor Studio."""
