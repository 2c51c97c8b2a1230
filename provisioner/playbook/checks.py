"""What a playbook means, beyond its structure: permissions that exist, references that lead somewhere.

Works on plain data, not on the classes, so that a file with a structural fault still gets every other fault reported.
What has the wrong type is passed over here: `schema.py` reports it.
"""

from __future__ import annotations

import re
import typing
from collections.abc import Iterator
from datetime import date

from provisioner import catalogue
from provisioner.errors import FaultyPlace
from provisioner.model.declared import PermissionKind
from provisioner.playbook.exchange_checks import check_exchange
from provisioner.playbook.hidden import shown
from provisioner.playbook.nearest import did_you_mean
from provisioner.playbook.plain import at, mapping, secret_faults, secret_parameter_faults, sequence, text_at, texts
from provisioner.playbook.proof_checks import check_proofs
from provisioner.playbook.templates import references
from provisioner.playbook.values import Unfit, as_text, read_typed
from provisioner.playbook.written import ParameterType
from provisioner.playbook.yaml_text import Document, Path, Plain

LONGEST_LIFETIME_DAYS = 730
"""The portal offers no more than two years for a client secret (vendor-guides.md, Cryptshare step 7)."""

KINDS = {"application": PermissionKind.ROLE, "delegated": PermissionKind.SCOPE}


def check(document: Document) -> list[FaultyPlace]:
    """Every fault of meaning."""
    faults = [*_format(document), *_parameters(document), *_outside_variants(document), *_days(document)]
    for name in mapping(mapping(document.data).get("variants")):
        faults += _variant(document, ("variants", name))
    return faults


def _format(document: Document) -> Iterator[FaultyPlace]:
    """True and 1.0 equal 1, which is all that pydantic looks at."""
    version = mapping(document.data).get("format", 1)
    if version == 1 and type(version) is not int:
        yield document.fault(("format",), "'format' must be 1")


def _outside_variants(document: Document) -> Iterator[FaultyPlace]:
    for key, value in mapping(document.data).items():
        if key != "variants":
            for path, text in texts(value, (key,)):
                if next(references(text), None):
                    yield document.fault(path, "parameters are filled in inside variants only")


def _days(document: Document) -> Iterator[FaultyPlace]:
    """Days that look like one and are not in the calendar."""
    for path, text in texts(document.data, ()):
        if path and path[-1] in {"read_on", "retires_on"} and re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", text):
            try:
                date.fromisoformat(text)
            except ValueError:
                yield document.fault(path, f"{shown(text)} is not in the calendar")


# --- parameters


def _parameters(document: Document) -> Iterator[FaultyPlace]:
    for name, raw in mapping(mapping(document.data).get("parameters")).items():
        yield from _parameter(document, ("parameters", name), mapping(raw))


def _parameter(document: Document, path: Path, raw: dict[str, Plain]) -> Iterator[FaultyPlace]:
    kind = raw.get("type")
    if kind not in typing.get_args(ParameterType):
        return
    choices = [each for each in sequence(raw.get("choices")) if isinstance(each, str)]
    if raw.get("required") is True and raw.get("default") is not None:
        yield document.fault((*path, "default"), "a required parameter has no default", key=True)
    if raw.get("secret") is True and raw.get("default") is not None:
        yield document.fault((*path, "default"), "a secret has no default", key=True)
    if kind == "choice" and not choices:
        yield document.fault(path, "a choice needs 'choices'", key=True)
    if kind != "choice" and "choices" in raw:
        yield document.fault((*path, "choices"), "only a choice has 'choices'", key=True)
    for bound in ("minimum", "maximum"):
        if kind != "integer" and bound in raw:
            yield document.fault((*path, bound), f"only an integer has '{bound}'", key=True)
    minimum, maximum = (_whole(raw.get(each)) for each in ("minimum", "maximum"))
    if minimum is not None and maximum is not None and minimum > maximum:
        yield document.fault((*path, "maximum"), "is less than 'minimum'")
    for key in ("default", "example"):
        value = raw.get(key)
        if isinstance(value, (str, int)) and isinstance(kind, str):
            wanted = {"integer": int, "boolean": bool}.get(kind, str)
            try:
                if type(value) is not wanted:
                    raise Unfit(
                        {int: "must be a whole number", bool: "must be true or false"}.get(wanted, "must be text")
                    )
                read_typed(kind, as_text(value), choices, minimum, maximum)
            except Unfit as unfit:
                yield document.fault((*path, key), f"'{key}' {unfit}")


def _whole(value: Plain) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


# --- one variant


def _variant(document: Document, path: Path) -> Iterator[FaultyPlace]:
    yield from _template_faults(document, path)
    for key in mapping(at(document, (*path, "applications"))):
        yield from _permissions(document, (*path, "applications", key, "permissions"))
        for credentials in ("secrets", "certificates"):
            yield from _lifetimes(document, (*path, "applications", key, credentials))
        yield from _attached(document, (*path, "applications", key))
    yield from check_exchange(document, path)
    yield from check_proofs(document, path)
    yield from _handover(document, path)
    yield from _roles(document, path)


