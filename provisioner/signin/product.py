"""Tokens as a product gets them, for proofs: as itself or as an account, no cache, every answer from Entra itself.

A cached token would prove an earlier secret, and would carry the roles of an earlier grant.
"""

from __future__ import annotations

from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.signin.credentials import with_certificate, with_secret
from provisioner.signin.off_loop import off_loop
from provisioner.signin.operator_tokens import AzureCredential
from provisioner.signin.password import sign_in
from provisioner.signin.tokens import Token


async def as_product(tenant: Tenant, app_id: AppId, secret: Secret, audience: str) -> Token:
    """A fresh token for a product that signs in with a client secret.

    Raises `SignInRefused` with Entra's code and text, `WrongTenant`, `Unreachable`, or `ServiceFault` where the
    sign-in service itself is ill. A fresh secret may be refused (AADSTS7000215) for some seconds; that is for the
    caller to judge, who knows how fresh it is.
    """
    return await off_loop(lambda: with_secret(tenant, app_id, secret).token(audience))


async def as_product_with_certificate(
    tenant: Tenant, app_id: AppId, certificate_file: str, password: Secret | None, audience: str
) -> Token:
    """A fresh token for a product that signs in with a certificate (PEM or PFX, with its private key)."""
    return await off_loop(lambda: with_certificate(tenant, app_id, certificate_file, password).token(audience))


async def as_user(
    tenant: Tenant, app_id: AppId, secret: Secret | None, account: str, password: Secret, scopes: tuple[str, ...]
) -> Token:
    """A fresh token for a product that signs in as an account, with its password; `secret` is the product's own.

    `scopes` are delegated permissions of one API by name (`by_api` parts them). One attempt, whatever comes of it:
    each refused one brings the account nearer to its lock. Raises as `as_product` does.
    """
    return await off_loop(lambda: sign_in(tenant, app_id, secret, account, password, scopes))


class OneToken:
    """A token that a product got, as a `TokenSource`: it is spent as it is, and never renewed."""

    def __init__(self, token: Token) -> None:
        self._token = token

    async def token(self, audience: str, *, fresh: bool = False) -> Token:
        """That token, whatever the audience: the service will say whether it is for it."""
        return self._token

    async def challenged(self, audience: str, claims: str) -> Token:
        """That token: another one would prove something else."""
        return self._token

    def azure_credential(self) -> object:
        """The same in the shape that Microsoft's clients take."""
        return AzureCredential(self)
