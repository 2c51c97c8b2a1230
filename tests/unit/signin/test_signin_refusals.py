from __future__ import annotations

import asyncio
import socket
import traceback
from pathlib import Path

import pytest
from entra_double import CLIENT, PLANTED, TENANT_ID, Entra, EntraServer, granted, jwt, refused

from provisioner.errors import InputFault, ServiceFault, SignInRefused, Unreachable, WrongTenant
from provisioner.model.secret import Secret
from provisioner.pace import Verdict, classify
from provisioner.signin import as_product, as_product_with_certificate, check_tenant
from provisioner.signin.refusals import ADVICE, refusal

EXCHANGE = "https://outlook.office365.com"


def sign_in(entra: Entra):  # type: ignore[no-untyped-def]
    return asyncio.run(as_product(entra.tenant(), CLIENT, Secret(PLANTED), EXCHANGE))


TABLE = [
    (7000215, "Value, not its Secret ID", SignInRefused),
    (7000222, "expired", SignInRefused),
    (50076, "multi-factor", SignInRefused),
    (50079, "register", SignInRefused),
    (53003, "conditional access", SignInRefused),
    (530035, "security defaults", SignInRefused),
    (700016, "client id", SignInRefused),
    (90002, "tenant id", WrongTenant),
    (900023, "tenant id", WrongTenant),
    (65001, "consented", SignInRefused),
    (65002, "pre-authorised", SignInRefused),
    (50053, "locked", SignInRefused),
    (50126, "password", SignInRefused),
    (700027, "certificate is not known", SignInRefused),
    (70043, "sign in again", SignInRefused),
    (50173, "sign in again", SignInRefused),
    (7000229, "service principal", SignInRefused),
    (500011, "no service principal", SignInRefused),
    (99999999, "look the code up", SignInRefused),
]


@pytest.mark.parametrize(("code", "advice", "kind"), TABLE)
def test_every_refusal_has_its_code_text_and_advice(
    entra: Entra, code: int, advice: str, kind: type[SignInRefused]
) -> None:
    entra.tokens = [refused(code, f"Entra's own words for {CLIENT}.")]
    with pytest.raises(SignInRefused) as caught:
        sign_in(entra)
    error = caught.value
    assert type(error) is kind
    assert error.fault.code == f"AADSTS{code}"
    assert error.fault.message == f"AADSTS{code}: Entra's own words for {CLIENT}."
    assert error.fault.request_id == "22222222-2222-4222-8222-222222222222"
    assert error.fault.service == "signin"
    assert advice in (error.advice or "")
    assert error.exit_code == 5
    assert len(entra.forms) == 1, "a refusal is never tried again"
    shown = "".join(traceback.format_exception(error)) + repr(error.fault)
    assert PLANTED not in shown


def test_the_newer_wording_with_blanks_is_read_too() -> None:
    text = (
        "AADSTS7000215: Invalid client secret provided. Trace ID: 11111111-1111-4111-8111-111111111111 "
        "Correlation ID: 22222222-2222-4222-8222-222222222222 Timestamp: 2026-08-13 09:03:41Z"
    )
    error = refusal(text, "sign in")
    assert error is not None
    assert error.fault.message == "AADSTS7000215: Invalid client secret provided."
    assert error.fault.request_id == "22222222-2222-4222-8222-222222222222"
    assert classify(error.fault) is Verdict.NOT_YET
    assert refusal("something else", "sign in") is None


def test_all_advice_is_one_plain_sentence() -> None:
    for code, advice in ADVICE.items():
        assert advice == advice.strip(), code
        assert "\n" not in advice


def test_what_is_sent_and_what_comes_back(entra: Entra) -> None:
    entra.tokens = [granted(jwt(roles=["SMTP.SendAsApp"]))]
    token = sign_in(entra)
    assert token.claims is not None
    assert token.claims.roles == {"SMTP.SendAsApp"}
    (form,) = entra.forms
    assert form["grant_type"] == "client_credentials"
    assert form["scope"] == f"{EXCHANGE}/.default"
    assert form["client_secret"] == PLANTED


def test_a_product_never_gets_a_cached_token(entra: Entra) -> None:
    entra.tokens = [granted(jwt(n=1)), refused(7000215, "Invalid client secret provided.")]
    sign_in(entra)
    with pytest.raises(SignInRefused):
        sign_in(entra)


