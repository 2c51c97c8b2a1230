"""Why a proof fails: stable identifiers, each in words and with advice. Data only.

Which answer of a service can mean which of them is in replies.py.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Cause:
    """One cause, in words and with what to do about it."""

    text: str
    advice: str
    source: str


_SEE_PLAN = "run plan: it says whether apply sets this up, and which role or flag it needs for that"

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
    "wrong_password": Cause(
        "the account's name or password is wrong",
        "compare the password with the product's; nobody tries again here, since each further try brings the lock "
        "nearer",
        "Microsoft's list of AADSTS errors; field-notes.md 1.10",
    ),
    "account_federated": Cause(
        "the account signs in at another identity provider, which a password alone does not reach",
        "use an account of the cloud alone",
        "vendor-guides.md E3; Microsoft's resource types verifiedDomain; how Entra words it: unverified",
    ),
    "account_missing": Cause(
        "there is no such account in the tenant", "check its sign-in name", "Microsoft's list of AADSTS errors"
    ),
    "account_disabled": Cause(
        "the account is disabled", "enable it in Microsoft Entra", "Microsoft's list of AADSTS errors"
    ),
    "password_expired": Cause(
        "the account's password has expired",
        "set a new one that does not expire, and give it to the product",
        "Microsoft's list of AADSTS errors",
    ),
    "assignment_missing": Cause(
        "the account is not assigned to the application, which asks for an assignment",
        "run apply again, or assign the account to the enterprise application",
        "Microsoft's list of AADSTS errors; graph.md 3.3",
    ),
    "client_secret_not_sent": Cause(
        "the application asks for its client secret, and the sign-in goes without",
        "give the product the client secret, or allow public client flows",
        "graph.md 3.3",
    ),
    "redirect_missing": Cause(
        "no address is registered that Entra may send people back to",
        "register the product's redirect URI exactly as the product shows it",
        "field-notes.md 1.4",
    ),
    "secret_missing": Cause(
        "the application has no such client secret any more",
        "run apply, then give the product the new one",
        "graph.md 2.3",
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
    "pointer_missing": Cause("Exchange does not know the service principal", _SEE_PLAN, "exchange.md 4.1"),
    "pointer_has_registration_object_id": Cause(
        "Exchange's service principal carries the object id of the app registration instead of the enterprise "
        "application's",
        "remove it and make it anew: Exchange cannot change it",
        "field-notes.md 5; exchange.md 4.1",
    ),
    "mailbox_missing": Cause("there is no such mailbox", "check the address", "exchange.md 4.6"),
    "mailbox_right_missing": Cause(
        "the application has no right on the mailbox",
        _SEE_PLAN,
        "field-notes.md 3, 5; simonrob/email-oauth2-proxy issue 271",
    ),
    "send_as_denied": Cause(
        "the mailbox may not send under this address",
        "the address signed in with, the sender and the mailbox that the right is on must be the same; an account that "
        "sends under another address needs SendAs on it, given by hand: Add-RecipientPermission",
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
    "imap_off": Cause(
        "IMAP is switched off for the mailbox",
        "run apply again, or: Set-CASMailbox -ImapEnabled $true",
        "exchange.md 4.3, 5.2",
    ),
    "pop_off": Cause(
        "POP is switched off for the mailbox",
        "run apply again, or: Set-CASMailbox -PopEnabled $true",
        "exchange.md 4.3, 5.2",
    ),
    "protocol_settling": Cause(
        "the protocol was switched on too recently", "wait, at worst two hours, then verify again", "exchange.md 5.4"
    ),
    "ews_closed_organisation": Cause(
        "the organisation's switch for EWS is not on",
        "run plan: it says whether `apply --allow-organisation-wide` may turn it on, which opens EWS to every "
        "application of the list, or what a person has to write first",
        "field-notes.md 1.2; exchange.md 6",
    ),
    "ews_closed_list": Cause(
        "the organisation's list of applications that may use EWS does not name this one",
        "run apply: it adds the application, or says who has to begin the list",
        "field-notes.md 1.2; exchange.md 6",
    ),
    "ews_closed_user_agent": Cause(
        "the organisation lets only some user agents use EWS, and ours is not one of them; the product's may be",
        "compare the lists of Get-OrganizationConfig (EwsAllowList, EwsBlockList) with what the product sends",
        "field-notes.md 1.2",
    ),
    "ews_closed_mailbox": Cause(
        "EWS is switched off for the mailbox",
        "run apply again, or: Set-CASMailbox -EwsEnabled $true",
        "field-notes.md 1.2",
    ),
    "ews_closed_date": Cause(
        "Microsoft has ended EWS in Exchange Online",
        "nothing opens it again: ask the vendor for a version that uses Microsoft Graph",
        "exchange.md 6",
    ),
    "ews_settling": Cause(
        "the organisation's EWS settings changed too recently", "wait, at worst 24 hours", "field-notes.md 1.2"
    ),
    "ews_unreachable": Cause(
        "Exchange Web Services did not answer from here", "check the network and the proxy", "RFC 9110 15.6"
    ),
    "application_access_policy": Cause(
        "an application access policy keeps the application from this mailbox",
        "look at Get-ApplicationAccessPolicy: its group must hold the mailbox, or the policy is a leftover",
        "field-notes.md 1.8, 5; exchange.md 4.5",
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
        "the application can use a mailbox that it must not reach, or holds a permission that cancels its scope",
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
    "role_not_assigned": Cause("Exchange has not given the application its role", _SEE_PLAN, "exchange.md 4.4"),
    "graph_unreachable": Cause(
        "Microsoft Graph did not answer from here", "check the network and the proxy", "RFC 9110 15.6"
    ),
    "imap_unreachable": Cause(
        "the IMAP server did not answer from here",
        "check whether the network lets port 993 through, or try it from where the product runs",
        "RFC 8314 3.2",
    ),
    "pop_unreachable": Cause(
        "the POP server did not answer from here",
        "check whether the network lets port 995 through, or try it from where the product runs",
        "RFC 8314 3.3",
    ),
    "smtp_unreachable": Cause(
        "the submission server did not answer from here",
        "many networks close port 587: check the firewall, or try it from where the product runs",
        "RFC 6409 3.1",
    ),
    "certificate_untrusted": Cause(
        "the mail server's certificate is not trusted here",
        "something in between may be inspecting TLS; do not switch the check off",
        "RFC 8446 4.4.2",
    ),
}
"""Every cause there is, by its stable identifier (field-notes.md 5 and its own additions)."""
