"""Sign-ins as accounts within one run: one attempt, remembered; and what verify makes of a password."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from graph_doubles import TENANT
from tenant_double import TenantDouble

from provisioner.errors import InputFault, SignInRefused
from provisioner.home import Home
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.probes import NoPassword
from provisioner.signin import Token
from provisioner.workflows.account_sign_ins import AccountSignIns

APP, OTHER_APP = AppId("a"), AppId("b")
ACCOUNT = "vma@contoso.example"
IMAP, SMTP = ("IMAP.AccessAsUser.All",), ("SMTP.Send",)


def sign_ins(tmp_path: Path, **given: str) -> tuple[TenantDouble, AccountSignIns]:
    tenant = TenantDouble()
    tenant.given = given
    return tenant, AccountSignIns(tenant.ports(Home(tmp_path)), TENANT, tenant.clock)


def once(
    accounts: AccountSignIns, scopes: tuple[str, ...] = IMAP, *, app: AppId = APP, account: str = ACCOUNT
) -> Token:
    return asyncio.run(accounts.token(app, Secret("s"), account=account, reference="env:PASSWORD", scopes=scopes))


def test_the_same_permissions_are_asked_for_once(tmp_path: Path) -> None:
    tenant, accounts = sign_ins(tmp_path, PASSWORD="word")
    first = once(accounts)
    assert once(accounts) is first
    once(accounts, SMTP)
    assert tenant.account_attempts == [(ACCOUNT, IMAP), (ACCOUNT, SMTP)]


@pytest.mark.parametrize("code", ["AADSTS50126", "AADSTS50053", "AADSTS65001", "AADSTS7000215"])
def test_a_refused_account_gets_no_second_attempt(tmp_path: Path, code: str) -> None:
    tenant, accounts = sign_ins(tmp_path, PASSWORD="word")
    tenant.account_refusals = [code]
    for scopes, app, account in ((IMAP, APP, ACCOUNT), (SMTP, APP, ACCOUNT.upper()), (IMAP, OTHER_APP, ACCOUNT)):
        with pytest.raises(SignInRefused, match=code):
            once(accounts, scopes, app=app, account=account)
    assert len(tenant.account_attempts) == 1


def test_another_account_is_not_to_blame(tmp_path: Path) -> None:
    tenant, accounts = sign_ins(tmp_path, PASSWORD="word")
    tenant.account_refusals = ["AADSTS50126"]
    with pytest.raises(SignInRefused):
        once(accounts)
    assert once(accounts, account="sales@contoso.example")


def test_a_token_that_ends_is_had_anew(tmp_path: Path) -> None:
    """By the tenant's time, which moves while a proof waits."""
    tenant, accounts = sign_ins(tmp_path, PASSWORD="word")
    life = timedelta(hours=1)

    async def granted(*_: object, **__: object) -> Token:
        tenant.account_attempts.append((ACCOUNT, IMAP))
        return Token(Secret("t"), datetime.now(UTC) + life, None)

    accounts._ports = replace(accounts._ports, account_sign_in=granted)
    once(accounts)
    tenant.clock.time += life - timedelta(minutes=6)
    once(accounts)
    assert len(tenant.account_attempts) == 1
    tenant.clock.time += timedelta(minutes=2)
    once(accounts)
    assert len(tenant.account_attempts) == 2


def test_a_password_is_asked_for_once_and_may_be_missing(tmp_path: Path) -> None:
    tenant, accounts = sign_ins(tmp_path)
    asked: list[str] = []

    async def read(reference: str, what: str) -> Secret:
        asked.append(what)
        raise InputFault("no terminal to ask")

    accounts._ports = replace(accounts._ports, read_secret=read)
    for _ in range(2):
        with pytest.raises(NoPassword, match="no terminal"):
            once(accounts)
    assert asked == [f"password of {ACCOUNT}"]
    assert tenant.account_attempts == []
