"""What Exchange's errors mean, in the same words for both drivers.

Exchange reports an error as text, often in the form `error id|exception type|sentence` (exchange.md 1.3). The exception
type is believed first; the sentence only where there is no type to go by, and without what it quotes, because names
of strangers are in it. Sources: exchange.md 1.3 and 4.6.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from provisioner.errors import Absent, AlreadyThere, Refused, ServiceFault
from provisioner.model.faults import Fault

WHO_CAN = ("Exchange Administrator",)
"""Who can run every cmdlet we use (exchange.md 4.7)."""

ROLE_ADVICE = (
    "an application needs the consented permission Exchange.ManageAsApp and a directory role such as Exchange "
    "Administrator, a user needs that role; given just now, it takes minutes to an hour until Exchange knows of it, "
    "so run the same command again later"
)

ALREADY_TYPES = frozenset(
    {"ADObjectAlreadyExistsException", "ManagementObjectAlreadyExistsException", "MemberAlreadyExistsException"}
)
ABSENT_TYPES = frozenset({"ManagementObjectNotFoundException"})
REFUSED_TYPES = frozenset({"UnauthorizedAccessException", "OperationRequiresAdminAccessException"})

ALREADY_TEXTS = ("already exist", "is already a member of the group")
ABSENT_TEXTS = ("couldn't be found", "couldn’t be found")
REFUSED_TEXTS = (
    "is not present in the role definition of the current user",
    "isn't within your current write scopes",
    "access is denied",
)
THROTTLED_TEXTS = (
    "too many requests",
    "maximum number of concurrent requests",  # source: GreyCorbel/ExoHelper, Invoke-ExoCommand
)

ENTRY_MISSING = "because the ACE isn't present"
"""What `Remove-MailboxPermission` says of a right that nobody has (exchange.md 4.2)."""

_TYPED = re.compile(r"^(?P<id>[^|]{0,40})\|(?P<type>[A-Za-z_][\w.+`]*)\|(?P<text>.*)$", re.DOTALL)
_QUOTED = re.compile(r"(?<!\w)'.*?'(?!\w)|\".*?\"|“.*?”", re.DOTALL)
"""Quoted names; an apostrophe inside a word is none of its quotes."""
_FAILURE_CATEGORY = re.compile(r"\[FailureCategory=(?:Cmdlet-)?(\w+)\]")
_REQUEST_ID = re.compile(r"\bRequestId=([0-9a-fA-F-]{36})")
_WEB_STATUS = re.compile(r"(?:returned an error: \(|does not indicate success: )(\d{3})\b")
"""How .NET's WebException and HttpRequestException quote the web service that the module could not talk to."""


@dataclass(frozen=True)
class CmdletError:
    """One error of a cmdlet, taken apart. `type` is the exception's short name, empty where none was given."""

    error_id: str
    type: str
    text: str


def read_error(message: str, *, type_hint: str = "", error_id: str = "") -> CmdletError:
    """Take an error's text apart. `type_hint` and `error_id` are what an error record says beside its text."""
    category = _FAILURE_CATEGORY.search(error_id)
    match = _TYPED.match(message.strip())
    if match:
        return CmdletError(match["id"].strip(), _short(match["type"]), match["text"].strip())
    return CmdletError("", category[1] if category else _short(type_hint), message.strip())


def request_id_in(error_id: str) -> str | None:
    """The request id inside a `FullyQualifiedErrorId` of Exchange's own, where there is one."""
    match = _REQUEST_ID.search(error_id)
    return match[1] if match else None


def status_of(error: CmdletError) -> int:
    """The HTTP status that the web service gives such an error (exchange.md 4.6), for the driver that hears none."""
    web = _WEB_STATUS.search(error.text)
    if web and int(web[1]) in (429, 500, 502, 503, 504):
        return int(web[1])
    match meaning(error.type, error.text):
        case "throttled":
            return 429
        case "absent":
            return 404
        case "refused":
            return 403
        case _:
            return 400


def meaning(type_: str, text: str) -> str:
    """`throttled`, `already`, `absent`, `refused` or, where nothing tells, `other`."""
    by_type = (("already", ALREADY_TYPES), ("absent", ABSENT_TYPES), ("refused", REFUSED_TYPES))
    for name, types in by_type:
        if type_ in types:
            return name
    sentence = _QUOTED.sub("''", text).lower()
    by_text = (
        ("throttled", THROTTLED_TEXTS),
        ("already", ALREADY_TEXTS),
        ("refused", REFUSED_TEXTS),
        ("absent", (*ABSENT_TEXTS, ENTRY_MISSING.lower())),
    )
    for name, texts in by_text:
        if any(part in sentence for part in texts):
            return name
    return "other"


def leaf(fault: Fault, *, advice: str | None = None) -> ServiceFault:
    """The error to raise for a fault that Exchange answered."""
    known = "refused" if fault.status in (401, 403) else meaning(fault.code, fault.message)
    match known:
        case "already":
            return AlreadyThere(fault, advice=advice)
        case "absent":
            return Absent(fault, advice=advice)
        case "refused":
            return Refused(fault, who_can=WHO_CAN, advice=advice or ROLE_ADVICE)
        case _:
            return ServiceFault(fault, advice=advice)


def _short(type_: str) -> str:
    return type_.rpartition(".")[2]
