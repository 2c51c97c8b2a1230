"""Time and patience: the only place that sleeps, and the only place that decides whether to try again.

Decisions go by meaning, never by luck: throttled means wait as told, not yet replicated is believed only of things
we just wrote, and a write whose outcome is unknown is looked at before it is ever repeated.
"""

from __future__ import annotations

from provisioner.pace.clock import Clock, Deadline, SystemClock
from provisioner.pace.verdict import Verdict, classify

__all__ = ["Clock", "Deadline", "SystemClock", "Verdict", "classify"]
