"""What a mailbox or an account must be for a product to work with it, and what it is. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum

from provisioner.model.declaration import Declaration, Proof, ProofKind
from provisioner.model.declared import ClientAccess, MailboxPermission, ManagementRoleAssignment, Protocol, ScopeGroup
from provisioner.model.observed import NotSeen, Person, Recipient
from provisioner.model.preflight import Finding, Severity

IN_THE_CLOUD = frozenset({"UserMailbox", "SharedMailbox", "RoomMailbox", "EquipmentMailbox", "LinkedMailbox"})
"""`RecipientTypeDetails` of mailboxes that Exchange Online holds."""

ELSEWHERE = frozenset({"MailUser", "GuestMailUser"})
"""Those whose mailbox is somewhere else, on premises for one; `Remote...` is on-premises Exchange's word for them."""

INITIAL_DOMAINS = (".onmicrosoft.com", ".onmicrosoft.us", ".partner.onmschina.cn")
"""Endings of the domain that every tenant gets from Microsoft, by cloud."""

MUST_BE_REFUSED = frozenset(
    {ProofKind.MAILBOX_REFUSED, ProofKind.GRAPH_MAILBOX_REFUSED, ProofKind.EWS_REFUSED, ProofKind.IMAP_REFUSED}
)
SENDING = frozenset({ProofKind.SMTP_SUBMISSION, ProofKind.GRAPH_SEND})
SENDING_ROLES = frozenset({"Application Mail.Send", "Application SMTP.SendAsApp"})

EXCHANGE_ADMINISTRATOR = ("Exchange Administrator",)
USER_ADMINISTRATOR = ("User Administrator",)


class Way(StrEnum):
    """How a product comes in as an account."""

    PASSWORD = "password"  # noqa: S105 a way
    """It sends the account's password itself."""
    BROWSER = "browser"
    """A person signs in for it, once."""


@dataclass(frozen=True)
class Named:
    """A mailbox that the product uses, or an account that it signs in as."""

    address: str
    sends: bool = False
    way: Way | None = None
    """How it signs in as this account; None where it does not."""
    mailbox: bool = True
    """Whether the declaration speaks of a mailbox."""


def named_in(declaration: Declaration) -> tuple[Named, ...]:
    """Every mailbox and account that the product uses, in the playbook's order. Mailboxes to be refused are not."""
    found: dict[str, Named] = {}
    for each in _spoken_of(declaration):
        key = each.address.casefold()
        known = found.get(key, replace(each, mailbox=False))
        found[key] = replace(
            known,
            sends=known.sends or each.sends,
            way=known.way or each.way,
            mailbox=known.mailbox or each.mailbox,
        )
    return tuple(found.values())


def _spoken_of(declaration: Declaration) -> Iterator[Named]:
    members_send = any(
        isinstance(each, ManagementRoleAssignment) and each.role in SENDING_ROLES for each in declaration.resources
    )
    for each in declaration.resources:
        match each:
            case MailboxPermission(mailbox=mailbox):
                yield Named(mailbox)
            case ClientAccess(mailbox=mailbox, switches=switches):
                yield Named(mailbox, sends=(Protocol.SMTP_AUTH, True) in switches)
            case ScopeGroup(members=members):
                yield from (Named(member, sends=members_send) for member in members)
    for proof in declaration.proofs:
        yield from _of_proof(proof)


def _of_proof(proof: Proof) -> Iterator[Named]:
    if proof.account is not None:
        yield Named(proof.account, way=Way.PASSWORD if proof.password else Way.BROWSER, mailbox=False)
    if proof.mailbox is not None and proof.kind not in MUST_BE_REFUSED and proof.within is not False:
        yield Named(proof.mailbox, sends=proof.kind in SENDING)


