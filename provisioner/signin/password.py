"""The one sign-in with an account's name and password, as products do it that know nothing better (OAuth's ROPC).

One request, sent once: Entra counts refusals, and the account that a few more of them would lock is a mailbox in use
(AADSTS50053; field-notes.md 1.10). So neither azure.identity nor msal is used here: theirs is deprecated, asks about
the account first, and sends again what got no answer. No cache either: a cached token proves an earlier password.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from provisioner.errors import ServiceFault, SignInRefused
from provisioner.model.faults import Fault
from provisioner.model.identifiers import EXCHANGE_AUDIENCE, GRAPH_AUDIENCE, AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.signin.refusals import refusal
from provisioner.signin.tokens import Token, read_claims
from provisioner.signin.transport import SERVICE, line_to, network_error

MAIL_AUDIENCE = "https://outlook.office.com"
"""Where delegated scopes of the mail protocols are asked in the worldwide cloud, although they are consented to on
Graph. Source: field-notes.md 3; office-developer-exchange-docs issue 87. Elsewhere: Exchange's own audience."""

MAIL_SCOPES = frozenset({"IMAP.AccessAsUser.All", "POP.AccessAsUser.All", "SMTP.Send", "EWS.AccessAsUser.All"})
"""Source: exchange.md 5.1, 5.5."""

OFFLINE_ACCESS = "offline_access"
OF_NO_API = frozenset({OFFLINE_ACCESS, "openid", "profile", "email"})
"""Asked by their bare names, with the scopes of any API."""


def by_api(scopes: Iterable[str]) -> tuple[tuple[str, ...], ...]:
    """Scopes in as many requests as there are APIs: one request cannot mix two (AADSTS28000; vendor-guides.md)."""
    asked = tuple(dict.fromkeys(scopes))
    free = tuple(each for each in asked if each in OF_NO_API)
    mail = tuple(each for each in asked if each in MAIL_SCOPES)
    graph = tuple(each for each in asked if each not in OF_NO_API | MAIL_SCOPES)
    return tuple((*group, *free) for group in (mail, graph) if group) or ((free,) if free else ())


def sign_in(
    tenant: Tenant, app_id: AppId, secret: Secret | None, account: str, password: Secret, scopes: tuple[str, ...]
) -> Token:
    """A fresh token of an account for the scopes of one API, blocking; one attempt.

    Of what came with it only this is kept: a refresh token shows as the scope `offline_access` in the claims. Raises
    `SignInRefused`, `Unreachable`, or `ServiceFault` where the service itself is ill.
    """
    from azure.core.exceptions import AzureError
    from azure.core.rest import HttpRequest

    operation = f"sign in as {account} with a password"
    form = {
        "grant_type": "password",
        "client_id": app_id,
        "username": account,
        "password": password.reveal(),
        "scope": " ".join(scope_text(tenant, each) for each in scopes),
    }
    if secret is not None:
        form["client_secret"] = secret.reveal()
    url = f"{tenant.endpoints.login}/{quote(tenant.tenant_id, safe='')}/oauth2/v2.0/token"
    line = line_to(tenant)
    try:
        response = line.transport.send(HttpRequest("POST", url, data=form))
        document = _document(response.text())
        status = response.status_code
    except AzureError as error:
        failure = network_error(error, tenant, operation)
        raise failure or _unclear(operation, 0) from None
    finally:
        line.hang_up()
    token = document.get("access_token")
    if status == 200 and isinstance(token, str) and token:
        return _token(token, document)
    told = document.get("error_description")
    refused = refusal(told, operation, status=status) if isinstance(told, str) else None
    if refused is not None:
        raise refused
    if status == 429 or status >= 500:
        fault = Fault(
            SERVICE, operation, status, "", f"the sign-in service answered {status}", retry_after=line.retry_after
        )
        raise ServiceFault(fault, advice="try again in a few minutes")
    raise _unclear(operation, status)


def scope_text(tenant: Tenant, scope: str) -> str:
    """A delegated permission by the name that it is asked by in the tenant's cloud."""
    if scope in OF_NO_API:
        return scope
    if scope not in MAIL_SCOPES:
        return f"{tenant.endpoints.audience(GRAPH_AUDIENCE)}/{scope}"
    exchange = tenant.endpoints.audience(EXCHANGE_AUDIENCE)
    return f"{MAIL_AUDIENCE if exchange == EXCHANGE_AUDIENCE else exchange}/{scope}"


def _token(text: str, document: Mapping[str, object]) -> Token:
    lasts = document.get("expires_in")
    seconds = int(lasts) if isinstance(lasts, int | str) and str(lasts).isdigit() else 0
    claims = read_claims(text)
    if claims is not None and document.get("refresh_token"):
        claims = replace(claims, scopes=claims.scopes | {OFFLINE_ACCESS})
    return Token(Secret(text), datetime.now(UTC) + timedelta(seconds=seconds), claims)


def _document(text: str) -> Mapping[str, object]:
    try:
        document = json.loads(text)
    except ValueError:
        return {}
    return document if isinstance(document, dict) else {}


def _unclear(operation: str, status: int) -> SignInRefused:
    message = "the sign-in service gave no clear answer"
    return SignInRefused(Fault(SERVICE, operation, status, "NoClearAnswer", message))
