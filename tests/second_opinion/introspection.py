"""The introspection (RFC 7662) that Dovecot asks: verifies a token as Exchange would, and says whose mailbox it is."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import jwt

from tests.second_opinion.tokens import Published

REQUIRED = ("aud", "iss", "iat", "nbf", "exp", "tid", "appid")


class Introspection:
    """Verifies with the tenant's published keys; which application may open which mailbox, tests tell it."""

    def __init__(self, published: Published, audience: str) -> None:
        self._published = published
        self._audience = audience
        self.mailboxes: dict[str, str] = {}
        """Application id -> mailbox."""
        self.refusals: list[str] = []
        """Why tokens were refused, in order."""

    def mailbox(self, token: str) -> str | None:
        """The mailbox that a token opens; None where it is refused."""
        try:
            claims = self._verified(token)
        except jwt.PyJWTError as problem:
            self.refusals.append(type(problem).__name__)
            return None
        mailbox = self.mailboxes.get(claims["appid"])
        if mailbox is None:
            self.refusals.append("NoMailbox")
        return mailbox

    def _verified(self, token: str) -> Mapping[str, str]:
        key = self._published.keys.get(jwt.get_unverified_header(token).get("kid", ""))
        if key is None:
            raise jwt.InvalidKeyError
        claims: Mapping[str, str] = jwt.decode(
            token,
            key.key,
            algorithms=["RS256"],
            audience=self._audience,
            issuer=self._published.issuer,
            options={"require": list(REQUIRED)},
        )
        return claims


@contextmanager
def serving(introspection: Introspection) -> Iterator[str]:
    """Answer on loopback until the block ends; the address."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
            mailbox = introspection.mailbox(form["token"][0])
            # Without the user's name Dovecot would call the answer broken, and the refusal temporary.
            body = json.dumps({"active": mailbox is not None, "upn": mailbox or ""}).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            """Nothing: a request has a token in it."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, name="introspection")
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/introspect"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
