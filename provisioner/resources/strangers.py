"""Who else can be an application that this home has not made: before anything is opened to it, a person must know.

Anybody who may register applications can take our unique name first, and keep a key. What we grant then is his. A
colleague's home looks the same; so nothing is refused for good, but it takes a flag, and the plan says who it is.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass

from provisioner.graph.key_credentials import thumbprint_of
from provisioner.model.declared import Application, ClientSecret, KeyCredential
from provisioner.model.identifiers import KeyId
from provisioner.model.observed import ApplicationObject, Caller, NotSeen, Owner
from provisioner.resources import client_secret, key_credential
from provisioner.resources.sight import Sight


@dataclass(frozen=True)
class Strangers:
    """Ways in to one application that this home knows nothing of."""

    keys: tuple[str, ...] = ()
    """Client secrets, certificates and federated credentials, in words."""
    owners: tuple[Owner, ...] = ()
    """They can add keys; the caller is among them where he made it himself from another home."""
    unseen: tuple[str, ...] = ()
    known: bool = True
    """Whether this home has made the application, or taken it over: then others' keys came later, or are a colleague's.
    """

    def in_words(self, caller: Caller) -> tuple[str, ...]:
        """All of them but the caller."""
        others = tuple(f"its owner {each.name}" for each in self.owners if each.object_id != caller.object_id)
        return (*self.keys, *others, *self.unseen)


NOBODY = Strangers()


async def strangers(declared: Application, sight: Sight) -> Strangers:
    """Whoever is not in this sink. Owners and federated credentials are asked for only where somebody else made it."""
    live = await sight.application(declared.address)
    if not isinstance(live, ApplicationObject):
        return NOBODY
    keys = [*_keys(live, await _here(declared, live, sight))]
    if sight.knows(declared.address, live.app_id):
        return Strangers(tuple(keys))
    owners, federated = await asyncio.gather(
        sight.owners(declared.address), sight.federated_credentials(declared.address)
    )
    unseen = []
    if isinstance(owners, NotSeen):
        unseen.append("its owners, who were not seen")
    if isinstance(federated, NotSeen):
        unseen.append("federated credentials, which were not seen")
    else:
        keys += [f'the federated credential "{each}"' for each in federated]
    return Strangers(tuple(keys), () if isinstance(owners, NotSeen) else owners, tuple(unseen), known=False)


@dataclass(frozen=True)
class _Here:
    """What this home holds of the application."""

    key_ids: frozenset[KeyId]
    thumbprints: frozenset[str]


async def _here(declared: Application, live: ApplicationObject, sight: Sight) -> _Here:
    key_ids: set[KeyId] = set()
    thumbprints: set[str] = set()
    for each in sight.declared:
        if isinstance(each, ClientSecret) and each.application == declared.address:
            slot = client_secret.slot_of(each, sight.tenant_id, sight.instance)
            record = (await sight.stored(slot)).record
            if record is not None:
                key_ids.update(client_secret.keys_of(record, live.passwords, client_secret.tag_prefix(slot)))
        elif isinstance(each, KeyCredential) and each.application == declared.address:
            here = await asyncio.to_thread(
                sight.keys.load, key_credential.slot_of(each, sight.tenant_id, sight.instance)
            )
            if here is not None:
                thumbprints.add(thumbprint_of(here.der))
    return _Here(frozenset(key_ids), frozenset(thumbprints))


def _keys(live: ApplicationObject, here: _Here) -> Iterator[str]:
    for secret in live.passwords:
        if secret.key_id not in here.key_ids:
            yield f'the client secret "{secret.display_name or ""}" ({secret.key_id})'
    for certificate in live.certificates:
        if certificate.thumbprint not in here.thumbprints:
            yield f'the certificate "{certificate.display_name or ""}" ({certificate.key_id})'
