"""Why a proof fails: stable identifiers, and which answer of a service can mean which of them. Data only.

One `535 5.7.3` covers a missing consent, a wrong pointer and a missing right alike, so an answer gives candidates and
judge.py decides between them by what the tenant shows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Cause:
    """One cause, in words and with what to do about it."""

    text: str
    advice: str
    source: str


CAUSES: Mapping[str, Cause] = {
    "secret_id_or_fresh_secret": Cause(
        "Entra does not take the client secret (yet)",
        "a fresh secret needs seconds, at worst minutes; later on: the secret's Value belongs here, not its Secret ID",
        "field-notes.md 1.9, 5; 4 to 18 s seen (graph.md 3.3)",
    ),
    "secret_expired": Cause(
        "the client secret has expired", "rotate it, then give the product the new one", "field-notes.md 5"
    ),
    "certificate_unknown": Cause(
        "Entra does not know the certificate (yet)",
        "a fresh one needs some minutes; later on: upload the certificate to the application",
        "graph.md 3.3",
    ),
    "application_not_found": Cause(
        "the tenant does not know the application (yet)",
        "a fresh one needs some seconds; later on: check the tenant and the client id",
        "field-notes.md 2",
    ),
    "service_principal_missing": Cause(
        "the application has no service principal in this tenant (yet)", "run apply again", "field-notes.md 2"
    ),
    "application_disabled": Cause(
        "the application is disabled in this tenant",
        "enable its enterprise application",
        "Microsoft's list of AADSTS errors",
    ),
    "resource_not_in_tenant": Cause(
        "the API has no service principal in this tenant",
        "check that the tenant has a subscription with Exchange Online",
        "Microsoft's list of AADSTS errors",
    ),
    "wrong_tenant": Cause(
        "there is no such tenant in this cloud, or the token is another one's", "check the tenant id", "graph.md 3.3"
    ),
    "mfa_or_conditional_access": Cause(
        "a sign-in policy refuses this attempt, perhaps only from this address",
        "try it from where the product runs, or ask whoever keeps the conditional access policies",
        "field-notes.md 1.9, 5",
    ),
    "account_locked": Cause(
        "the account is locked after failed sign-ins",
        "do not try again for a while: each attempt prolongs it",
        "field-notes.md 1.10, 5",
    ),
    "refresh_token_dead": Cause("the session has been revoked or is too old", "sign in again", "field-notes.md 5"),
    "signin_unreachable": Cause(
        "Entra's sign-in did not answer", "check the network and the login host", "RFC 9110 15.6"
    ),
    "requested_not_granted": Cause(
        "the permission is requested but not granted",
        "an administrator has to consent: plan says who can",
        "field-notes.md 1.5, 5",
    ),
    "token_older_than_grant": Cause(
        "the consent is too young for the token to carry it",
        "wait some minutes, at worst an hour, then verify again",
        "field-notes.md 5; DESIGN 2.5",
    ),
    "token_of_another_application": Cause(
        "the token is for another application", "check the client id", "field-notes.md 5"
    ),
    "pointer_missing": Cause(
        "Exchange does not know the service principal", "run apply with the Exchange part", "exchange.md 4.1"
    ),
    "pointer_has_registration_object_id": Cause(
        "Exchange's service principal carries the object id of the app registration instead of the enterprise "
        "application's",
        "remove it and make it anew: Exchange cannot change it",
        "field-notes.md 5; exchange.md 4.1",
    ),
    "mailbox_missing": Cause("there is no such mailbox", "check the address", "exchange.md 4.6"),
    "mailbox_right_missing": Cause(
        "the application has no right on the mailbox",
        "run apply with the Exchange part",
        "field-notes.md 3, 5; simonrob/email-oauth2-proxy issue 271",
    ),
    "send_as_denied": Cause(
        "the mailbox may not send under this address",
        "the address signed in with, the sender and the mailbox that the right is on must be the same",
        "field-notes.md 3, 5; exchange.md 5.3",
    ),
    "exchange_settling": Cause(
        "the right or the pointer is too young: Exchange needs up to two hours",
        "leave it alone for a while (attempts can keep the old answer alive), then verify again",
        "exchange.md 4.4, 5.4",
    ),
    "smtp_auth_off": Cause(
        "SMTP AUTH is switched off, for the mailbox, for the organisation or by an authentication policy",
        "switch it on for the mailbox: Set-CASMailbox -SmtpClientAuthenticationDisabled $false",
        "field-notes.md 5; exchange.md 4.3, 5.3",
    ),
    "smtp_auth_settling": Cause(
        "SMTP AUTH was switched on too recently", "wait, at worst two hours, then verify again", "exchange.md 5.4"
    ),
    "connection_limit": Cause(
        "the mailbox has its three submission connections in use", "try again in a moment", "exchange.md 5.3, 5.6"
    ),
    "sending_suspended": Cause(
        "Exchange suspends submissions of this mailbox after continued errors",
        "look at what sends through this mailbox; the reply's number says which kind of error",
        "exchange.md 5.3",
    ),
    "scope_too_wide": Cause(
        "the application can use a mailbox that it must not reach",
        "look for a further right on that mailbox (Get-MailboxPermission), or a permission for all mailboxes: plan "
        "shows grants that cancel a scope, and `apply --allow-remove-grants` takes them away",
        "field-notes.md 1.6, 5",
    ),
    "scope_too_narrow": Cause(
        "the mailbox is not within the scope of the application's role",
        "the group must hold the mailbox itself (members of nested and Microsoft 365 groups do not count), and the "
        "scope must name the group as it is called now: run apply again",
        "field-notes.md 1.11, 5; exchange.md 4.4",
    ),
    "role_not_assigned": Cause(
        "Exchange has not given the application its role", "run apply with the Exchange part", "exchange.md 4.4"
    ),
    "graph_unreachable": Cause(
        "Microsoft Graph did not answer from here", "check the network and the proxy", "RFC 9110 15.6"
    ),
    "smtp_unreachable": Cause(
        "the submission server did not answer from here",
        "many networks close port 587: check the firewall, or try it from where the product runs",
        "RFC 6409 3.1",
    ),
    "certificate_untrusted": Cause(
        "the submission server's certificate is not trusted here",
        "something in between may be inspecting TLS; do not switch the check off",
        "RFC 8446 4.4.2",
    ),
}
"""Every cause there is, by its stable identifier (field-notes.md 5 and its own additions)."""


class Patience(StrEnum):
    """When a refused sign-in is "not yet" instead of failed."""

    NEVER = "never"
    WHILE_FRESH = "while-fresh"
    """While the secret is (or may be) fresh; the application is no older than its first secret."""
    ALWAYS = "always"
    """The refusal may be about us, not about the product."""


@dataclass(frozen=True)
class SignInRule:
    """What one AADSTS code means for a product's sign-in."""

    cause: str
    patience: Patience = Patience.NEVER


