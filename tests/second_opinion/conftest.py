"""One sandbox, one Dovecot and one Postfix for all tests; skipped where the programs are missing, unless required."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime

import pytest

from tests.second_opinion import servers
from tests.second_opinion.introspection import Introspection, serving
from tests.second_opinion.tokens import Forger, Product, published, refused
from tests.system.support import NEIGHBOUR, SENDER, Sandbox, running_sandbox
from tests.system.tenant import EXCHANGE, Administrator


@dataclass(frozen=True)
class Judges:
    """The servers, and what is put before them."""

    sandbox: Sandbox
    servers: servers.Servers
    introspection: Introspection
    genuine: str
    """The product's token, as the sandbox issued it."""
    forger: Forger
    refused: dict[str, str]
    """By what is wrong with it."""

    def now(self) -> datetime:
        """The tenant's time."""
        return datetime.fromtimestamp(self.sandbox.now(), UTC)


@pytest.fixture(scope="session")
def judges(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judges]:
    if missing := servers.missing():
        if os.environ.get("SECOND_OPINION") == "required":
            pytest.fail(f"SECOND_OPINION=required, but {missing}")
        pytest.skip(f"no second opinion on mail: {missing}")
    with ExitStack() as stack:
        # The machine's own clock: the other servers have no other.
        sandbox = stack.enter_context(running_sandbox(tmp_path_factory.mktemp("tenant"), virtual=False))
        keys = published(sandbox)
        administrator = Administrator(sandbox)
        product, other = (Product(administrator, name) for name in ("Mailer", "Other product"))
        product.open_mailbox(SENDER)
        introspection = Introspection(keys, EXCHANGE)
        introspection.mailboxes[product.client_id] = SENDER
        admission = servers.Admission(
            introspection=stack.enter_context(serving(introspection)),
            issuer=keys.issuer,
            audience=EXCHANGE,
            keys=keys.pem(),
            mailboxes=(SENDER, NEIGHBOUR),
        )
        running = stack.enter_context(servers.running(admission))
        genuine = product.token()
        forger = Forger(sandbox, genuine)
        yield Judges(sandbox, running, introspection, genuine, forger, refused(forger, product, other))
