"""The reader of PowerShell lies where it was first needed."""

from __future__ import annotations

import sys
from pathlib import Path

PLACE = str(Path(__file__).parents[2] / "unit" / "exchange")
if PLACE not in sys.path:
    sys.path.insert(0, PLACE)