def _template_faults(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    known = mapping(mapping(document.data).get("parameters"))
    for path, text in texts(at(document, variant), variant):
        for name, closed in references(text):
            declared = known.get(name)
            if not closed:
                yield document.fault(path, f"{shown('${' + name)} is not closed by }}")
            elif name not in known:
                hint = did_you_mean(name, known) or "declare it under parameters"
                yield document.fault(path, f"{shown('${' + name + '}')} is not a parameter", hint)
            elif not isinstance(declared, dict):
                continue
            elif declared.get("secret") is True:
                yield document.fault(path, f"{shown(name)} is a secret: it cannot be part of a text")
            elif _may_be_absent(declared) and name != _condition(document, path) and not _is_listed(path):
                hint = "make it required, give it a default, or use it where 'when' names it"
                yield document.fault(path, f"{shown(name)} may have no value", hint)


def _may_be_absent(parameter: dict[str, Plain]) -> bool:
    return parameter.get("required", False) is False and parameter.get("default") is None


def _is_listed(path: Path) -> bool:
    """Whether a text is one of a scope's members or of those assigned, who are left out where they have no value."""
    assigned = len(path) > 2 and path[-2] in ("accounts", "groups") and path[-3] == "assignment"
    return assigned or (len(path) > 3 and path[-2] == "members" and path[-4] == "scopes")


def _condition(document: Document, path: Path) -> str | None:
    """The parameter without which the thing round a path is left out."""
    return next((found for length in range(len(path)) if (found := text_at(document, (*path[:length], "when")))), None)


def _attached(document: Document, application: Path) -> Iterator[FaultyPlace]:
    """What belongs to the playbook that an application is attached to, and who may sign in to nothing."""
    host = text_at(document, (*application, "attach_to"))
    if host is not None and host == text_at(document, ("id",)):
        yield document.fault((*application, "attach_to"), "an application cannot be attached to itself")
    for key in ("redirects", "assignment", "certificates"):
        if host is not None and key in mapping(at(document, application)):
            yield document.fault((*application, key), f"'{key}' belong to the playbook it is attached to", key=True)
    assignment = at(document, (*application, "assignment"))
    if isinstance(assignment, dict) and not (assignment.get("accounts") or assignment.get("groups")):
        yield document.fault((*application, "assignment"), "with nobody assigned nobody could sign in", key=True)


def _permissions(document: Document, path: Path) -> Iterator[FaultyPlace]:
    seen: dict[tuple[str, str, str], Path] = {}
    for position in range(len(sequence(at(document, path)))):
        here: Path = (*path, position)
        api, kind_word, name = (text_at(document, (*here, key)) for key in ("api", "kind", "name"))
        if api is None:
            continue
        resource = catalogue.resource(api)
        kind = KINDS.get(kind_word or "")
        if resource is None:
            near = catalogue.near_resources(api)
            hint = f"did you mean {near[0]}?" if near else None
            if not near and kind and name:
                hint = "; ".join(catalogue.near_misses(api, kind, name)) or None
            yield document.fault((*here, "api"), f"unknown API {shown(api)}", hint)
            continue
        if kind is None or name is None:
            continue
        found = catalogue.find(resource[0], kind, name)
        if found is None:
            hint = "; ".join(catalogue.near_misses(resource[0], kind, name)) or None
            yield document.fault((*here, "name"), f"{resource[1]} has no {kind_word} permission {shown(name)}", hint)
            continue
        if not found.enabled:
            yield document.fault((*here, "name"), f"{shown(name)} is switched off by Microsoft")
        key = (resource[0], kind.value, name)
        if key in seen:
            first = document.place(seen[key]).line
            yield document.fault(here, f"{shown(name)} is listed a second time", f"the first is in line {first}")
        seen.setdefault(key, here)


def _lifetimes(document: Document, path: Path) -> Iterator[FaultyPlace]:
    parameters = mapping(mapping(document.data).get("parameters"))
    for slot in mapping(at(document, path)):
        here: Path = (*path, slot, "lifetime_days")
        value = at(document, here)
        days = _whole(value)
        if days is not None and not 1 <= days <= LONGEST_LIFETIME_DAYS:
            yield document.fault(here, f"must be from 1 to {LONGEST_LIFETIME_DAYS} days")
        for name, _ in references(value) if isinstance(value, str) else ():
            parameter = mapping(parameters.get(name))
            low, high = _whole(parameter.get("minimum")), _whole(parameter.get("maximum"))
            bounded = low is not None and high is not None and low >= 1 and high <= LONGEST_LIFETIME_DAYS
            if parameter and not (parameter.get("type") == "integer" and bounded):
                yield document.fault(
                    here, f"{shown(name)} must be an integer from 1 to {LONGEST_LIFETIME_DAYS} at most"
                )


def _handover(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    for path, text in texts(at(document, (*variant, "handover")), (*variant, "handover")):
        if path[-1] == "reference" and text.startswith("parameters."):
            yield from secret_parameter_faults(document, path, text.removeprefix("parameters."))
        elif path[-1] == "reference" and text.startswith("applications."):
            application, _, what = text.removeprefix("applications.").partition(".")
            known = mapping(at(document, (*variant, "applications")))
            if application not in known:
                yield document.fault(path, f"no application {shown(application)}", did_you_mean(application, known))
            elif what.startswith("secrets."):
                yield from secret_faults(document, variant, application, path, what.removeprefix("secrets."))
    for screen in range(len(sequence(at(document, (*variant, "handover"))))):
        fields: Path = (*variant, "handover", screen, "fields")
        for position, field in enumerate(sequence(at(document, fields))):
            if isinstance(field, dict) and ("value" in field) == ("reference" in field):
                yield document.fault((*fields, position), "needs either 'value' or 'reference'")


def _roles(document: Document, variant: Path) -> Iterator[FaultyPlace]:
    known = catalogue.role_names()
    applications: Path = (*variant, "applications")
    own = (
        (*applications, key, "enterprise_application", "directory_roles") for key in mapping(at(document, applications))
    )
    for place in ((*variant, "roles_needed"), *own):
        for path, name in texts(at(document, place), place):
            if name not in known:
                yield document.fault(path, f"unknown directory role {shown(name)}", did_you_mean(name, known))
