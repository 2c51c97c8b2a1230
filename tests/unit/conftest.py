"""Doubles that several rooms' tests share lie where they were first needed."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
for room in ("pace", "graph", "workflows"):
    if str(HERE / room) not in sys.path:
        sys.path.insert(0, str(HERE / room))
