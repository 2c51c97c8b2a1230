"""One look at the tenant: every kind reads at once, and each question travels once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from provisioner.model.declared import Declared
from provisioner.model.identifiers import Address
from provisioner.model.observed import NotSeen, Organization
from provisioner.resources import kind_of
from provisioner.resources.hands import Bindings
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Observation:
    """What was seen of each declared thing, and the ids it gave."""

    seen: dict[Address, Any]
    """By address; each kind knows the type of its own."""
    bindings: Bindings
    organization: Organization | NotSeen


async def observe(resources: Sequence[Declared], sight: Sight) -> Observation:
    """Read everything a plan needs. Never writes.

    Raises what is no refusal: an unreachable service, a faulty sink. A plan from half a look would be a wrong plan.
    """
    organization, *answers = await asyncio.gather(
        sight.organization(), *(kind_of(each).read(each, sight) for each in resources)
    )
    bindings = Bindings()
    for each, answer in zip(resources, answers, strict=True):
        kind_of(each).bind(each, answer, bindings)
    seen = {each.address: answer for each, answer in zip(resources, answers, strict=True)}
    return Observation(seen, bindings, organization)
