"""Sign-ins as accounts within one run: each at most once, and none after a refusal.

Several proofs share an account, and a proof may be tried again while something settles. Entra counts refused passwords
and locks the account, which is a mailbox in use (field-notes.md 1.10), so neither may cost a second attempt.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from provisioner.errors import InputFault, ServiceFault
from provisioner.model.identifiers import AppId
from provisioner.model.secret import Secret
from provisioner.model.tenant import Tenant
from provisioner.pace import Clock
from provisioner.probes import NoPassword
from provisioner.signin import Token
from provisioner.workflows.ports import Ports

SPENT_BEFORE_ITS_END = timedelta(minutes=5)


class AccountSignIns:
    """What became of the sign-ins of one run."""

    def __init__(self, ports: Ports, tenant: Tenant, clock: Clock) -> None:
        self._ports = ports
        self._tenant = tenant
        self._clock = clock
        self._passwords: dict[str, Secret | InputFault] = {}
        self._tokens: dict[tuple[AppId, str, tuple[str, ...]], tuple[Token, datetime]] = {}
        """With the time until which it is spent again, by the tenant's clock."""
        self._refusals: dict[str, ServiceFault] = {}

    async def token(
        self, app_id: AppId, secret: Secret | None, *, account: str, reference: str, scopes: tuple[str, ...]
    ) -> Token:
        """The account's token for these permissions: from before, or by its one attempt.

        `reference` names the password. Raises NoPassword; and the refusal of before where there was one.
        """
        asked, who = (app_id, account.casefold(), scopes), account.casefold()
        token, until = self._tokens.get(asked, (None, self._clock.now()))
        if token is not None and self._clock.now() < until:
            return token
        if who in self._refusals:
            raise self._refusals[who]
        password = await self._password(reference, account)
        try:
            token = await self._ports.account_sign_in(self._tenant, app_id, secret, account, password, scopes)
        except ServiceFault as error:
            self._refusals[who] = error
            raise
        self._tokens[asked] = token, self._clock.now() + (token.expires - datetime.now(UTC)) - SPENT_BEFORE_ITS_END
        return token

    async def _password(self, reference: str, account: str) -> Secret:
        """What the reference names, asked for once."""
        if reference not in self._passwords:
            try:
                self._passwords[reference] = await self._ports.read_secret(reference, f"password of {account}")
            except InputFault as error:
                self._passwords[reference] = error
        found = self._passwords[reference]
        if isinstance(found, InputFault):
            raise NoPassword(found.message)
        return found
