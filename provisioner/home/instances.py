"""Instance files: the desired side of one onboarding. Small, without secrets, made for a git repository."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.disk import files
from provisioner.errors import InputFault
from provisioner.model.identifiers import Address, AppId, TenantId
from provisioner.playbook import yaml_text

FORMAT = 1


@dataclass(frozen=True)
class InstanceFile:
    """What was asked for, and the application ids once they are known."""

    playbook: str
    variant: str
    instance: str
    parameters: tuple[tuple[str, str], ...]
    sink: str
    applications: tuple[tuple[Address, AppId], ...]
    found: tuple[Address, ...] = ()
    """What hung on an adopted application when it was adopted, things and items of things: `remove` leaves it."""
    moving_to: str | None = None
    """The variant that `migrate` has begun to move it to."""
    earlier: tuple[tuple[tuple[str, str], ...], ...] = ()
    """Parameters of earlier runs in this variant, of which something may still be there: nobody else remembers it."""
    tenant_id: TenantId | None = None
    """The tenant that it was made in: the folder's name may come to mean another. None in files of earlier versions."""

    def asking(self, parameters: tuple[tuple[str, str], ...], sink: str, *, variant: str | None = None) -> InstanceFile:
        """The same with other parameters and another place for secrets, and in another variant if one is named."""
        moved = variant is not None and variant != self.variant
        before = () if moved else (*self.earlier, self.parameters)
        earlier = tuple(each for each in dict.fromkeys(before) if each != parameters)
        return replace(self, parameters=parameters, sink=sink, variant=variant or self.variant, earlier=earlier)

    def with_application(self, address: Address, app_id: AppId) -> InstanceFile:
        """The same with one application's id noted."""
        return replace(self, applications=tuple(sorted({**dict(self.applications), address: app_id}.items())))


class Instances:
    """All instance files, one folder per tenant."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def path(self, tenant: str, playbook: str, instance: str) -> Path:
        """Where one instance file lies."""
        return self._root / tenant / f"{playbook.replace('/', '.')}.{instance}.yaml"

    def load(self, tenant: str, playbook: str, instance: str, tenant_id: TenantId | None = None) -> InstanceFile | None:
        """One instance file, or None. `tenant_id` is what the tenant's name means now; a file without one takes it.

        Raises InputFault where a person has broken it, and where it was made in another tenant.
        """
        return self._read(self.path(tenant, playbook, instance), tenant_id)

    def of(self, tenant: str, tenant_id: TenantId | None = None) -> tuple[InstanceFile, ...]:
        """All instance files of a tenant, by name.

        One that is broken or another tenant's is left out: whoever works with it is told.
        """
        folder = self._root / tenant
        found = []
        for path in sorted(folder.glob("*.yaml")) if folder.is_dir() else ():
            with suppress(InputFault):
                one = self._read(path, tenant_id)
                found += [] if one is None else [one]
        return tuple(found)

    def _read(self, path: Path, tenant_id: TenantId | None) -> InstanceFile | None:
        with files.named_faults("home", path):
            files.check_unwritable("home", self._root.parent, self._root, path.parent, path)
            data = files.read(path)
        if data is None:
            return None
        found = _parse(data.decode("utf-8", "replace"), str(path))
        if tenant_id is None:
            return found
        if found.tenant_id not in (None, tenant_id):
            raise InputFault(
                f"{path} was made in tenant {found.tenant_id}, but {path.parent.name} is now tenant {tenant_id}",
                advice="list this tenant under another name (`provisioner tenants add`), or move the file away",
            )
        return replace(found, tenant_id=tenant_id)

    def save(self, tenant: str, instance: InstanceFile) -> None:
        """Write it, if it differs from what is there. Only for the holder of the onboarding's lock."""
        path = self.path(tenant, instance.playbook, instance.instance)
        content: dict[str, yaml_text.Plain] = {
            "format": FORMAT,
            "playbook": instance.playbook,
            "variant": instance.variant,
            "instance": instance.instance,
            **({"tenantId": str(instance.tenant_id)} if instance.tenant_id is not None else {}),
            "sink": instance.sink,
            "parameters": dict(instance.parameters),
            "applications": {str(address): str(app_id) for address, app_id in instance.applications},
        }
        if instance.found:
            content["found"] = [str(each) for each in instance.found]
        if instance.moving_to is not None:
            content["moving_to"] = instance.moving_to
        if instance.earlier:
            content["earlier"] = [dict(each) for each in instance.earlier]
        text = yaml_text.dump(content).encode()
        with files.named_faults("home", path):
            files.make_directory(path.parent)
            files.clear_leftovers(path)
            if files.read(path) != text:
                files.replace(path, text)

    def forget(self, tenant: str, playbook: str, instance: str) -> None:
        """Remove it; a missing one is fine."""
        path = self.path(tenant, playbook, instance)
        with files.named_faults("home", path):
            if path.parent.is_dir():
                files.remove(path)


