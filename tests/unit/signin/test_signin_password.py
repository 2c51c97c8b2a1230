"""The sign-in with a password: what is asked, one attempt whatever comes of it, and neither secret anywhere else."""

from __future__ import annotations

import asyncio
import traceback
from dataclasses import replace

import pytest
from entra_double import CLIENT, PLANTED, Answer, Entra, granted, jwt, refused

from provisioner.errors import ProvisionerError, ServiceFault, SignInRefused, Unreachable
from provisioner.model.clouds import CLOUDS, Cloud
from provisioner.model.secret import Secret
from provisioner.signin import Token, as_user, by_api, scope_text

ACCOUNT = "magma@contoso.example"
PASSWORD = "pl4nted Passw%rd &=+ ü"
SCOPES = ("IMAP.AccessAsUser.All", "offline_access")


def sign_in(entra: Entra, *scopes: str, secret: str | None = PLANTED) -> Token:
    own = Secret(secret) if secret is not None else None
    return asyncio.run(as_user(entra.tenant(), CLIENT, own, ACCOUNT, Secret(PASSWORD), scopes or SCOPES))


def test_what_is_asked(entra: Entra) -> None:
    sign_in(entra)
    assert entra.forms == [
        {
            "grant_type": "password",
            "client_id": CLIENT,
            "username": ACCOUNT,
            "password": PASSWORD,
            "scope": "https://outlook.office.com/IMAP.AccessAsUser.All offline_access",
            "client_secret": PLANTED,
        }
    ]
    assert [each.split("/")[-1] for each in entra.paths] == ["token"], "nobody is asked about the account first"


def test_a_product_without_a_secret(entra: Entra) -> None:
    sign_in(entra, "User.Read", secret=None)
    (form,) = entra.forms
    assert "client_secret" not in form
    assert form["scope"] == "https://graph.microsoft.com/User.Read"


def test_the_claims(entra: Entra) -> None:
    entra.tokens = [granted(jwt(scp="IMAP.AccessAsUser.All SMTP.Send", upn=ACCOUNT), refresh_token="planted-refresh")]
    token = sign_in(entra)
    assert token.claims is not None
    assert token.claims.scopes == {"IMAP.AccessAsUser.All", "SMTP.Send", "offline_access"}
    assert (token.claims.kind, token.claims.name) == ("user", ACCOUNT)
    assert "planted-refresh" not in repr(token)
    entra.tokens = [granted(jwt(scp="IMAP.AccessAsUser.All"))]
    claims = sign_in(entra).claims
    assert claims is not None
    assert "offline_access" not in claims.scopes


def test_nothing_is_cached(entra: Entra) -> None:
    sign_in(entra)
    sign_in(entra)
    assert len(entra.forms) == 2


ATTEMPTS: list[tuple[Answer, type[ProvisionerError], str]] = [
    (refused(50126, "Error validating credentials.", "invalid_grant", 400), SignInRefused, "AADSTS50126"),
    (refused(50053, "The account is locked.", "invalid_grant", 400), SignInRefused, "AADSTS50053"),
    (refused(50076, "You must use multi-factor.", "interaction_required", 400), SignInRefused, "AADSTS50076"),
    (refused(65001, "Nobody consented.", "invalid_grant", 400), SignInRefused, "AADSTS65001"),
    (refused(7000215, "Invalid client secret provided."), SignInRefused, "AADSTS7000215"),
    ((429, "slow down"), ServiceFault, ""),
    ((503, "ill"), ServiceFault, ""),
    ((200, "a sign-in page of the hotel"), SignInRefused, "NoClearAnswer"),
    ((0, ""), Unreachable, "ConnectionLost"),
]


@pytest.mark.parametrize(("answer", "kind", "code"), ATTEMPTS)
def test_one_attempt_whatever_comes_of_it(
    entra: Entra, answer: Answer, kind: type[ProvisionerError], code: str
) -> None:
    entra.tokens = [answer]
    with pytest.raises(kind) as caught:
        sign_in(entra)
    assert len(entra.forms) == 1
    error = caught.value
    assert isinstance(error, ServiceFault)
    assert error.fault.code == code
    if code.startswith("AADSTS"):
        assert error.fault.message.startswith(f"{code}: ")
        assert error.advice
    told = "".join(traceback.format_exception(error)) + repr(error.__dict__)
    assert PASSWORD not in told
    assert PLANTED not in told


def test_permissions_of_two_apis_are_two_requests() -> None:
    asked = ("SMTP.Send", "User.Read", "offline_access", "IMAP.AccessAsUser.All", "SMTP.Send")
    assert by_api(asked) == (("SMTP.Send", "IMAP.AccessAsUser.All", "offline_access"), ("User.Read", "offline_access"))
    assert by_api(("Mail.ReadWrite",)) == (("Mail.ReadWrite",),)
    assert by_api(("openid",)) == (("openid",),)
    assert by_api(()) == ()


def test_scopes_are_called_as_their_cloud_calls_them(entra: Entra) -> None:
    there = replace(entra.tenant(), endpoints=CLOUDS[Cloud.US_GOV_GCC_HIGH])
    assert scope_text(there, "IMAP.AccessAsUser.All") == "https://outlook.office365.us/IMAP.AccessAsUser.All"
    assert scope_text(there, "User.Read") == "https://graph.microsoft.us/User.Read"
    assert scope_text(there, "offline_access") == "offline_access"
