"""Tokens to judge: a product's own one of the sandbox, others that the sandbox issued, and forgeries of it."""

from __future__ import annotations

import json
import ssl
import time
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jwt
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from tests.system.support import Sandbox
from tests.system.tenant import EXCHANGE, GRAPH, Administrator, only

EXCHANGE_APP_ID = "00000002-0000-0ff1-ce00-000000000000"
OTHER_TENANT = "99999999-9999-4999-8999-999999999999"
PERMISSIONS = ("IMAP.AccessAsApp", "POP.AccessAsApp", "SMTP.SendAsApp")


@dataclass(frozen=True)
class Published:
    """What the tenant publishes for those who verify its tokens."""

    issuer: str
    keys: Mapping[str, jwt.PyJWK]
    """By key id."""

    def pem(self) -> dict[str, str]:
        """The keys as PEM, by key id."""
        form = (serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
        return {name: key.key.public_bytes(*form).decode() for name, key in self.keys.items()}


def published(sandbox: Sandbox) -> Published:
    """The signing keys, found as a resource server finds them: by the discovery document."""
    tenant = sandbox.endpoints["tenantId"]
    tls = ssl.create_default_context(cafile=sandbox.endpoints["caFile"])

    def read(address: str) -> dict[str, Any]:
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=tls))
        with opener.open(address, timeout=30) as reply:
            found: dict[str, Any] = json.loads(reply.read())
        return found

    described = read(f"{sandbox.endpoints['login']}/{tenant}/v2.0/.well-known/openid-configuration")
    keys = jwt.PyJWKSet.from_dict(read(described["jwks_uri"])).keys
    # Exchange gets tokens of version 1, whose issuer is not the document's.
    return Published(f"https://sts.windows.net/{tenant}/", {str(key.key_id): key for key in keys})


class Product:
    """An application that may use each mail protocol, once a mailbox is opened to it."""

    def __init__(self, administrator: Administrator, name: str) -> None:
        self._administrator = administrator
        application = administrator.graph("POST", "/applications", {"displayName": name})
        self.client_id = str(application["appId"])
        self._principal = administrator.graph("POST", "/servicePrincipals", {"appId": self.client_id})["id"]
        minted = administrator.graph("POST", f"/applications/{application['id']}/addPassword", {})
        self._secret = minted["secretText"]
        exchange = administrator.graph("GET", f"/servicePrincipals(appId='{EXCHANGE_APP_ID}')?$select=id,appRoles")
        for permission in PERMISSIONS:
            role = only([each for each in exchange["appRoles"] if each["value"] == permission])
            assignment = {"principalId": self._principal, "resourceId": exchange["id"], "appRoleId": role["id"]}
            administrator.graph("POST", f"/servicePrincipals/{self._principal}/appRoleAssignments", assignment)

    def open_mailbox(self, mailbox: str) -> None:
        """Exchange's part: pointer, FullAccess, SMTP AUTH."""
        run = self._administrator.cmdlet
        run("New-ServicePrincipal", AppId=self.client_id, ObjectId=self._principal)
        run("Add-MailboxPermission", Identity=mailbox, User=self._principal, AccessRights="FullAccess")
        run("Set-CASMailbox", Identity=mailbox, SmtpClientAuthenticationDisabled=False)

    def token(self, resource: str = EXCHANGE) -> str:
        """A fresh access token."""
        return str(self._administrator.token(self.client_id, self._secret, resource)["access_token"])


class Forger:
    """Changes a token and signs it anew, as nobody but the sandbox could: with the sandbox's own key."""

    def __init__(self, sandbox: Sandbox, genuine: str) -> None:
        self._key = Path(sandbox.directory, "signing-key.pem").read_bytes()
        self._genuine = genuine
        self._header = jwt.get_unverified_header(genuine)
        self._claims = jwt.decode(genuine, options={"verify_signature": False})

    def changed(self, *, key: rsa.RSAPrivateKey | None = None, **claims: Any) -> str:
        """The token with these claims; None takes one out. `key` signs in place of the sandbox's."""
        wanted = {name: value for name, value in {**self._claims, **claims}.items() if value is not None}
        return jwt.encode(wanted, key or self._key, algorithm="RS256", headers={"kid": self._header["kid"]})

    def dated(self, **seconds: int) -> str:
        """The token with dates so many seconds from now."""
        now = int(time.time())
        dates: dict[str, Any] = {name: now + lead for name, lead in seconds.items()}
        return self.changed(**dates)

    def flat(self, **claims: Any) -> str:
        """Without the claims that are lists, which Dovecot's own verification does not survive."""
        without: dict[str, Any] = {name: None for name, value in self._claims.items() if isinstance(value, list)}
        return self.changed(**{**without, **claims})

    def altered(self) -> str:
        """Another claim under the old signature."""
        head, _, signature = self._genuine.split(".")
        return f"{head}.{self.changed(oid=OTHER_TENANT).split('.')[1]}.{signature}"

    def unsigned(self) -> str:
        """With algorithm `none`."""
        return jwt.encode(self._claims, "", algorithm="none", headers={"kid": self._header["kid"]})


def foreign_key() -> rsa.RSAPrivateKey:
    """A key that nobody publishes."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def refused(forger: Forger, ours: Product, other: Product) -> dict[str, str]:
    """Every token that must open nothing, by what is wrong with it."""
    return {
        "expired": forger.dated(iat=-7200, nbf=-7200, exp=-3600),
        "of another tenant": forger.changed(iss=f"https://sts.windows.net/{OTHER_TENANT}/", tid=OTHER_TENANT),
        "for Graph": ours.token(GRAPH),
        "for Graph, with these roles": forger.changed(aud=GRAPH),
        "signed by somebody else": forger.changed(key=foreign_key()),
        "altered": forger.altered(),
        "unsigned": forger.unsigned(),
        "no token": "nonsense",
        "of a product without the right": other.token(),
    }
