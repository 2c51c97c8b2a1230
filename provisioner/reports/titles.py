"""What things are called where people read. Addresses, slots and codes are for programs; no sheet shows an address.

They come in sentences ("waits for exchange_pointer.main") and in a change's fields, which a digest covers; so they are
put into words here, where a sheet is drawn, and JSON keeps them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace

from provisioner.model.plan import Plan
from provisioner.reports.sheet import Detail, Item, Kind, Part, Screen, Section, Sheet

NOUNS: Mapping[str, str] = {
    "app_role_grant": "the consent",
    "application": "the application",
    "client_access": "the mailbox's protocols",
    "client_secret": "the client secret",
    "delegated_grant": "the delegated consent",
    "directory_role": "the directory role",
    "ews_access": "the organisation's EWS gate",
    "exchange_pointer": "Exchange's record of the service principal",
    "key_credential": "the certificate",
    "mailbox_permission": "the right on the mailbox",
    "management_role_assignment": "the role",
    "management_scope": "the management scope",
    "organization_customization": "the customisation of the Exchange organisation",
    "redirect_uris": "the redirect URIs",
    "requested_permissions": "the list of requested permissions",
    "scope_group": "the security group",
    "service_principal": "the enterprise application",
    "unscoped_grants": "the grants beside the scoped roles",
    "user_assignment": "the assignments of accounts and groups",
}
"""What an address begins with, in words."""

NAMED = ("application", "client_secret", "key_credential", "scope_group")
"""Those whose own name says more than their kind: a change's summary has it between quotation marks."""

CODES: Mapping[str, str] = {
    "scope_too_narrow": "the scope is too narrow",
    "scope_too_wide": "the scope is too wide",
}
"""Codes that a sentence may begin with (field-notes.md 5), in words."""

_BEFORE, _AFTER = r"(?<![\w.@/-])", r"(?![\w@/-]|\.\w)"
_SLOT = re.compile(_BEFORE + r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/[\w-]+/([\w-]+)/([\w-]+)" + _AFTER)
_ADDRESS, _UNLISTED = (
    re.compile(rf"{_BEFORE}(?:{'|'.join(kinds)})\.(?:[\w-]++)(?:\.[\w-]++)*+{_AFTER}")
    for kinds in (NOUNS, [each for each in NOUNS if each != "application"])
)
"""Any address; and those of things that a plan leaves out: there `application.x` may as well be the name of a host."""

_CODE = re.compile(rf"^({'|'.join(CODES)}): ")


def noun(address: str) -> str:
    """The kind of thing in words, without its name: `the consent to SMTP.SendAsApp`, `the enterprise application`."""
    kind, _, rest = address.partition(".")
    what = NOUNS[kind]
    if kind == "app_role_grant":
        return f"{what} to {rest.split('.', 2)[-1]}"
    if kind == "management_role_assignment":
        return f"{what} {rest.partition('.')[2]}"
    return what


def in_words(text: str) -> str:
    """A sentence that no plan is known to, without the addresses and slots in it."""
    return _ADDRESS.sub(lambda found: noun(found[0]), _SLOT.sub("the client secret", text))


def slot_of(text: str) -> str | None:
    """The application's key and the slot of a client secret, `main.mail`; None where the text is no slot's name."""
    found = _SLOT.fullmatch(text)
    return f"{found[1]}.{found[2]}" if found else None


def is_address(word: str) -> bool:
    """Whether a word is the address of a thing."""
    return _ADDRESS.fullmatch(word) is not None


class Titles:
    """The titles of everything in one plan; called with a sentence, it puts them in the place of addresses."""

    def __init__(self, plan: Plan) -> None:
        changes = [each.change for each in plan.changes if each.change.address.partition(".")[0] in NOUNS]
        titles = {each.key: f'the application "{each.display_name}"' for each in plan.applications}
        self._titles = {f"application.{key}": title for key, title in titles.items()}
        self._titles |= {_whole(each.address): _title(each.address, each.summary) for each in changes}
        taken = [_title(each.address, each.summary) for each in changes]
        for each in changes:
            title = _title(each.address, each.summary)
            self._titles[each.address] = f'"{each.summary}"' if taken.count(title) > 1 else title
        listed = sorted(map(re.escape, self._titles), key=len, reverse=True)
        self._pattern = re.compile(f"{_BEFORE}(?:{'|'.join(listed)}){_AFTER}") if listed else None

    def __call__(self, text: str) -> str:
        """The sentence in people's words."""
        said = _SLOT.sub("the client secret", text)
        known = said if self._pattern is None else self._pattern.sub(lambda found: self._titles[found[0]], said)
        return _UNLISTED.sub(lambda found: noun(found[0]), known)

    def put_into(self, sheet: Sheet) -> Sheet:
        """The same sheet without addresses. What somebody copies, and the parameters as given, stay."""
        return replace(
            sheet,
            parts=tuple(self._part(each) for each in sheet.parts),
            closing=tuple(self(each) for each in sheet.closing),
        )

    def _part(self, part: Part) -> Part:
        if isinstance(part, Screen):
            return part
        return Section(part.title, tuple(self._item(each) for each in part.items))

    def _item(self, item: Item) -> Item:
        return replace(item, title=self(item.title), details=tuple(self._detail(each) for each in item.details))

    def _detail(self, detail: Detail) -> Detail:
        if detail.kind is Kind.COPY:
            return detail
        said = self(detail.text)
        code = _CODE.match(said)
        if code is None:
            return replace(detail, text=said)
        return replace(detail, text=f"{CODES[code[1]]}: {said[code.end() :]}", code=code[1])


def _title(address: str, summary: str) -> str:
    kind = address.partition(".")[0]
    name = re.search(r'"(.*)"', summary) if kind in NAMED else None
    return f'{NOUNS[kind]} "{name[1]}"' if name else noun(_whole(address))


def _whole(address: str) -> str:
    """The address without the words in brackets that follow it for what only an earlier run or variant has."""
    return address.partition(" (")[0]
