"""Definitions and executions as graphs: ``network`` for questions, ``dot`` for pictures.

Nothing here is imported by ``import engine``: networkx and graphviz load on first use.
"""
