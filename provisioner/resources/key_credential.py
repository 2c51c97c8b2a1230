"""A certificate that an application signs in with. Its private key is made on this machine and stays in one file.

The file comes first: whoever is killed after that finds the key again, and uploads the same certificate. A certificate
in the directory whose key is not here is somebody else's, or was made at another home: it stays.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import ClassVar

from provisioner.graph import key_credentials
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import KeyCredential
from provisioner.model.identifiers import Address, TenantId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen
from provisioner.model.slot import SlotName
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight
from provisioner.signin.certificates import Certificate

RENEW_BEFORE = timedelta(days=30)
"""A certificate that ends sooner is replaced; the directory keeps the old one until it ends."""

ALREADY_VALID = timedelta(minutes=10)
"""How long before now a new certificate begins, so that a clock that is behind takes it too."""


@dataclass(frozen=True)
class Observed:
    """The application with its certificates, the key's certificate here, and the time of looking."""

    application: ApplicationObject | NotSeen | None
    here: Certificate | None
    now: datetime


class KeyCredentialKind(Kind[KeyCredential, Observed]):
    """Certificates of applications, one per slot."""

    name: ClassVar[str] = "key_credential"
    part: ClassVar[Part] = Part.ENTRA

    def needs(self, declared: KeyCredential) -> tuple[Address, ...]:
        """Its application."""
        return (declared.application,)

    async def read(self, declared: KeyCredential, sight: Sight) -> Observed:
        """The application's certificates (shared read) and the file here."""
        slot = slot_of(declared, sight.tenant_id, sight.instance)
        application, here = await asyncio.gather(
            sight.application(declared.application), asyncio.to_thread(sight.keys.load, slot)
        )
        return Observed(application, here, sight.clock.now())

    def bind(self, declared: KeyCredential, observed: Observed, bindings: Bindings) -> None:
        """Nothing: a certificate is known by its thumbprint."""

    def compare(self, declared: KeyCredential, observed: Observed) -> Change:
        """Make and upload, or keep."""
        elsewhere = _elsewhere(declared, observed)
        if observed.here is not None and _lasts(observed.here, observed.now) and _uploaded(observed):
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                f'Certificate "{declared.title}"',
                reason=f"uploaded, and its key is here; valid until {observed.here.end.date().isoformat()}",
                guide_steps=declared.guide_steps,
                notes=elsewhere,
            )
        days = declared.lifetime.days
        return Change(
            declared.address,
            self.name,
            Action.CREATE,
            self.part,
            f'Make a key here and upload its certificate "{declared.title}", valid for {days} days',
            fields=(FieldChange("valid for", None, f"{days} days"),),
            guide_steps=declared.guide_steps,
            notes=elsewhere,
        )

    def standing(self, declared: KeyCredential, observed: Observed, caller: Caller) -> Standing:
        """As for the application."""
        if isinstance(observed.application, NotSeen):
            return Blocked(f"not seen: {observed.application.reason}", observed.application.who_can)
        return may_manage_applications(caller)

    async def carry_out(self, declared: KeyCredential, change: Change, hands: Hands) -> None:
        """The file, then the upload. An upload that is there already is not repeated."""
        slot = slot_of(declared, hands.tenant_id, hands.instance)
        now = hands.clock.now()
        here = await asyncio.to_thread(hands.keys.load, slot)
        if here is None or not _lasts(here, now):
            here = await asyncio.to_thread(
                hands.keys.make, slot, declared.title, now - ALREADY_VALID, now + declared.lifetime
            )
        application = hands.bindings.applications[declared.application]
        made = here
        await hands.settled(
            declared.address,
            lambda: key_credentials.add(
                hands.graph,
                application.object_id,
                display_name=declared.title,
                certificate=made.der,
                start=made.start,
                end=made.end,
            ),
        )

    def compare_removal(self, declared: KeyCredential, observed: Observed) -> Change:
        """Take the certificate away whose key is here, then the key."""
        title = f'Certificate "{declared.title}"'
        if observed.here is None:
            return Change(declared.address, self.name, Action.KEEP, self.part, title, reason="there is no key here")
        return Change(
            declared.address,
            self.name,
            Action.REMOVE,
            self.part,
            f'Delete the certificate "{declared.title}" in Entra, then its key here',
            fields=(FieldChange("key", "here", None),),
        )

    async def remove(self, declared: KeyCredential, change: Change, hands: Hands) -> None:
        """The certificate first: a key without it opens nothing."""
        slot = slot_of(declared, hands.tenant_id, hands.instance)
        here = await asyncio.to_thread(hands.keys.load, slot)
        application = hands.bindings.applications.get(declared.application)
        if here is not None and application is not None:
            thumbprint = key_credentials.thumbprint_of(here.der)
            await key_credentials.remove(hands.graph, application.object_id, thumbprint)
        await asyncio.to_thread(hands.keys.discard, slot)


def slot_of(declared: KeyCredential, tenant_id: TenantId, instance: str) -> SlotName:
    """The name of a declared certificate's slot."""
    return SlotName(tenant_id, instance, declared.application.partition(".")[2], declared.slot)


def _lasts(certificate: Certificate, now: datetime) -> bool:
    return certificate.end - now > RENEW_BEFORE


def _uploaded(observed: Observed) -> bool:
    if observed.here is None or not isinstance(observed.application, ApplicationObject):
        return False
    thumbprint = key_credentials.thumbprint_of(observed.here.der)
    return any(each.thumbprint == thumbprint for each in observed.application.certificates)


def _elsewhere(declared: KeyCredential, observed: Observed) -> tuple[str, ...]:
    """Certificates of this title whose key is not here."""
    if not isinstance(observed.application, ApplicationObject):
        return ()
    here = key_credentials.thumbprint_of(observed.here.der) if observed.here is not None else None
    return tuple(
        f"the certificate {each.thumbprint or each.key_id} bears the same title, but its key is not here; it stays"
        for each in observed.application.certificates
        if each.display_name == declared.title and each.thumbprint != here
    )
