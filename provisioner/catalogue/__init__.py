"""What is known offline about permissions: names and ids, what each opens, who can consent to it, when it ends.

Data files and pure lookups. The tenant's own service principals have the last word on ids (they differ between
clouds); this is for checking a playbook, for naming what an audit finds, and for telling a reader what he grants.
`data/SOURCES.md` says where each file comes from.
"""

from __future__ import annotations

from provisioner.catalogue.application_roles import EXCHANGE_NAME, application_roles, entra_twin
from provisioner.catalogue.permissions import CataloguedPermission, find, near_misses, risk
from provisioner.catalogue.reach import Reach, reach
from provisioner.catalogue.resources import near_resources, resource, short_name
from provisioner.catalogue.retirements import first_end, retirement
from provisioner.catalogue.roles import role_id, role_name, role_names, who_can_consent

__all__ = [
    "EXCHANGE_NAME",
    "CataloguedPermission",
    "Reach",
    "application_roles",
    "entra_twin",
    "find",
    "first_end",
    "near_misses",
    "near_resources",
    "reach",
    "resource",
    "retirement",
    "risk",
    "role_id",
    "role_name",
    "role_names",
    "short_name",
    "who_can_consent",
]
