"""A first draft of a playbook from the answers to a few questions; it passes every check, and a person finishes it.

What is drafted follows from the permissions: each that the catalogue knows brings along the settings that vendors'
guides forget, the proofs that it can have, and the reduction that Exchange offers for it.
"""

from __future__ import annotations

import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from provisioner import catalogue
from provisioner.model.declared import Permission, PermissionKind
from provisioner.model.identifiers import EXCHANGE_APP_ID, GRAPH_APP_ID
from provisioner.playbook.proof_checks import PROOFS
from provisioner.playbook.yaml_text import Plain

MAILBOX, PASSWORD = "${mailbox}", "mailbox_password"
_WAYS_BY_ITSELF = {"SMTP.SendAsApp": "smtp_auth", "IMAP.AccessAsApp": "imap", "POP.AccessAsApp": "pop"}
"""Application permissions of Exchange that go through a right on the mailbox, and the switch that each needs."""
_WAYS_AS_ACCOUNT = {"SMTP.Send": "smtp_auth", "IMAP.AccessAsUser.All": "imap", "POP.AccessAsUser.All": "pop"}
_PROOFS_AS_ACCOUNT = {
    "SMTP.Send": "smtp_submission",
    "IMAP.AccessAsUser.All": "imap_inbox",
    "POP.AccessAsUser.All": "pop_inbox",
}
_PROOFS_BY_ITSELF = {
    "SMTP.SendAsApp": "smtp_submission",
    "Mail.Send": "graph_send",
    "Mail.Read": "graph_mail",
    "Mail.ReadWrite": "graph_mail",
    "Calendars.Read": "graph_calendar",
    "Calendars.ReadWrite": "graph_calendar",
    "full_access_as_app": "ews_folder",
    "IMAP.AccessAsApp": "imap_inbox",
    "POP.AccessAsApp": "pop_inbox",
}
_TITLES = {
    "smtp_submission": "Exchange Online takes a mail from ${mailbox}",
    "graph_send": "Microsoft Graph sends a mail as ${mailbox}",
    "graph_mail": "Microsoft Graph shows the mails of ${mailbox}",
    "graph_calendar": "Microsoft Graph shows the calendar of ${mailbox}",
    "ews_folder": "Exchange Web Services open the inbox of ${mailbox}",
    "imap_inbox": "IMAP opens the inbox of ${mailbox}",
    "pop_inbox": "POP opens the inbox of ${mailbox}",
}


class SignsIn(StrEnum):
    """How a product gets its tokens."""

    BY_ITSELF = "by itself, with a client secret"
    WITH_PASSWORD = "as one account, with its password"  # noqa: S105 a way of signing in
    WITH_BROWSER = "a person signs in, in a browser"


class Source(StrEnum):
    """What goes into one field of the vendor's form."""

    TENANT_ID = "Directory (tenant) ID"
    CLIENT_ID = "Application (client) ID"
    SECRET = "Client secret"  # noqa: S105 a field's title
    MAILBOX = "Mailbox"
    PASSWORD = "The mailbox's password"  # noqa: S105 a field's title
    TEXT = "A fixed text"


@dataclass(frozen=True)
class FormField:
    """One field of the vendor's form; `text` where the source is one."""

    title: str
    source: Source
    text: str = ""


@dataclass(frozen=True)
class Answers:
    """All that is asked."""

    id: str
    vendor: str
    product: str
    guide_title: str
    guide_url: str
    guide_sha256: str
    read_on: date
    signs_in: SignsIn
    permissions: tuple[Permission, ...]
    redirect: str | None
    screen: str
    fields: tuple[FormField, ...]


def candidates(name: str, signs_in: SignsIn) -> tuple[Permission, ...]:
    """The permissions of that exact name that a product of this kind can use: of Graph, then of Exchange."""
    kind = PermissionKind.ROLE if signs_in is SignsIn.BY_ITSELF else PermissionKind.SCOPE
    found = (catalogue.find(api, kind, name) for api in (GRAPH_APP_ID, EXCHANGE_APP_ID))
    return tuple(each.permission for each in found if each is not None and each.enabled)


