"""Who we are in a tenant, as far as the token does not say it: roles that a person holds only on call.

Privileged Identity Management leaves a role out of the token until it is activated. Who is told merely "you lack the
role" looks for somebody else, although a click and a new sign-in would do (field-notes.md 2).
"""

from __future__ import annotations

from dataclasses import replace

from provisioner.errors import ServiceFault
from provisioner.graph import Graph, directory_roles
from provisioner.model.identifiers import ObjectId
from provisioner.model.observed import Caller

NO_PIM = "AadPremiumLicenseRequired"
"""Graph's code where the tenant has no licence for it: nobody is eligible for anything there."""


async def with_eligible_roles(graph: Graph, caller: Caller) -> Caller:
    """The caller with the roles that could be activated. A read that is refused or fails means "not seen"."""
    if caller.kind != "user" or not caller.known or caller.object_id is None:
        return caller
    try:
        eligible = await directory_roles.eligible(graph, ObjectId(caller.object_id))
    except ServiceFault as error:
        without_licence = NO_PIM in (error.fault.code, *error.fault.detail_codes)
        return replace(caller, eligible_roles=frozenset() if without_licence else None)
    return replace(caller, eligible_roles=eligible - caller.directory_roles)
