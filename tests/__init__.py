"""All tests: `python -m pytest`."""

from __future__ import annotations