def near(name: str, signs_in: SignsIn) -> tuple[str, ...]:
    """What a name without candidates may have meant, as phrases."""
    kind = PermissionKind.ROLE if signs_in is SignsIn.BY_ITSELF else PermissionKind.SCOPE
    phrases = (each for api in (GRAPH_APP_ID, EXCHANGE_APP_ID) for each in catalogue.near_misses(api, kind, name))
    other = "a delegated permission" if kind is PermissionKind.ROLE else "an application permission"
    return tuple(sorted(dict.fromkeys(phrases), key=lambda phrase: other in phrase))[:3]


def drafted(answers: Answers) -> str:
    """The playbook's text. `loading.load` accepts it."""
    from ruamel.yaml import YAML

    writer = YAML()
    writer.width = 118
    writer.representer.ignore_aliases = lambda *_: True  # two proofs with the same scopes each write them out
    writer.indent(mapping=2, sequence=4, offset=2)
    out = io.StringIO()
    writer.dump(_playbook(answers), out)
    return out.getvalue()


def _playbook(answers: Answers) -> dict[str, Plain]:
    variants: dict[str, Plain] = {"guide": _variant(answers, scoped=False)}
    if _scopable(answers.permissions):
        variants["scoped"] = _variant(answers, scoped=True)
    return {
        "format": 1,
        "id": answers.id,
        "vendor": answers.vendor,
        "title": answers.product,
        "summary": f"{answers.product} signs in to Microsoft 365: {answers.signs_in.value}.",
        "guide": {
            "title": answers.guide_title,
            "url": answers.guide_url,
            "sha256": answers.guide_sha256,
            "read_on": answers.read_on.isoformat(),
            "language": "en",
        },
        "parameters": _parameters(answers),
        "variants": variants,
    }


def _parameters(answers: Answers) -> dict[str, Plain]:
    parameters: dict[str, Plain] = {
        "mailbox": {
            "title": f"Mailbox that {answers.product} uses"[:250],
            "type": "mailbox",
            "required": True,
            "example": "product@example.com",
        }
    }
    if answers.signs_in is SignsIn.BY_ITSELF:
        parameters["denied_mailbox"] = {
            "title": "Mailbox that must be refused",
            "type": "mailbox",
            "example": "someone.else@example.com",
        }
    if answers.signs_in is SignsIn.WITH_PASSWORD:
        parameters[PASSWORD] = {"title": "Password of that mailbox", "type": "text", "secret": True}
    parameters["application_name"] = {
        "title": "Name of the application in the portal",
        "type": "text",
        "default": answers.product[:100],
    }
    parameters["secret_lifetime_days"] = {
        "title": "Days until the client secret ends",
        "type": "integer",
        "default": 180,
        "minimum": 1,
        "maximum": 730,
    }
    return parameters


def _variant(answers: Answers, *, scoped: bool) -> dict[str, Plain]:
    asked = tuple(each for each in answers.permissions if not (scoped and _role(each)))
    taken_over = tuple(each for each in answers.permissions if scoped and _role(each))
    variant: dict[str, Plain] = {
        "summary": (
            "As the guide, but Exchange itself opens only the mailboxes that are named."
            if scoped
            else "What the vendor's guide sets up."
        ),
        "roles_needed": _roles_needed(answers, asked),
        "applications": {"main": _application(answers, asked)},
    }
    exchange = _exchange(asked, taken_over)
    if exchange:
        variant["exchange"] = exchange
    variant["proofs"] = dict(_proofs(answers, asked, taken_over))
    variant["handover"] = [
        {"title": answers.screen, "fields": [_field(each) for each in answers.fields]},
    ]
    if not scoped:
        variant["confirm_with_vendor"] = ["Whether each permission is needed, and whether fewer would do."]
    return variant


