"""A service's own words reach people and receipts, but no secret in them does."""

from __future__ import annotations

import pytest

from provisioner.model.faults import Fault, without_secrets

TOKEN = "eyJ0eXAiOiJKV1QiLCJhbGciOiJSUzI1NiJ9.eyJhdWQiOiJodHRwczovL2dyYXBoIn0.c2lnbmF0dXJl-_AB"
MINTED = "f0t8Q~abcdefghijklmnopqrstuvwxyz01234567"


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        (f"the token {TOKEN} is no good", TOKEN),
        (f"{{'authorization': 'Bearer {TOKEN}', 'host': 'graph'}}", TOKEN),
        ("Authorization: Bearer an-opaque-token_of-some-kind", "opaque"),
        ("headers: authorization=Basic cHJvdmlzaW9uZXI6cGFzc3dvcmQ=", "cHJvdmlzaW9uZXI6"),
        ('{"secretText":"what~ever.it-is"}', "what~ever"),
        ('an inner {\\"access_token\\":\\"opaque-token\\"} was sent', "opaque-token"),
        ("grant_type=client_credentials&client_secret=hunter2hunter2&scope=x", "hunter2"),
        ("client_assertion=abcdefgh.ijklmnop; scope=x", "ijklmnop"),
        (f"the value {MINTED} was refused", MINTED),
        ("AGE-SECRET-KEY-1QQQQQQQQQQQQQQQQ in a log", "QQQQ"),
    ],
)
def test_secrets_leave_the_message(text: str, secret: str) -> None:
    message = Fault("graph", "POST /x", 400, "BadRequest", text).message
    assert secret not in message
    assert "[hidden]" in message


@pytest.mark.parametrize(
    "text",
    [
        "AADSTS7000218: The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
        "AADSTS7000215: Invalid client secret provided. Ensure the secret being sent in the request is the client "
        "secret value, not the client secret ID, for a secret added to app '00000003-0000-0000-c000-000000000000'.",
        "Property 'secretText' is read-only and cannot be set.",
        "Access token has expired or is not yet valid.",
        "CompactToken parsing failed with error code: 80049217",
        "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the Mailbox.",
        "Resource '7601134a-4e44-43d3-9581-e0bc4a49219c' does not exist or one of its queried reference-property "
        "objects are not present.",
    ],
)
def test_what_services_really_say_stays(text: str) -> None:
    assert without_secrets(text) == text
