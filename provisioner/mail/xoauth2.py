"""XOAUTH2: how a token is put to a mail server, and what a server says of it. The one place where it is revealed."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from contextlib import suppress

from provisioner.model.secret import Secret

MOST_TEXT = 4000


def response(mailbox: str, token: Secret) -> tuple[bytes, Callable[[str], str]]:
    """What is sent, and a function that takes it and the token out of a text, should a server echo them.

    Source of the format: exchange.md 5.2.
    """
    bearer = token.reveal()
    initial = base64.b64encode(f"user={mailbox}\x01auth=Bearer {bearer}\x01\x01".encode()).decode()

    def scrub(text: str) -> str:
        return text.replace(initial, "…").replace(bearer, "…")

    return initial.encode(), scrub


def decoded(challenge: str) -> str:
    """A challenge as a person can read it: servers put JSON into base64."""
    with suppress(binascii.Error, ValueError):
        return legible(base64.b64decode(challenge, validate=True).decode("utf-8", "replace"))
    return legible(challenge)


def legible(text: str) -> str:
    """Bounded, and without what a terminal would act on."""
    kept = "".join(each if each.isprintable() or each == "\n" else " " for each in text)
    return kept if len(kept) <= MOST_TEXT else kept[:MOST_TEXT] + "…"