def _roles_needed(answers: Answers, asked: tuple[Permission, ...]) -> dict[str, Plain]:
    needed: dict[str, Plain] = {"entra": ["Cloud Application Administrator", "Application Administrator"]}
    if asked:
        strictest = max(
            (catalogue.who_can_consent(each) for each in asked), key=lambda who: "Global Administrator" in who
        )
        needed["consent"] = list(strictest)
    needed["exchange"] = ["Exchange Administrator"]
    return needed


def _application(answers: Answers, asked: tuple[Permission, ...]) -> dict[str, Plain]:
    application: dict[str, Plain] = {"display_name": "${application_name}", "audience": "single-tenant"}
    if answers.redirect:
        application["redirects"] = {"web": [answers.redirect]}
    if asked:
        application["permissions"] = [
            {
                "api": _api(each),
                "kind": "application" if each.kind is PermissionKind.ROLE else "delegated",
                "name": each.value,
                "why": "The vendor's guide asks for it.",
            }
            for each in asked
        ]
        application["consent"] = {"by": "admin"}
    application["secrets"] = {
        "main": {
            "title": f"Client secret of {answers.product}"[:250],
            "used_at": _used_at(answers),
            "lifetime_days": "${secret_lifetime_days}",
        }
    }
    return application


def _exchange(asked: tuple[Permission, ...], taken_over: tuple[Permission, ...]) -> dict[str, Plain]:
    """What the permissions need in Exchange beside consent."""
    exchange: dict[str, Plain] = {}
    by_right = [each.value for each in asked if each.value in _WAYS_BY_ITSELF and each.kind is PermissionKind.ROLE]
    if by_right or taken_over:
        exchange["pointers"] = {"main": {}}
    if by_right:
        why = "Exchange Online lets the application only into mailboxes that it may open."
        exchange["mailbox_permissions"] = [
            {"application": "main", "mailbox": MAILBOX, "right": "FullAccess", "why": why}
        ]
    switches = {
        switch: True
        for each in (*asked, *taken_over)
        if (switch := {**_WAYS_BY_ITSELF, **_WAYS_AS_ACCOUNT}.get(each.value)) is not None
    }
    if switches:
        why = "The protocol must be on for the mailbox, also with OAuth."
        exchange["client_access"] = {"mailbox": {"mailbox": MAILBOX, "why": why, **switches}}
    if any(each.value == "full_access_as_app" for each in (*asked, *taken_over)):
        exchange["ews_access"] = {"main": {"why": "Exchange Web Services let only listed applications in."}}
    if taken_over:
        exchange["scopes"] = {"mailboxes": {"title": "${application_name} - its mailboxes", "members": [MAILBOX]}}
        exchange["role_assignments"] = [
            {
                "application": "main",
                "role": _role(each),
                "scope": "mailboxes",
                "why": f"It takes the place of {each.value}, for these mailboxes alone.",
            }
            for each in taken_over
        ]
    return exchange


def _proofs(
    answers: Answers, asked: tuple[Permission, ...], taken_over: tuple[Permission, ...]
) -> Iterator[tuple[str, Plain]]:
    named: dict[str, Plain] = {"application": "main", "secret": "main"}
    api = _used_at(answers)
    if answers.signs_in is SignsIn.BY_ITSELF:
        yield from _proofs_by_itself(named, asked, taken_over, api)
        return
    by_value = [each.value for each in asked]
    scopes: list[Plain] = [each for each in by_value if each != "offline_access" or len(by_value) == 1]
    account: dict[str, Plain] = {"account": MAILBOX, "scopes": scopes}
    if answers.signs_in is SignsIn.WITH_BROWSER:
        yield "sign_in_link", {"title": "A person signs in as ${mailbox}", "kind": "sign_in_link", **named, **account}
        return
    account["password"] = PASSWORD
    yield "password_sign_in", {"title": "${mailbox} signs in", "kind": "password_sign_in", **named, **account}
    for kind in _kinds(asked, _PROOFS_AS_ACCOUNT):
        yield kind, {"title": _TITLES[kind], "kind": kind, **named, "mailbox": MAILBOX, **account}


