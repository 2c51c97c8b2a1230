"""What Entra's sign-in errors mean, and what to do about each: the AADSTS table.

Entra's own text is kept in the message; the advice is ours. Sources: graph.md 3.3, field-notes.md 1.9, 2 and 5.
"""

from __future__ import annotations

import re

from provisioner.errors import SignInRefused, WrongTenant
from provisioner.model.faults import Fault

SERVICE = "signin"

_CODE = re.compile(r"AADSTS(\d{4,8})")
_CORRELATION = re.compile(r"Correlation ID:\s*([0-9a-fA-F-]{36})")
_NOISE = re.compile(r"\s*(?:Trace ID|Correlation ID|Timestamp):.*", re.DOTALL)
_PREFIXES = ("Authentication failed: ", "Couldn't begin authentication: ", "ERROR: ")
_WRAPPED = re.compile(r"Microsoft Entra ID error '(?:\(\w+\) )?(.*?)'?", re.DOTALL)
"""How the library passes on what Entra said to a federated token."""


_MFA = "multi-factor authentication is demanded: sign in with `device-code` or `browser`, or as an application"
_POLICY = (
    "a conditional access policy stands in the way: sign in from a place and device it allows, "
    "or ask whoever keeps the policies"
)
_AGAIN = "the session is over: sign in again"
_TRUST = (
    "the application does not trust this token: compare its federated credential with the token's issuer, subject "
    "and audience"
)
_WHICH_TENANT = "check the tenant id and the cloud (login host) in the inventory"

ADVICE: dict[str, str] = {
    "AADSTS7000215": (
        "wrong client secret: give the secret's Value, not its Secret ID; a fresh secret may need up to a few minutes"
    ),
    "AADSTS7000222": "the client secret has expired: make a new one",
    "AADSTS7000216": "this application wants a client secret or certificate: choose another sign-in method",
    "AADSTS7000218": "this application wants a client secret or certificate, or `Allow public client flows` = Yes",
    "AADSTS700025": "this application is a public client: sign in without a secret",
    "AADSTS700016": "wrong client id, or the right one in the wrong tenant: check both",
    "AADSTS70001": "wrong client id, or the application is disabled: check both",
    "AADSTS7000112": "the application is disabled in this tenant: enable its enterprise application",
    "AADSTS7000229": "the application has no service principal in this tenant: create it (consent does)",
    "AADSTS700027": "the certificate is not known to the application: upload it; a fresh one may need some minutes",
    "AADSTS700030": "the certificate's subject is not authorised for this application",
    "AADSTS700024": (
        "the certificate's assertion or the workload's token is out of date: check this machine's clock, and see that "
        "the file with the token is renewed"
    ),
    "AADSTS50027": "the token is malformed: the file of a workload identity must hold one token, and nothing else",
    "AADSTS90002": _WHICH_TENANT,
    "AADSTS900023": _WHICH_TENANT,
    "AADSTS900021": _WHICH_TENANT,
    "AADSTS90038": "the tenant is in another national cloud: change the login host in the inventory",
    "AADSTS900382": "the tenant is in another national cloud: change the login host in the inventory",
    "AADSTS50194": "the application is single-tenant: sign in with its own tenant's id",
    "AADSTS90099": "the customer has not authorised this application for partner delegated administration",
    "AADSTS50076": _MFA,
    "AADSTS50079": f"{_MFA}; this account still has to register for it",
    "AADSTS50072": f"{_MFA}; this account still has to register for it",
    "AADSTS50074": _MFA,
    "AADSTS50078": f"the last multi-factor authentication is too old; {_MFA}",
    "AADSTS53000": f"{_POLICY} (it wants a compliant device)",
    "AADSTS53001": f"{_POLICY} (it wants a domain-joined device)",
    "AADSTS53003": _POLICY,
    "AADSTS530032": f"{_POLICY} (the tenant's security policy)",
    "AADSTS530034": "delegated administration is blocked for risk in the home tenant",
    "AADSTS530035": "security defaults block this sign-in: use a method with multi-factor authentication",
    "AADSTS65001": "nobody has consented to this application here: an administrator has to",
    "AADSTS65002": (
        "this client is not pre-authorised for that API: sign in with an application of your own, "
        "not with a Microsoft client id"
    ),
    "AADSTS65004": "the person declined to consent: sign in again and accept, or ask an administrator",
    "AADSTS650052": "the tenant has not subscribed to that API: its service principal is missing",
    "AADSTS650056": "the application asks for nothing of that API: check its API permissions",
    "AADSTS650057": "that API is not among the application's API permissions",
    "AADSTS500011": "that API has no service principal here: check the tenant, and whether it has the service",
    "AADSTS50020": "the account does not exist in the tenant: check it, and the groups of a GDAP relationship",
    "AADSTS50034": "this account does not exist in the tenant: check its name",
    "AADSTS50105": "the account is not assigned to the application: assign it, or lift `Assignment required`",
    "AADSTS50053": "the account is locked, or signs in from a blocked address: stop trying and wait a while",
    "AADSTS50055": "the password has expired: change it",
    "AADSTS50057": "the account is disabled",
    "AADSTS50126": "wrong user name or password; every further try counts towards a lock-out",
    "AADSTS50173": f"{_AGAIN} (it was revoked, by a password change for one)",
    "AADSTS70043": f"{_AGAIN} (a sign-in frequency policy ended it)",
    "AADSTS700082": f"{_AGAIN} (it was not used for too long)",
    "AADSTS70008": _AGAIN,
    "AADSTS700084": _AGAIN,
    "AADSTS70018": "wrong device code: sign in again and type the new one",
    "AADSTS70019": "the device code has expired: sign in again, and be quicker",
    "AADSTS70020": "the device code has expired: sign in again, and be quicker",
    "AADSTS90055": "the tenant is throttled: try again later",
    "AADSTS50196": "too many equal sign-ins in a row: wait some minutes",
    "expired_token": "the device code has expired: sign in again, and be quicker",
    "authorization_declined": "the sign-in was declined: sign in again and accept",
    "timeout": "nobody finished the sign-in in time: sign in again, and be quicker",
    "no_browser": "no browser could be used here: sign in with `device-code`",
    "azure_cli_missing": "install the Azure CLI, or choose another sign-in method in the inventory",
    "azure_cli_signed_out": (
        "run `az login --tenant` with the tenant's id (and `az cloud set` first in a national cloud); with "
        "`--allow-no-subscriptions` where it has none"
    ),
    "azure_cli_silent": "run `az account get-access-token` by hand and see what it asks for",
    "azure_cli_challenged": (
        "the tenant wants a newer or stronger sign-in than the Azure CLI holds: run `az login` again, or sign in with "
        "`device-code` or `browser`"
    ),
    "no_managed_identity": (
        "this machine has no managed identity, or not that one: switch it on in Azure, check `clientId` and "
        "IDENTITY_ENDPOINT with its header, or choose another sign-in method"
    ),
    "environment_incomplete": (
        "set AZURE_TENANT_ID, AZURE_CLIENT_ID and either AZURE_CLIENT_SECRET or AZURE_CLIENT_CERTIFICATE_PATH"
    ),
    "AADSTS70021": _TRUST,
    "AADSTS700211": f"{_TRUST} (the issuer is another)",
    "AADSTS700212": f"{_TRUST} (the audience is another)",
    "AADSTS700213": f"{_TRUST} (the subject is another)",
}
"""What to do next, by code."""