def _parse(text: str, file_name: str) -> InstanceFile:
    document = yaml_text.read_document(text, file_name)
    data = document.data if isinstance(document.data, dict) else {}
    faults = []
    if data.get("format", FORMAT) != FORMAT:
        faults.append(document.fault(("format",), f"its format must be {FORMAT}; a newer one needs a newer version"))
    faults += [
        document.fault((name,), f"{name} must be there, as a text")
        for name in ("playbook", "variant", "instance", "sink")
        if not isinstance(data.get(name), str)
    ]
    for name in ("parameters", "applications"):
        listed = data.get(name)
        if not isinstance(listed, dict | None):
            faults.append(document.fault((name,), f"{name} must be a list of `name: value`"))
        for key, value in listed.items() if isinstance(listed, dict) else ():
            if isinstance(value, dict | list):
                faults.append(document.fault((name, key), f"{key} must be one value"))
    listed = data.get("found")
    found = listed if isinstance(listed, list) else []
    if not isinstance(listed, list | None) or any(isinstance(each, dict | list) for each in found):
        faults.append(document.fault(("found",), "found must be a list of addresses"))
    listed = data.get("earlier")
    earlier = listed if isinstance(listed, list) else []
    if not isinstance(listed, list | None) or any(
        not isinstance(each, dict) or any(isinstance(value, dict | list) for value in each.values()) for each in earlier
    ):
        faults.append(document.fault(("earlier",), "earlier must be a list of parameters, each set `name: value`"))
    moving_to = data.get("moving_to")
    if not isinstance(moving_to, str | None):
        faults.append(document.fault(("moving_to",), "moving_to must be the name of a variant"))
    tenant_id = data.get("tenantId")
    if not isinstance(tenant_id, str | None) or tenant_id == "":
        faults.append(document.fault(("tenantId",), "tenantId must be the directory id of the tenant, as a text"))
    if faults:
        raise InputFault(
            "a faulty instance file",
            tuple(faults),
            advice="restore it from your repository, or delete it and run the command again with its parameters",
        )
    return InstanceFile(
        playbook=str(data["playbook"]),
        variant=str(data["variant"]),
        instance=str(data["instance"]),
        parameters=_pairs(data.get("parameters")),
        sink=str(data["sink"]),
        applications=tuple((Address(address), AppId(app_id)) for address, app_id in _pairs(data.get("applications"))),
        found=tuple(Address(str(each)) for each in found),
        moving_to=moving_to if isinstance(moving_to, str) else None,
        earlier=tuple(_pairs(each) for each in earlier),
        tenant_id=TenantId(tenant_id.lower()) if isinstance(tenant_id, str) else None,
    )


def _pairs(listed: object) -> tuple[tuple[str, str], ...]:
    """Names and values as texts, sorted; what is null was not given."""
    pairs = listed.items() if isinstance(listed, dict) else ()
    return tuple(sorted((str(name), str(value)) for name, value in pairs if value is not None))
