"""The other onboardings of a tenant, as far as they share an application with one: from instance files in this home.

Reading a playbook takes time, so only those are read that can matter: whom ours is attached to, and whatever is
attached to anything.
"""

from __future__ import annotations

from provisioner import playbook
from provisioner.errors import InputFault
from provisioner.home import Home, InstanceFile
from provisioner.model.declaration import Declaration
from provisioner.model.declared import Application, ClientSecret
from provisioner.model.tenant import Tenant
from provisioner.resources.sharing import Neighbour


def neighbours_of(declaration: Declaration, tenant: Tenant, home: Home) -> tuple[Neighbour, ...]:
    """Those that share an application with a declaration. An onboarding that cannot be read is left out."""
    ours = [each for each in declaration.resources if isinstance(each, Application)]
    hosts = {each.attached_to for each in ours}
    found = []
    for instance in home.instances.of(tenant.name, tenant.tenant_id):
        itself = (instance.playbook, instance.instance) == (declaration.playbook, declaration.instance)
        if itself or instance.instance != declaration.instance:
            continue
        neighbour = _neighbour(instance, instance.playbook in hosts)
        if neighbour is not None and any(neighbour.on(each.unique_name) for each in ours):
            found.append(neighbour)
    return tuple(found)


def sink_reference(declaration: Declaration, neighbours: tuple[Neighbour, ...], asked: str) -> str:
    """Where an onboarding's secrets are: in its host's sink, where all of them are the host's."""
    secrets = [each for each in declaration.resources if isinstance(each, ClientSecret)]
    hosts = {each.attached_to for each in declaration.resources if isinstance(each, Application)}
    if not secrets or any(each.held_by is None for each in secrets):
        return asked
    return next((each.sink for each in neighbours if each.playbook in hosts), asked)


def _neighbour(instance: InstanceFile, host: bool) -> Neighbour | None:
    try:
        text, file_name = playbook.find(instance.playbook)
        if not host and "attach_to" not in text:
            return None
        book = playbook.load(text, file_name)
        values = playbook.parameters(book, dict(instance.parameters))
        declared = playbook.declare(book, variant=instance.variant, parameters=values, instance=instance.instance)
    except InputFault:
        return None  # of a playbook that is not with us, or is another by now
    return Neighbour(
        declared.playbook, declared.instance, instance.sink, tuple(instance.applications), declared.resources
    )
