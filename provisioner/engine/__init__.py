"""From declared to done: observe, plan, apply. Order, gates and convergence live here; the deeds live in resources/."""

from __future__ import annotations

from provisioner.engine.applying import carry_out
from provisioner.engine.observing import Observation, observe
from provisioner.engine.planning import planned, removal_planned

__all__ = ["Observation", "carry_out", "observe", "planned", "removal_planned"]
