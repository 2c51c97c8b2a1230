"""From `--tenant` to a tenant: the inventory's, or the sandbox, which is started where none runs.

`sandbox` may be followed by a caller and a driver: `sandbox:cloud-application-administrator`, `sandbox:rest`,
`sandbox:exchange-administrator,jea`. It stays one tenant.
"""

from __future__ import annotations

from provisioner.errors import InputFault
from provisioner.home import Home
from provisioner.model.tenant import Tenant

SANDBOX = "sandbox"


def find_tenant(name: str, home: Home) -> Tenant:
    """The tenant of that name. Raises InputFault with the nearest names."""
    if name == SANDBOX or name.startswith(f"{SANDBOX}:"):
        from provisioner.cli import sandbox_process

        return sandbox_process.tenant(home.root / SANDBOX, name.partition(":")[2])
    found = home.inventory.find(name)
    if found is not None:
        return found
    import difflib

    names = [SANDBOX, *(each.name for each in home.inventory.tenants())]
    near = difflib.get_close_matches(name, names, n=3)
    raise InputFault(
        f"there is no tenant {name!r}" + (f"; did you mean {' or '.join(near)}?" if near else ""),
        advice="list them: `provisioner tenants list`; add one: `provisioner tenants add`",
    )
