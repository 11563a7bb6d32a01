"""Stands in the way of a package that only developers have: structlog would load it, and what loads with it."""

raise ImportError("rich is no part of an installation")