def _proofs_by_itself(
    named: dict[str, Plain], asked: tuple[Permission, ...], taken_over: tuple[Permission, ...], used_at: str
) -> Iterator[tuple[str, Plain]]:
    audience = EXCHANGE_APP_ID if used_at == "exchange" else GRAPH_APP_ID
    token: dict[str, Plain] = {"title": "The client secret gets a token", "kind": "token", **named}
    roles: list[Plain] = [each.value for each in asked if each.resource_app_id == audience]
    absent: list[Plain] = [each.value for each in taken_over if each.resource_app_id == audience]
    if roles:
        token["roles"] = roles
    if absent:
        token["absent_roles"] = absent
    if roles or absent:
        yield "token", token
    if taken_over:
        for name, mailbox, within in (("within", MAILBOX, True), ("outside", "${denied_mailbox}", False)):
            proof: dict[str, Plain] = {
                "title": f"Exchange Online says that {mailbox} is {name} the scope",
                "kind": "scope_authorization",
                **named,
                "mailbox": mailbox,
                "within": within,
            }
            yield f"{name}_scope", proof if within else {**proof, "when": "denied_mailbox"}
    served = tuple(each for each in (*asked, *taken_over) if each.resource_app_id == audience)
    for kind in _kinds(served, _PROOFS_BY_ITSELF):
        if PROOFS[kind].used_at != used_at:
            continue
        yield kind, {"title": _TITLES[kind], "kind": kind, **named, "mailbox": MAILBOX}
    if any(each.value == "SMTP.SendAsApp" for each in served):
        title = "Exchange Online refuses a sign-in as ${denied_mailbox}"
        refused: dict[str, Plain] = {"mailbox": "${denied_mailbox}", "when": "denied_mailbox"}
        yield "mailbox_refused", {"title": title, "kind": "mailbox_refused", **named, **refused}


def _kinds(permissions: Iterable[Permission], proofs: dict[str, str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(proofs[each.value] for each in permissions if each.value in proofs))


def _field(field: FormField) -> dict[str, Plain]:
    match field.source:
        case Source.TENANT_ID:
            return {"title": field.title, "reference": "tenant_id"}
        case Source.CLIENT_ID:
            return {"title": field.title, "reference": "applications.main.app_id"}
        case Source.SECRET:
            note = "The secret's Value, not its Secret ID."
            return {"title": field.title, "reference": "applications.main.secrets.main", "note": note}
        case Source.PASSWORD:
            return {"title": field.title, "reference": f"parameters.{PASSWORD}"}
        case Source.MAILBOX:
            return {"title": field.title, "value": MAILBOX}
        case Source.TEXT:
            return {"title": field.title, "value": field.text}


def _used_at(answers: Answers) -> str:
    """The API whose tokens prove most: mail over Exchange's own protocols, else Graph."""
    wide = {"SMTP.Send", "IMAP.AccessAsUser.All", "POP.AccessAsUser.All"}
    own = any(each.resource_app_id == EXCHANGE_APP_ID or each.value in wide for each in answers.permissions)
    return "exchange" if own else "graph"


def _api(permission: Permission) -> str:
    found = catalogue.resource(permission.resource_app_id)
    assert found is not None, "candidates come from the catalogue"
    return found[1]


def _role(permission: Permission) -> str | None:
    """Exchange's own role that does the same within a scope."""
    return next((each for each in catalogue.application_roles() if catalogue.entra_twin(each) == permission), None)


def _scopable(permissions: Iterable[Permission]) -> bool:
    return any(_role(each) for each in permissions)