SIGN_IN: Mapping[str, SignInRule] = {
    "AADSTS7000215": SignInRule("secret_id_or_fresh_secret", Patience.WHILE_FRESH),
    "AADSTS7000222": SignInRule("secret_expired"),
    "AADSTS700027": SignInRule("certificate_unknown", Patience.WHILE_FRESH),
    "AADSTS700016": SignInRule("application_not_found", Patience.WHILE_FRESH),
    "AADSTS7000229": SignInRule("service_principal_missing", Patience.WHILE_FRESH),
    "AADSTS7000112": SignInRule("application_disabled"),
    "AADSTS500011": SignInRule("resource_not_in_tenant"),
    "AADSTS650052": SignInRule("resource_not_in_tenant"),
    "AADSTS90002": SignInRule("wrong_tenant"),
    "AADSTS50076": SignInRule("mfa_or_conditional_access", Patience.ALWAYS),
    "AADSTS50079": SignInRule("mfa_or_conditional_access", Patience.ALWAYS),
    "AADSTS53003": SignInRule("mfa_or_conditional_access", Patience.ALWAYS),
    "AADSTS530035": SignInRule("mfa_or_conditional_access", Patience.ALWAYS),
    "AADSTS50053": SignInRule("account_locked"),
    "AADSTS50173": SignInRule("refresh_token_dead"),
    "AADSTS700082": SignInRule("refresh_token_dead"),
    "AADSTS70043": SignInRule("refresh_token_dead"),
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


_NO_ENTRY = (
    "requested_not_granted",
    "token_older_than_grant",
    "pointer_missing",
    "pointer_has_registration_object_id",
    "mailbox_missing",
    "mailbox_right_missing",
    "scope_too_narrow",
    "exchange_settling",
)
_NO_MAILBOX = _NO_ENTRY[2:]
_NO_SENDER = ("send_as_denied", *_NO_MAILBOX)

REPLIES: tuple[ReplyRule, ...] = (
    ReplyRule(
        ("smtp_auth_off", "smtp_auth_settling"), 535, ("5.7.139",), "smtpclientauthentication is disabled", sure=True
    ),
    ReplyRule(("mfa_or_conditional_access",), 535, ("5.7.139",), "did not meet the criteria", sure=True),
    ReplyRule(("smtp_auth_off", "mfa_or_conditional_access", "smtp_auth_settling"), 535, ("5.7.139",)),
    ReplyRule(_NO_ENTRY, 535, about_mailbox=True, source="exchange.md 5.2, 5.3; field-notes.md 3"),
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
