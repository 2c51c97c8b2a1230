"""What the program costs, measured: `python -m tests.benchmarks`. Whole processes, not timed tests.

Times on a shared machine mean little alone, so each job is run by turns with a floor (`floor.py`), and processor time
stands beside wall time. Only counts are asserted (`test_trips.py`). Needs a POSIX system.
"""

from __future__ import annotations
