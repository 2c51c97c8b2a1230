"""A product that signs people in, and what its sign-ins come to."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import jwt

GRAPH = "00000003-0000-0000-c000-000000000000"
IMAP = "https://outlook.office.com/IMAP.AccessAsUser.All"
PERSON = "cryptshare@contoso.example"
OTHER = "neighbour@contoso.example"
REDIRECT = "https://product.example/callback"
SCOPES = "IMAP.AccessAsUser.All SMTP.Send offline_access"


class Product:
    """A product that signs people in: a confidential client with delegated grants on Graph."""

    def __init__(self, tenant: Any, **registration: Any) -> None:
        self.tenant = tenant
        self.application = tenant.application("Product", **registration)
        self.app_id = self.application["appId"]
        self.object_id = tenant.service_principal(self.app_id)["id"]
        minted = tenant.post(f"/applications/{self.application['id']}/addPassword", {}, status=200)
        self.secret = minted["secretText"]

    def grant(self, scope: str = SCOPES, person: str | None = None) -> None:
        body = {"clientId": self.object_id, "resourceId": self.tenant.resource(GRAPH)["id"], "scope": scope}
        kind = "AllPrincipals" if person is None else "Principal"
        extra = {} if person is None else {"principalId": user_id(self.tenant, person)}
        self.tenant.post("/oauth2PermissionGrants", {**body, "consentType": kind, **extra})

    def sign_in(self, person: str = PERSON, word: str | None = None, scope: str = IMAP, **changes: str) -> Any:
        form = {"client_id": self.app_id, "client_secret": self.secret, "grant_type": "password", "scope": scope}
        return self.tenant.token_request(
            **{**form, "username": person, "password": word or password(self.tenant, person), **changes}
        )

    def refresh(self, token: str, **changes: str) -> Any:
        form = {"client_id": self.app_id, "client_secret": self.secret, "grant_type": "refresh_token", "scope": IMAP}
        return self.tenant.token_request(**{**form, "refresh_token": token, **changes})

    def code(self, person: str = PERSON, redirect: str = REDIRECT, **more: str) -> str:
        query = {"client_id": self.app_id, "response_type": "code", "redirect_uri": redirect, "login_hint": person}
        url = f"{self.tenant.login}/{self.tenant.id}/oauth2/v2.0/authorize"
        answer = self.tenant.http.get(url, params={**query, "scope": f"{IMAP} offline_access", **more})
        assert answer.status_code == 302, answer.text
        assert answer.headers["location"].startswith(redirect)
        return str(parse_qs(urlsplit(answer.headers["location"]).query)["code"][0])

    def redeem(self, code: str, redirect: str = REDIRECT, **changes: str) -> Any:
        form = {"client_id": self.app_id, "client_secret": self.secret, "grant_type": "authorization_code"}
        form = {**form, "code": code, "redirect_uri": redirect, **changes}
        return self.tenant.token_request(**{name: value for name, value in form.items() if value})


def user_id(tenant: Any, upn: str) -> str:
    return str(tenant.get(f"/users/{upn}")["id"])


def password(tenant: Any, upn: str) -> str:
    caller = tenant.endpoints["callers"][upn.partition("@")[0]]
    return Path(caller["passwordFile"]).read_text()


def refusal(answer: Any) -> tuple[int, int]:
    body = answer.json()
    return answer.status_code, body.get("error_codes", [0])[0]


def claims(answer: Any) -> dict[str, Any]:
    assert answer.status_code == 200, answer.text
    return jwt.decode(answer.json()["access_token"], options={"verify_signature": False})
