"""Recipient filters (OPATH), as far as scopes of application roles use them: comparisons joined by -and and -or.

A filter is kept as the text that was given; what it selects is decided anew each time it is asked.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Final

from provisioner.sandbox.exchange import directory
from provisioner.sandbox.exchange.faults import invalid_filter
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.store import Document, Transaction

Selects = Callable[[Transaction, Document, float | None], bool]

_TOKEN: Final = re.compile(
    r"\s*(?:(?P<open>\()|(?P<close>\))|-(?P<joint>and|or)\b"
    r"|(?P<property>[A-Za-z0-9]+)\s+-(?P<operator>eq|ne|like)\s+(?P<value>'(?:[^']|'')*'|\"[^\"]*\"|\$true|\$false))",
    re.IGNORECASE,
)
_DEEPEST: Final = 20
"""Parentheses within parentheses; deeper ones are refused rather than followed."""

_PROPERTIES: Final = {
    "alias": "alias",
    "displayname": "displayName",
    "externaldirectoryobjectid": "externalDirectoryObjectId",
    "guid": "id",
    "name": "name",
    "primarysmtpaddress": "primarySmtpAddress",
    "recipienttypedetails": "recipientTypeDetails",
    "userprincipalname": "userPrincipalName",
    **{f"customattribute{number}": f"customAttribute{number}" for number in range(1, 16)},
}


@behaviour(
    "MemberOfGroup takes the group's distinguished name and sees direct members only; a DN that no group has selects "
    "nobody and is accepted",
    source="exchange.md 4.4 S1, S18; field-notes.md 1.11; acceptance of an unknown DN: unverified",
    if_wrong="a nested group or a misspelt DN seems to be in the scope",
)
def parse(text: str) -> Selects:
    """What a filter selects among mailboxes: f(tx, mailbox, as_of). CmdletFailed for a filter that is not played."""
    reader = _Reader(text)
    selects = reader.alternatives()
    reader.expect_end()
    return selects


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text.strip()
        self._at = 0
        self._depth = 0

    def alternatives(self) -> Selects:
        branches = [self._conjunction()]
        while self._take_joint("or"):
            branches.append(self._conjunction())
        return lambda tx, mailbox, as_of: any(branch(tx, mailbox, as_of) for branch in branches)

    def expect_end(self) -> None:
        if self._text[self._at :].strip():
            raise invalid_filter(self._text, self._at)

    def _conjunction(self) -> Selects:
        branches = [self._term()]
        while self._take_joint("and"):
            branches.append(self._term())
        return lambda tx, mailbox, as_of: all(branch(tx, mailbox, as_of) for branch in branches)

    def _term(self) -> Selects:
        token = _TOKEN.match(self._text, self._at)
        if token is None:
            raise invalid_filter(self._text, self._at)
        if token["open"]:
            self._depth += 1
            if self._depth > _DEEPEST:
                raise invalid_filter(self._text, self._at)
            self._at = token.end()
            inner = self.alternatives()
            self._depth -= 1
            closing = _TOKEN.match(self._text, self._at)
            if closing is None or not closing["close"]:
                raise invalid_filter(self._text, self._at)
            self._at = closing.end()
            return inner
        if not token["property"]:
            raise invalid_filter(self._text, self._at)
        selects = _comparison(token["property"].lower(), token["operator"].lower(), _unquoted(token["value"]))
        if selects is None:
            raise invalid_filter(self._text, token.start("property"))
        self._at = token.end()
        return selects

    def _take_joint(self, word: str) -> bool:
        token = _TOKEN.match(self._text, self._at)
        if token is None or (token["joint"] or "").lower() != word:
            return False
        self._at = token.end()
        return True


def _comparison(name: str, operator: str, value: str) -> Selects | None:
    wanted = value.casefold()
    if name == "memberofgroup":
        if operator == "like":
            return None
        return lambda tx, mailbox, as_of: _is_member(tx, mailbox, wanted, as_of) is (operator == "eq")
    key = _PROPERTIES.get(name)
    if key is None:
        return None

    def compares(tx: Transaction, mailbox: Document, as_of: float | None) -> bool:
        del tx, as_of
        actual = str(mailbox.get(key, "")).casefold()
        if operator == "like":
            return fnmatchcase(actual, wanted.replace("[", "[[]"))
        return (actual == wanted) is (operator == "eq")

    return compares


def _is_member(tx: Transaction, mailbox: Document, dn: str, as_of: float | None) -> bool:
    return any(
        mailbox["id"] in group["members"]
        for group in tx.all(directory.GROUPS, as_of=as_of)
        if directory.distinguished_name(group).casefold() == dn
    )


def _unquoted(value: str) -> str:
    return value[1:-1].replace("''", "'") if value[0] in "'\"" else value
