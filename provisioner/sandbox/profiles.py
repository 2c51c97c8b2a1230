"""How late and how unreliable the tenant is: calm, realistic, hostile.

Entra and Exchange are eventually consistent on different clocks. A replica is an age in seconds; a lag is a range from
which each object draws its own, seeded, so that a run can be repeated.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from provisioner.sandbox.ledger import mark


@dataclass(frozen=True, slots=True)
class Lag:
    """Seconds, from shortest to longest."""

    least: float = 0.0
    most: float = 0.0


@dataclass(frozen=True, slots=True)
class Profile:
    """One temperament of a tenant. All times in seconds of the sandbox's clock."""

    name: str
    entra_replicas: tuple[float, ...] = (0.0,)
    """Ages of the directory replicas that answer Graph; each read meets one of them."""
    secret_reaches_sign_in: Lag = field(default_factory=Lag)
    consent_reaches_tokens: Lag = field(default_factory=Lag)
    exchange_replicas: tuple[float, ...] = (0.0,)
    """Ages of Exchange's own directory servers that answer cmdlets."""
    entra_reaches_exchange: Lag = field(default_factory=Lag)
    right_reaches_protocols: Lag = field(default_factory=Lag)
    """Service principal pointers and mailbox permissions, until SMTP and the like honour them."""
    switch_reaches_protocols: Lag = field(default_factory=Lag)
    """Client access switches (SMTP AUTH), until the protocol honours them."""
    role_reaches_protocols: Lag = field(default_factory=Lag)
    """Application roles, their scopes and the members of scope groups, until the protocols honour them."""
    ews_reaches_protocols: Lag = field(default_factory=Lag)
    """The organisation's EWS switch and lists."""
    customization_takes: Lag = field(default_factory=Lag)
    """Enable-OrganizationCustomization has returned, but the directory still refuses what needs it."""
    delegation_takes: Lag = field(default_factory=Lag)
    """After that, until administrators may assign application roles."""
    fault_share: float = 0.0
    """Share of requests that meet a random fault; never more than two in a row for one operation."""
    shuffled_arrays: bool = False
    clock_skew: float = 0.0
    """Seconds by which some replies' Date is ahead."""


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("calm"),
        Profile(
            "realistic",
            entra_replicas=(0.0, 2.0, 5.0),
            secret_reaches_sign_in=Lag(4.0, 18.0),
            consent_reaches_tokens=Lag(4.0, 60.0),
            exchange_replicas=(0.0, 4.0),
            entra_reaches_exchange=Lag(30.0, 120.0),
            right_reaches_protocols=Lag(60.0, 300.0),
            switch_reaches_protocols=Lag(60.0, 240.0),
            role_reaches_protocols=Lag(1800.0, 7200.0),
            ews_reaches_protocols=Lag(3600.0, 86400.0),
            customization_takes=Lag(300.0, 1800.0),
            delegation_takes=Lag(2400.0, 3600.0),
        ),
        Profile(
            "hostile",
            entra_replicas=(0.0, 4.0, 12.0, 25.0),
            secret_reaches_sign_in=Lag(8.0, 60.0),
            consent_reaches_tokens=Lag(10.0, 240.0),
            exchange_replicas=(0.0, 8.0, 20.0),
            entra_reaches_exchange=Lag(60.0, 600.0),
            right_reaches_protocols=Lag(120.0, 1800.0),
            switch_reaches_protocols=Lag(120.0, 1200.0),
            role_reaches_protocols=Lag(3600.0, 7200.0),
            ews_reaches_protocols=Lag(43200.0, 86400.0),
            customization_takes=Lag(1800.0, 3600.0),
            delegation_takes=Lag(2400.0, 3600.0),
            fault_share=0.12,
            shuffled_arrays=True,
            clock_skew=1.0,
        ),
    )
}

mark(
    "A new secret is refused for 4 to 18 seconds though the key already shows on the application",
    source="graph.md 3.1 V: issue microsoft-graph-docs-contrib#1921",
    if_wrong="the first proof waits too short or too long",
)
mark(
    "Reads meet replicas of different age: a new object answers 404 and 200 in turns for some seconds",
    source="graph.md 3.1 V: TF",
    if_wrong="one successful read is taken for settled",
)
mark(
    "Consent reaches newly issued tokens after seconds up to a minute (hostile: four)",
    source="unverified (graph.md 3.1 gives 60-90 min for cached tokens only)",
    if_wrong="a token without roles is taken for a missing grant",
)
mark(
    "Exchange's pointer, permission and SMTP switch reach the protocols after minutes",
    source="unverified durations (DESIGN section 2.5: up to 2 h)",
    if_wrong="not yet is reported as failed",
)
mark(
    "Application roles, scopes and scope groups reach the protocols after 30 minutes to two hours",
    source="exchange.md 4.4 S28",
    if_wrong="a proof made too early says too narrow, or still too wide",
)
mark(
    "The organisation's EWS switch and lists take up to 24 hours",
    source="MicrosoftDocs/office-developer-exchange-docs how-to-control-access-to-ews-in-exchange.md (the list)",
    if_wrong="a gate that was opened is reported as closed",
)
mark(
    "After Enable-OrganizationCustomization scopes are refused for minutes, role assignments for 40 to 60 more",
    source="exchange.md 4.4 S18",
    if_wrong="not yet is reported as failed",
)
