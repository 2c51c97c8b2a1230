"""Reading a document's plain data for the checks: what has the wrong type counts as not there."""

from __future__ import annotations

from collections.abc import Iterator

from provisioner.errors import FaultyPlace
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.yaml_text import Document, Path, Plain


def mapping(value: Plain) -> dict[str, Plain]:
    """The value as a mapping; empty where it is none."""
    return value if isinstance(value, dict) else {}


def sequence(value: Plain) -> list[Plain]:
    """The value as a list; empty where it is none."""
    return value if isinstance(value, list) else []


def at(document: Document, path: Path) -> Plain:
    """The value at a path, None where there is none."""
    value = document.data
    for step in path:
        if isinstance(value, dict) and isinstance(step, str):
            value = value.get(step)
        elif isinstance(value, list) and isinstance(step, int) and step < len(value):
            value = value[step]
        else:
            return None
    return value


def text_at(document: Document, path: Path) -> str | None:
    """The text at a path, None where there is none."""
    value = at(document, path)
    return value if isinstance(value, str) else None


def texts(value: Plain, path: Path) -> Iterator[tuple[Path, str]]:
    """Every text inside a value; the document's depth is bounded, so this recursion is."""
    if isinstance(value, str):
        yield path, value
    elif isinstance(value, dict):
        for key, each in value.items():
            yield from texts(each, (*path, key))
    elif isinstance(value, list):
        for position, each in enumerate(value):
            yield from texts(each, (*path, position))


def application_faults(document: Document, variant: Path, path: Path, *, key: bool = False) -> Iterator[FaultyPlace]:
    """A fault where an application is named that the variant does not have."""
    name = str(path[-1]) if key else text_at(document, path)
    known = mapping(at(document, (*variant, "applications")))
    if name is not None and name not in known:
        yield document.fault(path, f"no application {shown(name)}", did_you_mean(name, known), key=key)


def secret_faults(document: Document, variant: Path, application: str, path: Path, slot: str) -> Iterator[FaultyPlace]:
    """A fault where a secret is named that the application does not have."""
    secrets = mapping(at(document, (*variant, "applications", application, "secrets")))
    if application in mapping(at(document, (*variant, "applications"))) and slot not in secrets:
        yield document.fault(
            path, f"application {shown(application)} has no secret {shown(slot)}", did_you_mean(slot, secrets)
        )


def secret_parameter_faults(document: Document, path: Path, name: str) -> Iterator[FaultyPlace]:
    """A fault where a secret parameter is named that is none."""
    known = mapping(mapping(document.data).get("parameters"))
    if name not in known:
        yield document.fault(path, f"{shown(name)} is not a parameter", did_you_mean(name, known))
    elif mapping(known[name]).get("secret") is not True:
        yield document.fault(path, f"{shown(name)} is no secret", "write it into a text as ${" + name + "}")
