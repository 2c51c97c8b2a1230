"""The sandbox itself: the one object that sign-in, Graph, Exchange, remoting and mail share.

Two directories live in one store, Entra's and Exchange's; the methods named ``..._as_of`` say how much of the present
one part sees of another. They return a moment of sandbox time for ``Transaction.get(..., as_of=...)``.
"""

from __future__ import annotations

import random
import threading
import uuid
from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Any, Literal

from provisioner.sandbox.clock import Clock
from provisioner.sandbox.faults import Faults
from provisioner.sandbox.history import History
from provisioner.sandbox.profiles import PROFILES, Lag
from provisioner.sandbox.store import Store, Transaction
from provisioner.sandbox.tokens import Tokens

NOW = float("inf")
"""A moment no version is younger than: the present, whatever the machine's clock does."""

SESSION_COLLECTIONS = ("clock", "settings", "deviceCodes", "authorizationCodes", "refreshTokens", "signInFailures")
"""Not the tenant's configuration: how it is played, and sign-ins under way. Left out of the state's hash."""

SECRET_COLLECTIONS = ("sealedSecrets",)
"""Salted hashes of secrets: left out of what management shows."""

_NAMES = uuid.UUID("5b3c5a4e-0f0e-4a53-9d6c-6f1d7a0b6c11")


def fixed_id(name: str) -> str:
    """The id of a seeded object: the same in every sandbox, so that a reset keeps client files valid."""
    return str(uuid.uuid5(_NAMES, name))


TENANT_ID = fixed_id("tenant")


class Settings(MutableMapping[str, Any]):
    """Management's switches, kept in the store. A missing key means the default its reader gives."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def __getitem__(self, key: str) -> Any:
        with self._store.transaction() as tx:
            document = tx.get("settings", key)
        if document is None:
            raise KeyError(key)
        return document["value"]

    def __setitem__(self, key: str, value: Any) -> None:
        with self._store.transaction(established=True) as tx:
            tx.put("settings", key, {"id": key, "value": value})

    def __delitem__(self, key: str) -> None:
        self[key]
        with self._store.transaction(established=True) as tx:
            tx.delete("settings", key)

    def __iter__(self) -> Iterator[str]:
        with self._store.transaction() as tx:
            return iter([document["id"] for document in tx.all("settings")])

    def __len__(self) -> int:
        return sum(1 for _ in self)


class Sandbox:
    """One simulated tenant in one directory."""

    def __init__(self, directory: Path, *, profile: str = "calm", seed: int = 0, virtual_clock: bool = False) -> None:
        """Opens or creates the state in ``directory``. KeyError for a profile nobody knows."""
        self.directory = directory
        self.profile = PROFILES[profile]
        self.seed = seed
        self.tenant_id = TENANT_ID
        self.store = Store(directory / "state.sqlite", lambda: self.clock.now())
        self.clock = self._resume_clock(virtual=virtual_clock)
        self.history = History(directory / "history.sqlite", self.clock.now)
        self.faults = Faults(share=self.profile.fault_share, seed=str(seed))
        self.tokens = Tokens(directory, self.clock.now)
        self.settings = Settings(self.store)
        # Mixed with the versions so far: a restart with the same seed must not hand out the same ids again.
        self.random = random.Random(f"{seed}:{self.store.sequence()}")  # noqa: S311 - repeatable, not secret
        self._random_lock = threading.Lock()
        self.endpoints: dict[str, Any] = {}
        """The content of endpoints.json once the listeners are bound."""

    def new_id(self) -> str:
        """A version 4 UUID from the seeded source."""
        with self._random_lock:
            return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def choose(self, ages: tuple[float, ...]) -> float:
        """The moment one of several replicas is at."""
        if len(ages) == 1:
            return self._ago(ages[0])
        with self._random_lock:
            return self._ago(self.random.choice(ages))

    def entra_as_of(self, key: str) -> float:
        """What the replica of Entra's directory that answers this read knows. ``key`` names the object asked for."""
        del key  # each read meets any replica
        return self.choose(self.profile.entra_replicas)

    def exchange_as_of(self, cmdlet: str) -> float:
        """What the Exchange directory server that runs this cmdlet knows of Exchange's own directory."""
        del cmdlet
        return self.choose(self.profile.exchange_replicas)

    def seen_by_exchange(self) -> float:
        """How much of Entra's directory has reached Exchange: a moment (``as_of``), not an age."""
        return self._ago(self._lag(self.profile.entra_reaches_exchange, "entra-to-exchange"))

    def sign_in_as_of(self, what: Literal["secret", "consent"], key: str) -> float:
        """What Entra's token service knows of a credential or of the grants of one client."""
        lag = self.profile.secret_reaches_sign_in if what == "secret" else self.profile.consent_reaches_tokens
        return self._ago(self._lag(lag, f"{what}:{key}"))

    def protocols_as_of(self, what: Literal["right", "switch", "role", "ews"], key: str) -> float:
        """What SMTP, Graph's mail and their like know of Exchange.

        Of its pointers and mailbox permissions, its client access switches, its application roles with their scopes
        and groups, or the organisation's EWS gates.
        """
        lag = {
            "right": self.profile.right_reaches_protocols,
            "switch": self.profile.switch_reaches_protocols,
            "role": self.profile.role_reaches_protocols,
            "ews": self.profile.ews_reaches_protocols,
        }[what]
        return self._ago(self._lag(lag, f"{what}:{key}"))

    def customization_delays(self) -> tuple[float, float]:
        """Seconds after Enable-OrganizationCustomization until scopes, and until role assignments, can be made."""
        enabled = self._lag(self.profile.customization_takes, "customization")
        return enabled, enabled + self._lag(self.profile.delegation_takes, "delegation")

    def advance(self, seconds: float) -> None:
        """Move the tenant's clock, and remember it over restarts."""
        self.clock.advance(seconds)
        self._remember_clock()

    def close(self) -> None:
        """Let go of all files."""
        self._remember_clock()
        self.store.close()
        self.history.close()

    def _lag(self, lag: Lag, key: str) -> float:
        draw = random.Random(f"{self.seed}:{key}")  # noqa: S311 - repeatable, not secret
        return draw.uniform(lag.least, lag.most)

    def _ago(self, age: float) -> float:
        return NOW if age == 0 else self.clock.now() - age

    def _resume_clock(self, *, virtual: bool) -> Clock:
        with self.store.transaction() as tx:
            remembered = tx.get("clock", "clock") or {}
        if not virtual:
            return Clock(offset=remembered.get("offset", 0.0))
        return Clock(virtual_from=remembered.get("now", Clock().now()))

    def _remember_clock(self) -> None:
        # A virtual clock resumes where it stood; a real one keeps its lead over the machine's.
        virtual = self.clock.virtual
        moment = {"now": self.clock.now()} if virtual else {"offset": self.clock.offset}
        with self.store.transaction(established=True) as tx:
            _put_clock(tx, moment)


def _put_clock(tx: Transaction, moment: dict[str, float]) -> None:
    tx.put("clock", "clock", {"id": "clock", **moment})
