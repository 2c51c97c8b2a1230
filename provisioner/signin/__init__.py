"""How we, and a product, get a token.

Everything above asks a `TokenSource` for a token and never sees how it came: client secret, certificate, device code
or browser for us; client credentials, without any cache, for a product whose secret is to be proven.
"""

from __future__ import annotations

from provisioner.signin.operator_tokens import DevicePrompt, OperatorTokens, operator
from provisioner.signin.password import MAIL_SCOPES, OF_NO_API, by_api, scope_text
from provisioner.signin.product import OneToken, as_product, as_product_with_certificate, as_user
from provisioner.signin.quiet import quiet_libraries, slim_libraries
from provisioner.signin.tenant import check_tenant
from provisioner.signin.tokens import Claims, Token, TokenSource, caller, read_claims
from provisioner.signin.wire import Redactor, Trace, WireLine

__all__ = [
    "MAIL_SCOPES",
    "OF_NO_API",
    "Claims",
    "DevicePrompt",
    "OneToken",
    "OperatorTokens",
    "Redactor",
    "Token",
    "TokenSource",
    "Trace",
    "WireLine",
    "as_product",
    "as_product_with_certificate",
    "as_user",
    "by_api",
    "caller",
    "check_tenant",
    "operator",
    "quiet_libraries",
    "read_claims",
    "scope_text",
    "slim_libraries",
]
