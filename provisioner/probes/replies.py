"""Which answer of a service can mean which cause. Data only.

One `535 5.7.3` covers a missing consent, a wrong pointer and a missing right alike, so an answer gives candidates and
judge.py decides between them by what the tenant shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Patience(StrEnum):
    """When a refused sign-in is "not yet" instead of failed."""

    NEVER = "never"
    WHILE_FRESH = "while-fresh"
    """While the secret is (or may be) fresh; the application is no older than its first secret."""
    WHILE_CHANGED = "while-changed"
    """While what it misses is there, and has come so recently that Entra may not count it yet."""
    ALWAYS = "always"
    """The refusal may be about us, not about the product."""


@dataclass(frozen=True)
class SignInRule:
    """What one AADSTS code can mean for a product's sign-in."""

    causes: tuple[str, ...]
    patience: Patience = Patience.NEVER


SIGN_IN: Mapping[str, SignInRule] = {
    "AADSTS7000215": SignInRule(("secret_id_or_fresh_secret",), Patience.WHILE_FRESH),
    "AADSTS7000222": SignInRule(("secret_expired",)),
    "AADSTS700027": SignInRule(("certificate_unknown",), Patience.WHILE_FRESH),
    "AADSTS700016": SignInRule(("application_not_found",), Patience.WHILE_FRESH),
    "AADSTS7000229": SignInRule(("service_principal_missing",), Patience.WHILE_FRESH),
    "AADSTS7000112": SignInRule(("application_disabled",)),
    "AADSTS500011": SignInRule(("resource_not_in_tenant",)),
    "AADSTS650052": SignInRule(("resource_not_in_tenant",)),
    "AADSTS90002": SignInRule(("wrong_tenant",)),
    "AADSTS50076": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS50079": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS53003": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS530035": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS50072": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS50074": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS53000": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS53001": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS530032": SignInRule(("mfa_or_conditional_access",), Patience.ALWAYS),
    "AADSTS50126": SignInRule(("wrong_password", "account_federated")),
    "AADSTS50034": SignInRule(("account_missing",)),
    "AADSTS50055": SignInRule(("password_expired",)),
    "AADSTS50057": SignInRule(("account_disabled",)),
    "AADSTS50105": SignInRule(("assignment_missing",), Patience.WHILE_CHANGED),
    "AADSTS65001": SignInRule(("requested_not_granted",), Patience.WHILE_CHANGED),
    "AADSTS7000218": SignInRule(("client_secret_not_sent",)),
    "AADSTS50053": SignInRule(("account_locked",)),
    "AADSTS50173": SignInRule(("refresh_token_dead",)),
    "AADSTS700082": SignInRule(("refresh_token_dead",)),
    "AADSTS70043": SignInRule(("refresh_token_dead",)),
}
"""Source: field-notes.md 5, graph.md 3.3."""


@dataclass(frozen=True)
class ReplyRule:
    """What one kind of SMTP reply can mean. Empty fields match everything; `text` is compared without case."""

    causes: tuple[str, ...]
    code: int
    enhanced: tuple[str, ...] = ()
    text: str = ""
    sure: bool = False
    """The reply itself names its first cause."""
    about_mailbox: bool = False
    """This is how a mailbox is refused to an application that has no right on it."""
    source: str = "exchange.md 5.3"


NO_ENTRY = (
    "requested_not_granted",
    "token_older_than_grant",
    "pointer_missing",
    "pointer_has_registration_object_id",
    "mailbox_missing",
    "mailbox_right_missing",
    "role_not_assigned",
    "scope_too_narrow",
    "exchange_settling",
)
_NO_MAILBOX = (*NO_ENTRY[2:], "scope_too_wide")
_NO_SENDER = ("send_as_denied", *_NO_MAILBOX)

REPLIES: tuple[ReplyRule, ...] = (
    ReplyRule(
        ("smtp_auth_off", "smtp_auth_settling"), 535, ("5.7.139",), "smtpclientauthentication is disabled", sure=True
    ),
    ReplyRule(("mfa_or_conditional_access",), 535, ("5.7.139",), "did not meet the criteria", sure=True),
    ReplyRule(("smtp_auth_off", "mfa_or_conditional_access", "smtp_auth_settling"), 535, ("5.7.139",)),
    ReplyRule(NO_ENTRY, 535, about_mailbox=True, source="exchange.md 5.2, 5.3; field-notes.md 3"),
    ReplyRule(_NO_MAILBOX, 430, ("4.2.0",), about_mailbox=True, source="simonrob/email-oauth2-proxy issue 271"),
    ReplyRule(_NO_SENDER, 550, ("5.7.60",), about_mailbox=True),
    ReplyRule(_NO_SENDER, 554, ("5.2.0",), "sendasdenied", about_mailbox=True, source="field-notes.md 5"),
    ReplyRule(("connection_limit",), 432, ("4.3.2",)),
    ReplyRule(("sending_suspended",), 550, ("5.2.251", "5.2.252", "5.2.253", "5.2.254", "5.2.255"), sure=True),
)
"""The first rule that matches counts."""


def rule_for(code: int, enhanced: str, text: str) -> ReplyRule | None:
    """The rule of a reply; None where it is none of the known ones."""
    lowered = text.lower()
    for rule in REPLIES:
        if rule.code == code and (not rule.enhanced or enhanced in rule.enhanced) and rule.text in lowered:
            return rule
    return None


IMAP_REFUSED = (*NO_ENTRY, "imap_off", "protocol_settling")
POP_REFUSED = (*NO_ENTRY, "pop_off", "protocol_settling")
"""What a refusal can mean, be it of the token or of the inbox: Exchange may take the token and then say that the user
is "authenticated but not connected". Source: exchange.md 5.2; for a protocol that is switched off, unverified."""

EWS_DOORS: Mapping[str, tuple[str, ...]] = {
    "is disabled": ("ews_closed_date", "ews_closed_organisation", "ews_closed_mailbox", "ews_settling"),
    "is blocked by policy": ("ews_closed_list", "ews_closed_user_agent", "ews_settling"),
}
"""What a closed door before Exchange Web Services can be, by words of its reason. Source: Microsoft's page on control
of access to EWS; that the end of EWS is told as a switch is: unverified."""

EWS_GATES = tuple(dict.fromkeys(cause for causes in EWS_DOORS.values() for cause in causes))
"""All of them."""

EWS_UNSCOPED = ("requested_not_granted", "token_older_than_grant")
EWS_REFUSED = (
    *EWS_UNSCOPED,
    "pointer_missing",
    "pointer_has_registration_object_id",
    "role_not_assigned",
    "scope_too_narrow",
    "exchange_settling",
)
"""What a refusal behind the doors can mean: a token without a role, a mailbox that may not be impersonated."""

EWS_NO_MAILBOX = frozenset({"ErrorNonExistentMailbox", "ErrorMissingEmailAddress", "ErrorMailboxStoreUnavailable"})
EWS_PASSING = frozenset({"ErrorServerBusy", "ErrorInternalServerTransientError", "ErrorTimeoutExpired"})
"""Source: Microsoft's list of EWS response codes."""

ACCESS_POLICY_MARK = "[RAOP]"
"""How Graph and EWS sign a refusal by an application access policy. Source: field-notes.md 5."""