def test_a_certificate(entra: Entra, entra_server: EntraServer, tmp_path: Path) -> None:
    file = str(entra_server.client_certificate)
    token = asyncio.run(as_product_with_certificate(entra.tenant(), CLIENT, file, None, EXCHANGE))
    assert token.claims is not None
    assert entra.forms[0]["client_assertion_type"].endswith("jwt-bearer")
    assert "client_secret" not in entra.forms[0]
    junk = tmp_path / "junk.pem"
    junk.write_text(f"-----BEGIN PRIVATE KEY-----\n{PLANTED}\n-----END PRIVATE KEY-----\n")
    for bad in (str(tmp_path / "missing.pem"), str(junk), str(tmp_path), entra.ca_file):
        with pytest.raises(InputFault) as caught:
            asyncio.run(as_product_with_certificate(entra.tenant(), CLIENT, bad, Secret(PLANTED), EXCHANGE))
        assert caught.value.places[0].file == bad
        assert PLANTED not in "".join(traceback.format_exception(caught.value)) + str(caught.value.places)


NO_TENANT = refused(90002, f"Tenant '{TENANT_ID}' not found. Check to make sure you have the correct tenant ID.",
                    "invalid_tenant", 400)  # fmt: skip


@pytest.mark.parametrize("answer", [NO_TENANT, (400, {"error": "invalid_tenant"})])
def test_a_wrong_tenant_is_named_although_the_library_hides_it(entra: Entra, answer) -> None:  # type: ignore[no-untyped-def]
    entra.discovery = answer
    with pytest.raises(WrongTenant) as caught:
        asyncio.run(check_tenant(entra.tenant()))
    assert "tenant id" in (caught.value.advice or "")
    with pytest.raises(WrongTenant):
        sign_in(entra)
    assert entra.forms == [], "no secret is sent to a tenant that does not exist"


def test_the_right_tenant_passes(entra: Entra) -> None:
    asyncio.run(check_tenant(entra.tenant()))
    assert entra.paths == [f"GET /{TENANT_ID}/v2.0/.well-known/openid-configuration"]


@pytest.mark.parametrize("answer", [(200, "<html>Welcome to the hotel</html>"), (200, {"a": 1}), (502, "<html>")])
def test_something_else_in_entras_place(entra: Entra, answer) -> None:  # type: ignore[no-untyped-def]
    entra.discovery = answer
    with pytest.raises(ServiceFault) as caught:
        asyncio.run(check_tenant(entra.tenant()))
    assert caught.value.fault.code == "NoDiscoveryDocument"
    assert "hotel" not in str(caught.value)
    with pytest.raises(ServiceFault):
        sign_in(entra)


def test_a_token_of_another_tenant_is_not_accepted(entra: Entra) -> None:
    entra.tokens = [granted(jwt(tid="99999999-0000-4000-8000-000000000009"))]
    with pytest.raises(WrongTenant, match="99999999"):
        sign_in(entra)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_nobody_answers(entra: Entra) -> None:
    entra.url = f"https://127.0.0.1:{free_port()}"
    with pytest.raises(Unreachable) as caught:
        asyncio.run(check_tenant(entra.tenant()))
    assert caught.value.fault.code == "NoConnection"
    with pytest.raises(Unreachable) as caught:
        sign_in(entra)
    assert not caught.value.fault.sent


def test_an_untrusted_certificate(entra: Entra, tmp_path: Path) -> None:
    import certifi

    entra.ca_file = certifi.where()
    for call in (lambda: asyncio.run(check_tenant(entra.tenant())), lambda: sign_in(entra)):
        with pytest.raises(Unreachable) as caught:
            call()
        assert caught.value.fault.code == "CertificateNotTrusted"
    entra.ca_file = str(tmp_path / "missing.pem")
    with pytest.raises(InputFault):
        sign_in(entra)


def test_a_lost_connection(entra: Entra) -> None:
    entra.tokens = [(0, "")]
    with pytest.raises(Unreachable) as caught:
        sign_in(entra)
    assert caught.value.fault.code == "ConnectionLost"


@pytest.mark.parametrize(("status", "verdict"), [(503, Verdict.UNKNOWN), (429, Verdict.THROTTLED)])
def test_an_ill_sign_in_service_is_not_a_refusal(entra: Entra, status: int, verdict: Verdict) -> None:
    entra.tokens = [(status, {"error": "temporarily_unavailable"})]
    entra.headers = {"Retry-After": "600"}
    with pytest.raises(ServiceFault) as caught:
        sign_in(entra)
    assert not isinstance(caught.value, SignInRefused)
    assert classify(caught.value.fault) is verdict
    assert len(entra.forms) == 1, "the library does not sleep for ten minutes"


def test_an_answer_with_a_secret_in_it_is_not_repeated(entra: Entra) -> None:
    entra.tokens = [(400, {"something": PLANTED}), (400, PLANTED)]
    for _ in range(2):
        with pytest.raises(SignInRefused) as caught:
            sign_in(entra)
        assert PLANTED not in "".join(traceback.format_exception(caught.value)) + repr(caught.value.fault)


def test_an_empty_secret_is_faulty_input(entra: Entra) -> None:
    with pytest.raises(InputFault):
        asyncio.run(as_product(entra.tenant(), CLIENT, Secret(""), EXCHANGE))
    assert entra.paths == []
