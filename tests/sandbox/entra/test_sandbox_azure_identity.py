"""azure-identity, unmodified, signs in to the sandbox."""

from __future__ import annotations

import base64
import html
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.identity import (
    CertificateCredential,
    ClientSecretCredential,
    DeviceCodeCredential,
    InteractiveBrowserCredential,
)

SCOPE = "https://graph.microsoft.com/.default"


@pytest.fixture
def common(tenant: Any) -> Iterator[dict[str, Any]]:
    yield {
        "authority": tenant.login,
        "connection_verify": tenant.ca_file,
        "disable_instance_discovery": True,
        "retry_total": 0,
    }


def claims(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def test_client_secret(tenant: Any, common: dict[str, Any]) -> None:
    client_id = tenant.endpoints["callers"]["operator"]["clientId"]
    with ClientSecretCredential(tenant.id, client_id, tenant.operator_secret(), **common) as credential:
        token = credential.get_token(SCOPE).token
    assert "Application.ReadWrite.All" in claims(token)["roles"]
    assert claims(token)["appidacr"] == "1"


def test_certificate(tenant: Any, common: dict[str, Any]) -> None:
    known = tenant.endpoints["callers"]["operator"]
    with CertificateCredential(tenant.id, known["clientId"], known["certificateFile"], **common) as credential:
        token = credential.get_token(SCOPE).token
    assert claims(token)["appidacr"] == "2"


def test_a_certificate_that_is_not_registered(tenant: Any, common: dict[str, Any], tmp_path: Path) -> None:
    from cryptography.hazmat.primitives import serialization

    from provisioner.sandbox.certificates import self_signed

    key, certificate = self_signed("Somebody else")
    pem = tmp_path / "other.pem"
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    pem.write_bytes(private + certificate.public_bytes(serialization.Encoding.PEM))
    client_id = tenant.endpoints["callers"]["operator"]["clientId"]
    with (
        CertificateCredential(tenant.id, client_id, str(pem), **common) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS700027"),
    ):
        credential.get_token(SCOPE)
    # Registered beside the first, it is accepted, and so is the first.
    application = tenant.get(f"/applications(appId='{client_id}')")
    der = base64.b64encode(certificate.public_bytes(serialization.Encoding.DER)).decode()
    keys = [*application["keyCredentials"], {"type": "AsymmetricX509Cert", "usage": "Verify", "key": der}]
    path = f"/applications/{application['id']}"
    assert tenant.graph("PATCH", path, {"keyCredentials": keys}).status_code == 204
    for file in (str(pem), tenant.endpoints["callers"]["operator"]["certificateFile"]):
        with CertificateCredential(tenant.id, client_id, file, **common) as credential:
            assert credential.get_token(SCOPE).token


def test_device_code(tenant: Any, common: dict[str, Any]) -> None:
    client_id = tenant.endpoints["callers"]["exchange-administrator"]["clientId"]

    def approve(uri: str, code: str, expires: object) -> None:
        del uri, expires
        tenant.manage("POST", "/device/approve", userCode=code, **{"as": "exchange-administrator"})

    with DeviceCodeCredential(client_id, tenant_id=tenant.id, prompt_callback=approve, **common) as credential:
        token = credential.get_token(SCOPE).token
        assert claims(token)["upn"] == "exchange-administrator@contoso.example"
        other = credential.get_token("https://outlook.office365.com/.default").token
    assert claims(other)["scp"] == "Exchange.Manage"


def test_a_wrong_secret_shows_the_text(tenant: Any, common: dict[str, Any]) -> None:
    client_id = tenant.endpoints["callers"]["operator"]["clientId"]
    with (
        ClientSecretCredential(tenant.id, client_id, "wrong", **common) as credential,
        pytest.raises(ClientAuthenticationError, match="AADSTS7000215"),
    ):
        credential.get_token(SCOPE)


def test_browser(tenant: Any, common: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """The browser's part is played by a thread that follows what the page says."""

    def browse(url: str, *_: Any, **__: Any) -> bool:
        def follow() -> None:
            page = tenant.http.get(url)
            if page.next_request is not None:
                with httpx.Client(trust_env=False) as browser:
                    browser.get(page.next_request.url)
                return
            action = re.search(r'action="([^"]+)"', page.text)
            assert action is not None, page.text
            fields = {
                html.unescape(name): html.unescape(value)
                for name, value in re.findall(r'name="([^"]+)" value="([^"]+)"', page.text)
            }
            with httpx.Client(trust_env=False) as browser:
                browser.post(html.unescape(action[1]), data=fields)

        threading.Thread(target=follow).start()
        return True

    monkeypatch.setattr("azure.identity._credentials.browser._open_browser", browse)
    client_id = tenant.endpoints["callers"]["plain-user"]["clientId"]
    with InteractiveBrowserCredential(
        client_id=client_id, tenant_id=tenant.id, login_hint="plain-user@contoso.example", timeout=20, **common
    ) as credential:
        token = credential.get_token(SCOPE).token
    assert claims(token)["upn"] == "plain-user@contoso.example"
