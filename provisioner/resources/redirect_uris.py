"""Redirect URIs by platform, and the public-client flag. Foreign URIs on the application are kept with ours.

The flag lets anybody sign in through the application without its secret, with a user's password alone; so where a
guide wants it off, it is switched off.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, replace
from typing import ClassVar

from provisioner.graph import applications
from provisioner.model.change import Action, Blocked, Change, FieldChange, Part, Standing
from provisioner.model.declared import RedirectUris
from provisioner.model.identifiers import Address
from provisioner.model.observed import ApplicationObject, Caller, NotSeen
from provisioner.resources.abilities import may_manage_applications
from provisioner.resources.hands import Bindings, Hands
from provisioner.resources.kind import Kind
from provisioner.resources.sight import Sight

PLATFORMS = {"web": "web", "spa": "single-page application", "native": "mobile and desktop"}

PUBLIC_CLIENT = "public client flows"


@dataclass(frozen=True)
class Observed:
    """The application, and whether it goes with us."""

    application: ApplicationObject | NotSeen | None
    made_by_us: bool = True

    @property
    def live(self) -> ApplicationObject | None:
        """The application, if it was seen."""
        return self.application if isinstance(self.application, ApplicationObject) else None


class RedirectUrisKind(Kind[RedirectUris, Observed]):
    """The "Authentication" page of an app registration."""

    name: ClassVar[str] = "redirect_uris"
    part: ClassVar[Part] = Part.ENTRA
    by_item: ClassVar[bool] = True

    def needs(self, declared: RedirectUris) -> tuple[Address, ...]:
        """Its application."""
        return (declared.application,)

    async def read(self, declared: RedirectUris, sight: Sight) -> Observed:
        """The application (shared read)."""
        return Observed(
            *await asyncio.gather(sight.application(declared.application), sight.made_by_us(declared.application))
        )

    def bind(self, declared: RedirectUris, observed: Observed, bindings: Bindings) -> None:
        """Nothing: the application's own kind binds it."""

    def compare(self, declared: RedirectUris, observed: Observed) -> Change:
        """Add what is missing and set the flag, or keep."""
        live = observed.live
        fields = tuple(
            FieldChange(f"{PLATFORMS[platform]} redirect", None, uri)
            for platform, wanted in _wanted(declared).items()
            for uri in wanted
            if uri not in _live(live)[platform]
        )
        flag = bool(live.public_client) if live is not None else False
        if flag is not declared.public_client:
            fields += (FieldChange(PUBLIC_CLIENT, _switch(flag), _switch(declared.public_client)),)
        foreign = [
            uri for platform, uris in _live(live).items() for uri in uris if uri not in _wanted(declared)[platform]
        ]
        notes = (f"also there: {', '.join(foreign)}; they stay",) if foreign else ()
        if live is not None and not fields:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Redirect URIs",
                reason="as wanted",
                guide_steps=declared.guide_steps,
                notes=notes,
            )
        return Change(
            declared.address,
            self.name,
            Action.CREATE if live is None else Action.UPDATE,
            self.part,
            _what(fields),
            fields=fields,
            reason=None if fields else "the product needs none",
            guide_steps=declared.guide_steps,
            notes=notes,
        )

    def standing(self, declared: RedirectUris, observed: Observed, caller: Caller) -> Standing:
        """As for the application."""
        if isinstance(observed.application, NotSeen):
            return Blocked(f"not seen: {observed.application.reason}", observed.application.who_can)
        return may_manage_applications(caller)

    async def carry_out(self, declared: RedirectUris, change: Change, hands: Hands) -> None:
        """PATCH every platform's list, foreign URIs included."""
        application = await hands.application_now(declared.application)
        live, wanted = _live(application), _wanted(declared)
        merged = {platform: tuple(dict.fromkeys((*live[platform], *wanted[platform]))) for platform in PLATFORMS}
        await self._set(declared, hands, merged, public_client=declared.public_client)

    def compare_removal(self, declared: RedirectUris, observed: Observed) -> Change:
        """Go with their application; where that stays, exactly ours go. A switch tells nothing of whose it is."""
        if observed.made_by_us and not declared.superseded:
            return Change(
                declared.address,
                self.name,
                Action.KEEP,
                self.part,
                "Redirect URIs",
                reason="go with their application",
            )
        fields = tuple(
            FieldChange(f"{PLATFORMS[platform]} redirect", uri, None)
            for platform, wanted in _wanted(declared).items()
            for uri in wanted
            if uri in _live(observed.live)[platform]
        )
        if declared.superseded and declared.public_client and observed.live and observed.live.public_client:
            fields += (FieldChange(PUBLIC_CLIENT, _switch(True), _switch(False)),)
        return Change(
            declared.address,
            self.name,
            Action.REMOVE if fields else Action.KEEP,
            self.part,
            "Take away redirect URIs" if fields else "Redirect URIs",
            fields=fields,
            reason="the application stays" if fields else "none of them is ours to take away",
        )

    async def remove(self, declared: RedirectUris, change: Change, hands: Hands) -> None:
        """PATCH the lists without exactly these."""
        application = await hands.application_now(declared.application)
        going = {(each.name, each.before) for each in change.fields}
        left = {
            platform: tuple(each for each in uris if (f"{PLATFORMS[platform]} redirect", each) not in going)
            for platform, uris in _live(application).items()
        }
        switched = any(each.name == PUBLIC_CLIENT for each in change.fields)
        await self._set(declared, hands, left, public_client=False if switched else None)

    async def _set(
        self, declared: RedirectUris, hands: Hands, uris: dict[str, tuple[str, ...]], *, public_client: bool | None
    ) -> None:
        object_id = hands.bindings.applications[declared.application].object_id
        await hands.settled(
            declared.address,
            lambda: applications.set_redirects(
                hands.graph,
                object_id,
                web=uris["web"],
                spa=uris["spa"],
                native=uris["native"],
                public_client=public_client,
            ),
        )
        # whoever writes the lists next must not go back to what they were
        known = hands.bindings.applications[declared.application]
        hands.bindings.applications[declared.application] = replace(
            known, web_redirects=uris["web"], spa_redirects=uris["spa"], native_redirects=uris["native"]
        )


def _what(fields: tuple[FieldChange, ...]) -> str:
    """What is set, in words; an application that is still to be made is left as it is where nothing is wanted."""
    redirects = any(each.name != PUBLIC_CLIENT for each in fields)
    flag = next((f"{PUBLIC_CLIENT} {each.after}" for each in fields if each.name == PUBLIC_CLIENT), None)
    if not fields:
        return "Leave it without redirect URIs"
    return f"Set {' and '.join(filter(None, ('redirect URIs' if redirects else None, flag)))}"


def _wanted(declared: RedirectUris) -> dict[str, tuple[str, ...]]:
    return {"web": declared.web, "spa": declared.spa, "native": declared.native}


def _live(application: ApplicationObject | None) -> dict[str, tuple[str, ...]]:
    if application is None:
        return dict.fromkeys(PLATFORMS, ())
    return {
        "web": application.web_redirects,
        "spa": application.spa_redirects,
        "native": application.native_redirects,
    }


def _switch(value: bool) -> str:
    return "on" if value else "off"