def about_mailbox(
    named: Named, recipient: Recipient | NotSeen | None, person: Person | NotSeen | None
) -> Iterator[Finding]:
    """What is to be said of a mailbox. `person` is known of accounts only."""
    address = named.address
    shown = recipient.address if isinstance(recipient, Recipient) and recipient.address else address.casefold()
    if named.sends and shown.endswith(INITIAL_DOMAINS):
        yield Finding(
            "sender_onmicrosoft",
            Severity.WARNS,
            address,
            f"it sends as {shown}, an address of Microsoft's own domain",
            "Exchange Online lets such a sender reach 100 external recipients a day (550 5.7.236): give the mailbox an "
            "address of the customer's own domain, and make that the primary one",
            EXCHANGE_ADMINISTRATOR,
        )
    plan = person.exchange_plan if isinstance(person, Person) else None
    match recipient:
        case NotSeen(reason=reason, who_can=who_can):
            yield _not_seen(address, "whether it is a mailbox in the cloud, with a licence", reason, who_can)
            if plan is False:
                yield _unlicensed(address)
        case None:
            yield Finding(
                "mailbox_missing",
                Severity.STOPS,
                address,
                "Exchange Online knows no mailbox of this address",
                "the product would use a mailbox that is not there: correct the parameter, or make the mailbox first",
                EXCHANGE_ADMINISTRATOR,
            )
        case Recipient(kind=kind) if kind in ELSEWHERE or kind.startswith("Remote"):
            yield _on_premises(address, recipient)
        case Recipient(kind=kind) if kind not in IN_THE_CLOUD:
            yield Finding(
                "not_a_mailbox",
                Severity.STOPS,
                address,
                f"it is no mailbox: Exchange Online calls it {kind or 'nothing that we know'}",
                "name a mailbox; members of a group are not reached through the group's address",
                EXCHANGE_ADMINISTRATOR,
            )
        case Recipient(kind="UserMailbox", licensed=licensed):
            known = plan if licensed is None else licensed
            if known is False:
                yield _unlicensed(address)
            elif known is None:
                yield _not_seen(address, "whether the mailbox has a licence", "Exchange Online does not say", ())


def about_account(
    named: Named, person: Person | NotSeen | None, federated_domains: frozenset[str] | None
) -> Iterator[Finding]:
    """What is to be said of an account that the product signs in as. `federated_domains`: None where not seen."""
    name = named.address
    if isinstance(person, NotSeen):
        yield _not_seen(name, "whether the account is there and may sign in", person.reason, person.who_can)
        return
    if person is None:
        yield Finding(
            "account_missing",
            Severity.STOPS,
            name,
            "no account has this sign-in name",
            "the product signs in as this account: correct the parameter, or make the account first",
            USER_ADMINISTRATOR,
        )
        return
    if person.enabled is False:
        yield Finding(
            "account_disabled",
            Severity.STOPS,
            name,
            "the account may not sign in",
            "the product signs in as it, and gets AADSTS50057. The account of a shared mailbox is disabled on purpose: "
            "give the product an account of its own, or let this one sign in",
            USER_ADMINISTRATOR,
        )
    if named.way is not Way.PASSWORD:
        return
    if federated_domains and name.rpartition("@")[2].casefold() in federated_domains:
        yield Finding(
            "account_federated",
            Severity.STOPS,
            name,
            "people of its domain sign in at another identity provider",
            "Microsoft does not take the password of a federated account from a product: use an account of a domain "
            "that is managed in the cloud",
            USER_ADMINISTRATOR,
        )
    elif person.synchronised:
        yield Finding(
            "account_synchronised",
            Severity.WARNS,
            name,
            "the account comes from an on-premises directory",
            "its password works here only where password hashes are synchronised, and changes over there end the "
            "product's sign-in: an account that exists in the cloud only is safer",
            USER_ADMINISTRATOR,
        )


def unasked(count: int) -> Finding:
    """That further mailboxes were not looked at, because each costs a call of its own."""
    return _not_seen(
        f"{count} further mailboxes",
        "whether they are in the cloud, with a licence",
        "each takes a call of its own, and only the first are asked about",
        (),
    )


def _not_seen(about: str, what: str, reason: str, who_can: tuple[str, ...]) -> Finding:
    return Finding("not_seen", Severity.NOT_SEEN, about, f"{what}, was not seen", reason, who_can)


def _unlicensed(address: str) -> Finding:
    return Finding(
        "mailbox_unlicensed",
        Severity.WARNS,
        address,
        "no licence with Exchange Online is assigned to it",
        "Exchange Online keeps the mailbox of a person without a licence for 30 days and then deletes it: assign one, "
        "or make it a shared mailbox where nobody signs in as it",
        ("License Administrator", *USER_ADMINISTRATOR),
    )


def _on_premises(address: str, recipient: Recipient) -> Finding:
    to = f"; its mail goes to {recipient.elsewhere.partition(':')[2]}" if recipient.elsewhere else ""
    return Finding(
        "mailbox_on_premises",
        Severity.STOPS,
        address,
        f"its mailbox is not in Exchange Online ({recipient.kind}){to}",
        "tokens of Entra open mailboxes in the cloud only: move it to Exchange Online, or name another",
        EXCHANGE_ADMINISTRATOR,
    )
