"""From declared to done: observe, plan, apply. Order, gates and convergence live here; the deeds live in resources/."""

from __future__ import annotations

from provisioner.engine.applying import carry_out, outcome_of
from provisioner.engine.observing import Observation, observe
from provisioner.engine.planning import planned, removal_planned, superseded_planned
from provisioner.engine.scripting import Recorded, is_for_script, record, record_removal

__all__ = [
    "Observation",
    "Recorded",
    "carry_out",
    "is_for_script",
    "observe",
    "outcome_of",
    "planned",
    "record",
    "record_removal",
    "removal_planned",
    "superseded_planned",
]
