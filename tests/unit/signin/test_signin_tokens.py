from __future__ import annotations

import logging
from datetime import UTC, datetime

import pytest
from entra_double import CLIENT, PLANTED, TENANT_ID, jwt

from provisioner.model.secret import Secret
from provisioner.signin import Token, caller, quiet_libraries, read_claims
from provisioner.signin.quiet import TALKATIVE

OBJ = "bbbbbbbb-0000-4000-8000-000000000001"


def token(text: str) -> Token:
    return Token(Secret(text), datetime.now(UTC), read_claims(text))


def test_an_applications_token() -> None:
    claims = read_claims(jwt(roles=["Mail.Send", "User.Read.All"], app_displayname="Tool", idtyp="app"))
    assert claims is not None
    assert (claims.tenant_id, claims.app_id, claims.object_id) == (TENANT_ID, CLIENT, OBJ)
    assert claims.roles == {"Mail.Send", "User.Read.All"}
    assert (claims.kind, claims.name) == ("application", "Tool")


def test_a_persons_token() -> None:
    wids = ["158C047A-C907-4556-B7EF-446551A6B5F7"]
    claims = read_claims(jwt(scp="User.Read Directory.Read.All", wids=wids, upn="anna@contoso.com", name="Anna"))
    assert claims is not None
    assert claims.scopes == {"User.Read", "Directory.Read.All"}
    assert claims.directory_roles == {"158c047a-c907-4556-b7ef-446551a6b5f7"}
    assert (claims.kind, claims.name) == ("user", "anna@contoso.com")


def test_a_v2_token_names_its_application_azp() -> None:
    claims = read_claims(jwt(appid=None, azp=CLIENT.upper()))
    assert claims is not None
    assert claims.app_id == CLIENT
    assert claims.kind == "application"


@pytest.mark.parametrize("text", ["opaque", "a.b.c", "", "....", jwt(tid=None), jwt(oid=7, sub=None), "a.bnVsbA.c"])
def test_an_opaque_token_makes_an_unknown_caller(text: str) -> None:
    assert read_claims(text) is None
    assert caller(token(text)).known is False


def test_the_caller_is_what_the_token_says() -> None:
    who = caller(token(jwt(roles=["Application.ReadWrite.All"], wids=["x"])))
    assert (who.kind, who.object_id, who.known) == ("application", OBJ, True)
    assert who.roles == {"Application.ReadWrite.All"}


def test_a_token_does_not_show_itself() -> None:
    assert PLANTED not in repr(token(PLANTED))


def test_debug_logging_of_the_root_does_not_make_libraries_talk() -> None:
    loggers = [logging.getLogger(name) for name in (*TALKATIVE, "azure.identity")]
    before = [each.level for each in loggers]
    root = logging.getLogger()
    root_before = root.level
    try:
        root.setLevel(logging.DEBUG)
        for each in loggers:
            each.setLevel(logging.DEBUG)
        quiet_libraries()
        assert not any(logging.getLogger(name).isEnabledFor(logging.INFO) for name in TALKATIVE)
        assert not logging.getLogger("azure.identity._internal.get_token_mixin").isEnabledFor(logging.WARNING)
        assert not logging.getLogger("pypsrp.wsman").isEnabledFor(logging.DEBUG)
    finally:
        root.setLevel(root_before)
        for each, level in zip(loggers, before, strict=True):
            each.setLevel(level)
