"""Exchange Web Services, as far as proving access needs them: GetFolder, app-only with impersonation or as a person.

Refusals come in the service's order: token, the organisation's gates, the mailbox and its gate, the right to it.
"""

from __future__ import annotations

import re
import uuid
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from typing import Final
from xml.sax.saxutils import escape, quoteattr

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from provisioner.sandbox.asgi import abort_of
from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import access_policies, application_roles, directory
from provisioner.sandbox.exchange.ews_gates import mailbox_refuses, organization_refuses
from provisioner.sandbox.exchange.faults import SERVER, CmdletFailed
from provisioner.sandbox.graph.service import http_date
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.store import Document, Transaction
from provisioner.sandbox.tokens import EXCHANGE, Claims, TokenRefused

CLAIM: Final = "full_access_as_app"
ROLE: Final = "EWS.AccessAsApp"
SCOPE: Final = "EWS.AccessAsUser.All"
_LARGEST: Final = 1_000_000

_SOAP: Final = "http://schemas.xmlsoap.org/soap/envelope/"
_TYPES: Final = "http://schemas.microsoft.com/exchange/services/2006/types"
_MESSAGES: Final = "http://schemas.microsoft.com/exchange/services/2006/messages"
_ERRORS: Final = "http://schemas.microsoft.com/exchange/services/2006/errors"
_NAMES: Final = {"s": _SOAP, "t": _TYPES, "m": _MESSAGES}
_CONNECTING: Final = ("PrimarySmtpAddress", "SmtpAddress", "PrincipalName")
_FOLDERS: Final = {
    "inbox": ("Folder", "Inbox"),
    "sentitems": ("Folder", "Sent Items"),
    "msgfolderroot": ("Folder", "Top of Information Store"),
    "calendar": ("CalendarFolder", "Calendar"),
}

mark(
    "Closed by a gate: HTTP 403 with X-EWS-Policy-Reason, one of two sentences",
    source="MicrosoftDocs/office-developer-exchange-docs how-to-control-access-to-ews-in-exchange.md",
    if_wrong="the gate is not named, or lag is taken for a gate",
)
mark(
    "An operation that is not played: 500 ErrorInvalidRequest",
    source="of the sandbox's own making",
    if_wrong="nothing: no client of ours sends another",
)


class _Refused(Exception):
    """`status` with a SOAP fault of `code`, or without a body when there is no code; headers as given."""

    def __init__(self, status: int, code: str = "", text: str = "", **headers: str) -> None:
        super().__init__(f"{status} {code}")
        self.status = status
        self.code = code
        self.text = text
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@dataclass(frozen=True)
class _Asked:
    """One GetFolder: whom it impersonates, which folders (distinguished id, mailbox it names) it wants."""

    impersonated: str | None
    folders: tuple[tuple[str, str | None], ...]


def ews_routes(sandbox: Sandbox) -> list[Route]:
    """Routes for the HTTPS front."""
    service = WebServices(sandbox)
    return [Route(path, service.endpoint, methods=["POST"]) for path in ("/EWS/Exchange.asmx", "/ews/exchange.asmx")]


