"""Instance files: the desired side of one onboarding. Small, without secrets, made for a git repository."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from provisioner.disk import files
from provisioner.errors import FaultyPlace, InputFault
from provisioner.model.identifiers import Address, AppId
from provisioner.playbook import yaml_text


@dataclass(frozen=True)
class InstanceFile:
    """What was asked for, and the application ids once they are known."""

    playbook: str
    variant: str
    instance: str
    parameters: tuple[tuple[str, str], ...]
    sink: str
    applications: tuple[tuple[Address, AppId], ...]

    def asking(self, parameters: tuple[tuple[str, str], ...], sink: str) -> InstanceFile:
        """The same with other parameters and another place for secrets."""
        return replace(self, parameters=parameters, sink=sink)

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

    def load(self, tenant: str, playbook: str, instance: str) -> InstanceFile | None:
        """One instance file, or None. Raises InputFault where a person has broken it."""
        path = self.path(tenant, playbook, instance)
        data = files.read(path)
        return None if data is None else _parse(data.decode("utf-8", "replace"), str(path))

    def save(self, tenant: str, instance: InstanceFile) -> None:
        """Write it, if it differs from what is there."""
        path = self.path(tenant, instance.playbook, instance.instance)
        text = yaml_text.dump(
            {
                "format": 1,
                "playbook": instance.playbook,
                "variant": instance.variant,
                "instance": instance.instance,
                "sink": instance.sink,
                "parameters": dict(instance.parameters),
                "applications": {str(address): str(app_id) for address, app_id in instance.applications},
            }
        ).encode()
        if files.read(path) == text:
            return
        files.make_directory(path.parent)
        with files.named_faults("home", path):
            files.replace(path, text)

    def forget(self, tenant: str, playbook: str, instance: str) -> None:
        """Remove it; a missing one is fine."""
        path = self.path(tenant, playbook, instance)
        if path.parent.is_dir():
            files.remove(path)

    def of_tenant(self, tenant: str) -> tuple[InstanceFile, ...]:
        """All instance files of one tenant."""
        folder = self._root / tenant
        if not folder.is_dir():
            return ()
        return tuple(_parse(each.read_text(encoding="utf-8"), str(each)) for each in sorted(folder.glob("*.yaml")))


def _parse(text: str, file_name: str) -> InstanceFile:
    document = yaml_text.read_document(text, file_name)
    data = document.data
    texts = ("playbook", "variant", "instance", "sink")
    if not isinstance(data, dict) or any(not isinstance(data.get(each), str) for each in texts):
        raise InputFault(
            "a faulty instance file",
            (FaultyPlace(file_name, 1, 1, f"it must say {', '.join(texts)}, each a text"),),
            advice="restore it from your repository, or delete it and run the command again with its parameters",
        )
    parameters = data.get("parameters") or {}
    applications = data.get("applications") or {}
    if not isinstance(parameters, dict) or not isinstance(applications, dict):
        raise InputFault(
            "a faulty instance file",
            (FaultyPlace(file_name, 1, 1, "parameters and applications must be lists of `name: value`"),),
        )
    return InstanceFile(
        playbook=str(data["playbook"]),
        variant=str(data["variant"]),
        instance=str(data["instance"]),
        parameters=tuple(sorted((str(name), str(value)) for name, value in parameters.items())),
        sink=str(data["sink"]),
        applications=tuple(sorted((Address(str(a)), AppId(str(i))) for a, i in applications.items())),
    )
