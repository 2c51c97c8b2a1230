"""Client submission over SMTP, as Exchange Online's: STARTTLS, XOAUTH2, each refusal at the stage where it comes.

What is decided is in `exchange.submission`; here are the conversation and its words. Tokens are looked at and
forgotten.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import ssl
import threading
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime
from email.utils import format_datetime
from typing import Any, Final

from aiosmtpd.smtp import SMTP, AuthResult

from provisioner.sandbox.core import Sandbox
from provisioner.sandbox.exchange import submission
from provisioner.sandbox.exchange.faults import CmdletFailed
from provisioner.sandbox.exchange.submission import Sender, SignInRefused
from provisioner.sandbox.faults import Effect
from provisioner.sandbox.ledger import behaviour, mark
from provisioner.sandbox.sasl import parse_xoauth2

HOST: Final = "SBXP01CA0001.outlook.office365.com"
MAILBOX_SERVER: Final = "SBXPR01MB0001.SBXPR01A001.PROD.OUTLOOK.COM"
MAX_CONNECTIONS: Final = 3
MAX_MESSAGES_A_MINUTE: Final = 30
MAX_BYTES: Final = 157_286_400
_AUTH_LINE: Final = 16_384

# What aiosmtpd says by itself, and what Exchange Online says.
_WORDS: Final = {
    "220 Ready to start TLS": "220 2.0.0 SMTP server ready",
    "354 End data with <CR><LF>.<CR><LF>": "354 Start mail input; end with <CRLF>.<CRLF>",
    "250 OK": "250 2.0.0 Resetting",
    "503 Already authenticated": "503 5.5.2 Already authenticated",
    "503 Error: need MAIL command": "503 5.5.2 Need mail command",
    "503 Error: need RCPT command": "503 5.5.2 Need rcpt command",
}

mark(
    "EHLO offers what Exchange Online offers, but for BINARYMIME and CHUNKING, which are not played; AUTH after "
    "STARTTLS",
    source="simonrob/email-oauth2-proxy#297 (transcript), from memory in detail",
    if_wrong="a client that uses BDAT is not found out",
)
mark(
    "A failed XOAUTH2 is answered with 535 at once, without a JSON challenge",
    source="exchange.md 5.2 S16; live behaviour unverified",
    if_wrong="a client that waits for a challenge hangs in the service, or here",
)
mark(
    "SMTP AUTH off: 535 5.7.139 ... SmtpClientAuthentication is disabled for the Tenant (or Mailbox)",
    source="exchange.md 5.3; simonrob/email-oauth2-proxy#193 (Tenant); the Mailbox form unverified",
    if_wrong="the switch is not named as the cause",
)


class _Dropped(Exception):
    """A fault was asked for: the connection is cut."""


class _Submission:
    """aiosmtpd's handler: the hooks of one listener."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._signed_in: Counter[str] = Counter()
        self._sent: dict[str, deque[float]] = {}

    async def handle_EHLO(  # noqa: N802 - aiosmtpd's names
        self, server: Any, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        """The capabilities."""
        del envelope, responses
        session.host_name = hostname
        offered = [f"{HOST} Hello [127.0.0.1]", f"SIZE {MAX_BYTES}", "PIPELINING", "DSN", "ENHANCEDSTATUSCODES"]
        offered += ["AUTH LOGIN XOAUTH2" if server.secured else "STARTTLS", "8BITMIME", "SMTPUTF8"]
        return [*(f"250-{line}" for line in offered[:-1]), f"250 {offered[-1]}"]

    async def auth_XOAUTH2(self, server: Any, arguments: list[str]) -> AuthResult:  # noqa: N802
        """Sign in with a token, in one line or after an empty challenge."""
        if len(arguments) == 2:
            try:
                response = base64.b64decode(arguments[1], validate=True)
            except binascii.Error:
                return _no("501 5.5.4 Invalid argument")
        else:
            response = await server.challenge_auth("")
            if not isinstance(response, bytes):
                return AuthResult(success=False, handled=True)
        if (refused := await self._fault("AUTH", after=False)) is not None:
            return _no(refused)
        user, token = parse_xoauth2(response)
        result = self._sign_in(server, user, token)
        if (refused := await self._fault("AUTH", after=True)) is not None:
            return _no(refused)
        return result

    @behaviour(
        "Without a sign-in MAIL is refused with 530 5.7.57; before STARTTLS with 451 5.7.3; more than three "
        "connections of "
        "a mailbox with 432 4.3.2 (at MAIL)",
        source="exchange.md 5.3, S23; the stage of 432 and the 451 unverified",
        if_wrong="the client names the wrong cause",
    )
    async def handle_MAIL(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Who it says it is from is judged at the end of DATA; here only that somebody signed in."""
        if (refused := await self._fault("MAIL", after=False)) is not None:
            return refused
        if not server.secured:
            return f"451 5.7.3 STARTTLS is required to send mail [{HOST}]"
        if session.auth_data is None:
            return f"530 5.7.57 Client not authenticated to send mail. [{self._trace()}]"
        sender: Sender = session.auth_data
        if self._signed_in[sender.mailbox] > MAX_CONNECTIONS:
            return (
                "432 4.3.2 Concurrent connections limit exceeded. Visit https://aka.ms/concurrent_sending for more "
                f"information. [Hostname={MAILBOX_SERVER}]"
            )
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 2.1.0 Sender OK"

    async def handle_RCPT(  # noqa: N802
        self, server: Any, session: Any, envelope: Any, address: str, options: list[str]
    ) -> str:
        """Every recipient is taken; what is unknown would bounce later."""
        del server, session
        if (refused := await self._fault("RCPT", after=False)) is not None:
            return refused
        envelope.rcpt_tos.append(address)
        envelope.rcpt_options.extend(options)
        return "250 2.1.5 Recipient OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """The message is here: open the mailbox, judge the sender, deliver."""
        del server
        if (refused := await self._fault("DATA", after=False)) is not None:
            return refused
        sender: Sender = session.auth_data
        reply = self._submit(sender, envelope.mail_from, list(envelope.rcpt_tos), envelope.content)
        self._log("DATA", sender.caller, reply, write=True)
        return await self._fault("DATA", after=True) or reply

    async def handle_QUIT(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """Good-bye."""
        del server, session, envelope
        return "221 2.0.0 Service closing transmission channel"

    async def handle_exception(self, error: Exception) -> str:
        """A cut that was asked for, or a defect of ours."""
        if not isinstance(error, _Dropped):
            raise error
        return "421 4.3.2 The connection is cut"

    def left(self, sender: Sender) -> None:
        """A signed-in connection has ended."""
        self._signed_in[sender.mailbox] -= 1

    def _sign_in(self, server: Any, user: str, token: str) -> AuthResult:
        try:
            sender = submission.sign_in(self._sandbox, user, token)
        except SignInRefused as refused:
            reply = self._refusal(refused)
            self._log("AUTH", user, reply)
            return _no(reply)
        self._signed_in[sender.mailbox] += 1
        server.sender = sender
        self._log("AUTH", sender.caller, "235")
        return AuthResult(success=True, auth_data=sender)

    def _refusal(self, refused: SignInRefused) -> str:
        if refused.switched_off is None:
            return f"535 5.7.3 Authentication unsuccessful [{self._trace()}]"
        return (
            "535 5.7.139 Authentication unsuccessful, SmtpClientAuthentication is disabled for the "
            f"{refused.switched_off}. Visit https://aka.ms/smtp_auth_disabled for more information. [{self._trace()}]"
        )

    @behaviour(
        "Another sender: 554 5.2.0 ... SendAsDenied when the address is a mailbox, 550 5.7.60 when it is none; both "
        "after "
        "the message was sent",
        source="exchange.md 5.3; jstedfast/MailKit#1176 (text); which of the two comes when: unverified",
        if_wrong="the missing SendAs is not named",
    )
    @behaviour(
        "More than 30 messages a minute: 432 4.3.2",
        source="unverified (exchange.md 5.6 S23: the excess is delayed)",
        if_wrong="a client that sends many at once sees a refusal instead of a delay",
    )
    def _submit(self, sender: Sender, mail_from: str, recipients: list[str], content: bytes) -> str:
        message = submission.read_message(self._sandbox, content)
        if self._too_many(sender):
            return f"432 4.3.2 STOREDRV.ClientSubmit; sender thread limit exceeded [Hostname={MAILBOX_SERVER}]"
        with self._sandbox.store.transaction() as tx:
            if not submission.may_open(self._sandbox, tx, sender):
                return (
                    "430 4.2.0 STOREDRV; mailbox logon failure; STOREDRV.Submission.Exception:"
                    "ConnectionFailedTransientException.MapiExceptionLogonFailed; Failed to process message due to a "
                    "transient exception with message [BeginDiagnosticData]Cannot open mailbox. "
                    f"Server = {MAILBOX_SERVER}[EndDiagnosticData] [Hostname={MAILBOX_SERVER}]"
                )
            for address in dict.fromkeys((mail_from.lower(), submission.from_address(message))):
                try:
                    allowed = not address or submission.may_send_as(self._sandbox, tx, sender, address)
                except CmdletFailed:
                    return "550 5.7.60 SMTP; Client does not have permissions to send as this sender"
                if not allowed:
                    return (
                        "554 5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException.MapiExceptionSendAsDenied; "
                        "Failed to process message due to a permanent exception with message "
                        f"[BeginDiagnosticData]Cannot submit message.[EndDiagnosticData] [Hostname={MAILBOX_SERVER}]"
                    )
            submission.deliver(self._sandbox, tx, sender, recipients, message)
        return f"250 2.0.0 OK {message['message-id']} [Hostname={MAILBOX_SERVER}]"

    def _too_many(self, sender: Sender) -> bool:
        now = self._sandbox.clock.now()
        recent = self._sent.setdefault(sender.mailbox, deque())
        while recent and recent[0] <= now - 60:
            recent.popleft()
        if len(recent) >= MAX_MESSAGES_A_MINUTE:
            return True
        recent.append(now)
        return False

    async def _fault(self, verb: str, *, after: bool) -> str | None:
        ask = self._sandbox.faults.after if after else self._sandbox.faults.before
        effect: Effect | None = await ask("smtp", verb)
        if effect is None:
            return None
        if effect.drop:
            raise _Dropped
        return effect.error or f"451 4.7.0 Temporary server error. Please try again later. [{self._trace()}]"

    def _log(self, verb: str, caller: str, reply: str, *, write: bool = False) -> None:
        self._sandbox.history.append("smtp", verb, caller=caller, status=reply[:3], write=write)

    def _trace(self) -> str:
        stamp = datetime.fromtimestamp(self._sandbox.clock.now(), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")
        return f"{HOST} {stamp} 08DD{int(self._sandbox.clock.now()):012X}"


class _Connection(SMTP):  # type: ignore[misc] # aiosmtpd carries no types
    """One conversation in Exchange Online's words."""

    line_length_limit = _AUTH_LINE
    AuthLoginUsernameChallenge = "Username:"
    AuthLoginPasswordChallenge = "Password:"

    def __init__(
        self,
        handler: _Submission,
        loop: asyncio.AbstractEventLoop,
        tls: ssl.SSLContext,
        ended: Callable[[_Connection], None],
    ) -> None:
        ready = format_datetime(datetime.now(UTC))
        super().__init__(
            handler,
            hostname=HOST,
            ident=f"Microsoft ESMTP MAIL Service ready at {ready} [08DD00000000AB2B]",
            tls_context=tls,
            enable_SMTPUTF8=True,
            data_size_limit=MAX_BYTES,
            auth_exclude_mechanism=["PLAIN"],
            authenticator=_basic,
            loop=loop,
        )
        self.command_size_limits["AUTH"] = _AUTH_LINE
        self.sender: Sender | None = None
        self._handler = handler
        self._ended = ended

    @property
    def secured(self) -> bool:
        """True once TLS is up."""
        return self._tls_protocol is not None

    async def smtp_AUTH(self, arg: str) -> None:  # noqa: N802
        """Before TLS there is no AUTH."""
        if self.secured:
            await super().smtp_AUTH(arg)
        else:
            await self.push("504 5.7.4 Unrecognized authentication type")

    async def push(self, status: str | bytes) -> None:
        """Say a line, in Exchange's words where aiosmtpd has its own."""
        await super().push(_WORDS.get(status, status) if isinstance(status, str) else status)

    async def handle_exception(self, error: Exception) -> str:
        """Hang up when that was asked for."""
        reply: str = await super().handle_exception(error)
        if isinstance(error, _Dropped):
            self.hang_up()
        return reply

    def hang_up(self) -> None:
        """Cut the connection, without TLS's good-bye."""
        transport = self._original_transport or self.transport
        if transport is not None:
            transport.abort()

    def connection_lost(self, error: Exception | None) -> None:
        """Give the place among the mailbox's connections back."""
        if self.sender is not None:
            self._handler.left(self.sender)
            self.sender = None
        self._ended(self)
        super().connection_lost(error)


class SmtpListener:
    """The submission port, in a thread and loop of its own: aiosmtpd's connections block nobody else there."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._server: asyncio.Server | None = None
        self._open: set[_Connection] = set()

    def start(self, sandbox: Sandbox, host: str, port: int, ssl_context: ssl.SSLContext) -> int:
        """Listen; 0 takes a free port. Returns the port. OSError when it is taken."""
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="smtp", daemon=True)
        self._thread.start()
        listening = self._listen(_Submission(sandbox), host, port, ssl_context)
        try:
            return asyncio.run_coroutine_threadsafe(listening, self._loop).result()
        except OSError:
            self._end()
            raise

    def stop(self) -> None:
        """Close the port and every conversation."""
        if self._loop is not None and self._server is not None:
            asyncio.run_coroutine_threadsafe(self._close(self._server), self._loop).result()
            self._server = None
        self._end()

    async def _listen(self, handler: _Submission, host: str, port: int, ssl_context: ssl.SSLContext) -> int:
        loop = asyncio.get_running_loop()

        def connection() -> _Connection:
            made = _Connection(handler, loop, ssl_context, self._open.discard)
            self._open.add(made)
            return made

        self._server = await loop.create_server(connection, host, port)
        bound: int = self._server.sockets[0].getsockname()[1]
        return bound

    async def _close(self, server: asyncio.Server) -> None:
        server.close()
        for connection in list(self._open):
            connection.hang_up()
        while self._open:  # noqa: ASYNC110 - connection_lost comes in the loop's own time
            await asyncio.sleep(0.005)
        await server.wait_closed()

    def _end(self) -> None:
        if self._loop is None or self._thread is None:
            return
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._loop = self._thread = None


def _basic(server: Any, session: Any, envelope: Any, mechanism: str, given: Any) -> AuthResult:
    # A password is never looked at: basic authentication is off.
    del server, session, envelope, mechanism, given
    return _no(f"535 5.7.139 Authentication unsuccessful, basic authentication is disabled. [{HOST}]")


def _no(reply: str) -> AuthResult:
    return AuthResult(success=False, handled=False, message=reply)