WRONG_TENANT = frozenset({"AADSTS90002", "AADSTS900023", "AADSTS900021", "AADSTS90038", "AADSTS900382"})

_WORDS = (
    ("Timed out", "timeout"),
    ("authorization_declined", "authorization_declined"),
    ("access_denied", "authorization_declined"),
    ("expired_token", "expired_token"),
    ("open a browser", "no_browser"),
    ("start an HTTP server", "no_browser"),
    ("Azure CLI not found", "azure_cli_missing"),
    ("Please run 'az login'", "azure_cli_signed_out"),
    ("az login --claims-challenge", "azure_cli_challenged"),
    ("Failed to invoke the Azure CLI", "azure_cli_silent"),
    ("Failed to invoke Azure CLI", "azure_cli_silent"),
    ("the managed identity endpoint", "no_managed_identity"),
    ("Environment variables are not fully configured", "environment_incomplete"),
)
"""Failures that Entra or the library tell in words only."""


def refusal(text: str, operation: str, *, status: int = 401) -> SignInRefused | None:
    """The error for a text that names an AADSTS code or one of the few known words; None where it does neither.

    Trace and correlation ids and the timestamp leave the message; the correlation id becomes the request id.
    """
    found = _CODE.search(text)
    code = found.group(0) if found else next((code for word, code in _WORDS if word in text), None)
    if code is None:
        return None
    correlation = _CORRELATION.search(text)
    fault = Fault(
        service=SERVICE,
        operation=operation,
        status=status,
        code=code,
        message=plain(text),
        request_id=correlation.group(1) if correlation else None,
    )
    kind = WrongTenant if code in WRONG_TENANT else SignInRefused
    return kind(fault, advice=ADVICE.get(code, "look the code up at https://login.microsoftonline.com/error"))


def plain(text: str) -> str:
    """Entra's text without what changes from call to call, on one line."""
    for prefix in _PREFIXES:
        text = text.removeprefix(prefix)
    text = _NOISE.sub("", text)
    wrapped = _WRAPPED.fullmatch(text)
    return " ".join((wrapped.group(1) if wrapped else text).split())
