"""Secrets that are planted or overheard must be in no byte that is written but the sink's."""

from __future__ import annotations