class WebServices:
    """The endpoint over one sandbox."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    async def endpoint(self, request: Request) -> Response:
        """One SOAP request."""
        faults = self._sandbox.faults
        effect = await faults.before("ews", "GetFolder")
        caller = ""
        if effect is None:
            raw = await request.body()
            try:
                claims = self._claims(request)
                caller = claims.caller
                response = self._answer(claims, raw, request.headers.get("user-agent", ""))
            except _Refused as refusal:
                response = _refusal(refusal)
            effect = await faults.after("ews", "GetFolder")
        if effect is not None:
            if effect.drop:
                abort_of(request.scope)()
            response = Response(status_code=effect.status or 503)
            if effect.retry_after is not None:
                response.headers["Retry-After"] = str(effect.retry_after)
        request_id = str(uuid.uuid4())
        self._sandbox.history.append(
            "ews", "GetFolder", caller=caller, status=response.status_code, request_id=request_id
        )
        response.headers["request-id"] = request_id
        response.headers["Date"] = http_date(self._sandbox)
        response.headers["X-FEServer"] = SERVER
        return response

    def _claims(self, request: Request) -> Claims:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        try:
            claims = self._sandbox.tokens.verify(token if scheme.casefold() == "bearer" else "", EXCHANGE)
        except TokenRefused as refused:
            raise _unauthorized(2000003, f"The token is refused: {refused.reason}.", "invalid_token") from refused
        if claims.tid != self._sandbox.tenant_id:
            raise _unauthorized(2000003, "The token belongs to another tenant.", "invalid_token")
        return claims

    def _answer(self, claims: Claims, raw: bytes, user_agent: str) -> Response:
        with self._sandbox.store.transaction() as tx:
            self._check_permission(tx, claims)
            asked = _read(raw)
            if reason := organization_refuses(self._sandbox, tx, claims.appid, user_agent):
                raise _Refused(403, X_EWS_Policy_Reason=reason)
            own = self._impersonated(tx, claims, asked) if claims.app_only else self._own(tx, claims, asked)
            if reason := mailbox_refuses(self._sandbox, tx, own["id"]):
                raise _Refused(403, X_EWS_Policy_Reason=reason)
            shown = [self._folder(tx, claims, own, name, other) for name, other in asked.folders]
        return _soap(
            200,
            f'<m:GetFolderResponse xmlns:m="{_MESSAGES}" xmlns:t="{_TYPES}"><m:ResponseMessages>{"".join(shown)}'
            "</m:ResponseMessages></m:GetFolderResponse>",
        )

    @behaviour(
        "A token without any permission for EWS, whose application has no role for it either: 401, x-ms-diagnostics "
        "2000008",
        source="otris/ews-cpp#148 (header); with application roles: unverified",
        if_wrong="a missing consent is not told from a wrong token",
    )
    def _check_permission(self, tx: Transaction, claims: Claims) -> None:
        if (CLAIM in claims.roles) if claims.app_only else (SCOPE in claims.scp):
            return
        if claims.app_only:
            seen = self._sandbox.protocols_as_of("role", claims.appid)
            pointer = application_roles.pointer_of(tx, claims, seen)
            held = [] if pointer is None else application_roles.assignments(tx, pointer["id"], seen)
            if any(ROLE in each.permissions for each in held):
                return
        text = "The token contains no permissions, or permissions can not be understood."
        raise _unauthorized(2000008, text, "invalid_grant")

    @behaviour(
        "App-only needs an ExchangeImpersonation header naming a mailbox; full_access_as_app opens every one, the role "
        "Application EWS.AccessAsApp those in its scope; outside it 403 ErrorAccessDenied without a policy reason, "
        "with [RAOP] in the text where an application access policy is why",
        source="exchange.md 5.5 S16, 4.4 S19, 4.5 S1; the refusals' codes and words unverified",
        if_wrong="a scope too narrow is taken for a closed gate",
    )
    def _impersonated(self, tx: Transaction, claims: Claims, asked: _Asked) -> Document:
        if asked.impersonated is None:
            raise _Refused(
                500,
                "ErrorInvalidExchangeImpersonationHeaderData",
                "ExchangeImpersonation SOAP header must be present for this type of OAuth token.",
            )
        try:
            mailbox = directory.mailbox(tx, asked.impersonated)
        except CmdletFailed:
            text = "The SMTP address has no mailbox associated with it."
            raise _Refused(500, "ErrorNonExistentMailbox", text) from None
        blocked = access_policies.blocks(self._sandbox, tx, claims, mailbox)
        if CLAIM in claims.roles and not blocked:
            return mailbox
        if application_roles.permitted(self._sandbox, tx, claims, (ROLE,), mailbox):
            return mailbox
        if CLAIM in claims.roles:
            raise _Refused(403, "ErrorAccessDenied", access_policies.REFUSAL)
        raise _Refused(403, "ErrorAccessDenied", "Access is denied. Check credentials and try again.")

    @behaviour(
        "A person's token must not impersonate: ErrorInvalidExchangeImpersonationHeaderData",
        source="OfficeDev/ews-managed-api#212 (text and code)",
        if_wrong="only the text of an error differs",
    )
    def _own(self, tx: Transaction, claims: Claims, asked: _Asked) -> Document:
        if asked.impersonated is not None:
            raise _Refused(
                500,
                "ErrorInvalidExchangeImpersonationHeaderData",
                "ExchangeImpersonation SOAP header must not exist for this type of OAuth token.",
            )
        try:
            return directory.mailbox(tx, claims.upn or "")
        except CmdletFailed:
            text = "The SMTP address has no mailbox associated with it."
            raise _Refused(500, "ErrorNonExistentMailbox", text) from None

    def _folder(self, tx: Transaction, claims: Claims, own: Document, name: str, other: str | None) -> str:
        mailbox = own
        if other is not None:
            try:
                mailbox = directory.mailbox(tx, other)
            except CmdletFailed:
                return _message_error("ErrorNonExistentMailbox", "The SMTP address has no mailbox associated with it.")
            if mailbox["id"] != own["id"] and not self._may_open(tx, claims, own, mailbox):
                return _message_error("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        if name not in _FOLDERS:
            return _message_error("ErrorFolderNotFound", "The specified folder could not be found in the store.")
        kind, title = _FOLDERS[name]
        address = mailbox["primarySmtpAddress"].lower()
        count = sum(each["mailbox"] == address and each["folder"] == name for each in tx.view("messages"))
        unread = "" if kind == "CalendarFolder" else f"<t:UnreadCount>{count}</t:UnreadCount>"
        identity = quoteattr(f"{mailbox['id']}:{name}")
        return (
            '<m:GetFolderResponseMessage ResponseClass="Success"><m:ResponseCode>NoError</m:ResponseCode><m:Folders>'
            f'<t:{kind}><t:FolderId Id={identity} ChangeKey="AQAAABYAAAA="/><t:DisplayName>{title}</t:DisplayName>'
            f"<t:TotalCount>{count}</t:TotalCount><t:ChildFolderCount>0</t:ChildFolderCount>{unread}</t:{kind}>"
            "</m:Folders></m:GetFolderResponseMessage>"
        )

    def _may_open(self, tx: Transaction, claims: Claims, own: Document, other: Document) -> bool:
        if claims.app_only:
            return False  # the impersonated person's rights would count; nobody asks that way
        seen = self._sandbox.protocols_as_of("right", f"{other['id']}:{own['sid']}")
        return "FullAccess" in directory.rights(tx, other["id"], own["sid"], seen)


def _read(raw: bytes) -> _Asked:
    if len(raw) > _LARGEST or re.search(rb"<!(DOCTYPE|ENTITY)", raw, re.IGNORECASE):
        raise _Refused(400)
    try:
        root = ET.fromstring(raw)  # noqa: S314 - no document type, no entities
    except ET.ParseError:
        raise _Refused(400) from None
    body = root.find("s:Body/m:GetFolder", _NAMES)
    if root.tag != f"{{{_SOAP}}}Envelope" or body is None:
        raise _Refused(500, "ErrorInvalidRequest", "The request is invalid.")
    header = root.find("s:Header/t:ExchangeImpersonation/t:ConnectingSID", _NAMES)
    named = None if header is None else _connecting(header)
    folders = [
        ((each.get("Id") or "").lower(), each.findtext("t:Mailbox/t:EmailAddress", None, _NAMES))
        for each in body.findall("m:FolderIds/t:DistinguishedFolderId", _NAMES)
    ]
    if not folders:
        raise _Refused(500, "ErrorSchemaValidation", "The request failed schema validation.")
    return _Asked(named, tuple(folders))


def _connecting(header: ET.Element) -> str:
    names = (header.findtext(f"t:{name}", None, _NAMES) for name in _CONNECTING)
    return next((name for name in names if name), "")


def _unauthorized(number: int, reason: str, category: str) -> _Refused:
    return _Refused(
        401,
        WWW_Authenticate='Bearer client_id="00000002-0000-0ff1-ce00-000000000000", '
        'trusted_issuers="00000001-0000-0000-c000-000000000000@*", '
        f'token_types="app_asserted_user_v1 service_asserted_app_v1", error="{category}"',
        x_ms_diagnostics=f'{number};reason="{reason}";error_category="{category}"',
    )


def _refusal(refused: _Refused) -> Response:
    if not refused.code:
        return Response(status_code=refused.status, headers=refused.headers)
    return _soap(
        refused.status,
        f'<s:Fault><faultcode xmlns:a="{_TYPES}">a:{refused.code}</faultcode>'
        f'<faultstring xml:lang="en-US">{escape(refused.text)}</faultstring><detail>'
        f'<e:ResponseCode xmlns:e="{_ERRORS}">{refused.code}</e:ResponseCode>'
        f'<e:Message xmlns:e="{_ERRORS}">{escape(refused.text)}</e:Message></detail></s:Fault>',
    )


def _message_error(code: str, text: str) -> str:
    return (
        f'<m:GetFolderResponseMessage ResponseClass="Error"><m:MessageText>{escape(text)}</m:MessageText>'
        f"<m:ResponseCode>{code}</m:ResponseCode><m:DescriptiveLinkKey>0</m:DescriptiveLinkKey><m:Folders/>"
        "</m:GetFolderResponseMessage>"
    )


def _soap(status: int, body: str) -> Response:
    version = (
        f'<h:ServerVersionInfo MajorVersion="15" MinorVersion="20" MajorBuildNumber="9343" MinorBuildNumber="9" '
        f'Version="V2018_01_08" xmlns:h="{_TYPES}"/>'
    )
    text = (
        f'<?xml version="1.0" encoding="utf-8"?><s:Envelope xmlns:s="{_SOAP}"><s:Header>{version}</s:Header>'
        f"<s:Body>{body}</s:Body></s:Envelope>"
    )
    return Response(text, status_code=status, media_type="text/xml; charset=utf-8")
