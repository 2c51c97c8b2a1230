"""People's passwords, and what too many wrong ones lead to.

Two people with mailboxes have passwords from the start, in files of the client's side; management gives others theirs.
"""

from __future__ import annotations

import secrets
from pathlib import Path

from provisioner.sandbox.core import Sandbox, fixed_id
from provisioner.sandbox.entra.errors import invalid_grant
from provisioner.sandbox.files import write_private
from provisioner.sandbox.ledger import behaviour
from provisioner.sandbox.sealing import opens, seal
from provisioner.sandbox.store import Document, Transaction

HOLDERS = ("cryptshare", "neighbour")
"""Short names of the people that have a password in a fresh tenant."""

ATTEMPTS = 10
LOCKED_SECONDS = 60.0
_SEALED = "sealedSecrets"
_FAILURES = "signInFailures"


def password_file(directory: Path, name: str) -> Path:
    """Where the client finds a person's password."""
    return directory / f"{name}.password"


def give_passwords(tx: Transaction, directory: Path, domain: str) -> None:
    """Let the tenant know the passwords in the files, which are made if missing."""
    for name in HOLDERS:
        file = password_file(directory, name)
        if not file.exists():
            write_private(file, secrets.token_urlsafe(18).encode())
        key = _key(fixed_id(f"user:{name}@{domain}"))
        sealed, password = tx.get(_SEALED, key), file.read_text()
        if sealed is None or not opens(sealed, password):
            tx.put(_SEALED, key, {"id": key, **seal(password), "changedAt": 0.0})


def change_password(sandbox: Sandbox, tx: Transaction, user: Document, password: str) -> None:
    """Another password for a person, now; what was signed in before has to sign in again."""
    key = _key(user["id"])
    tx.put(_SEALED, key, {"id": key, **seal(password), "changedAt": sandbox.clock.now()})


def changed_at(tx: Transaction, user: Document) -> float:
    """When a person's password was changed, epoch seconds; 0 when it never was."""
    sealed = tx.get(_SEALED, _key(user["id"]))
    return 0.0 if sealed is None else float(sealed["changedAt"])


@behaviour(
    "A wrong password is AADSTS50126; ten in a row lock the account for a minute and longer each time, right passwords "
    "too: AADSTS50053. Whoever has no password here (federated domains too) is 50126",
    source="codes graph.md 3.3 V: ED; ten and one minute: published defaults of smart lockout; that equal wrong "
    "passwords are counted, and the answer for federated people: unverified",
    if_wrong="a probe that tries again locks the product out, or is said to",
)
def check_password(sandbox: Sandbox, tx: Transaction, user: Document, password: str) -> None:
    """SignInError unless this is the person's password; a failure is counted after the refusal."""
    now = sandbox.clock.now()
    failures = tx.get(_FAILURES, user["id"]) or {"id": user["id"], "count": 0, "lockedUntil": 0.0}
    if now < failures["lockedUntil"]:
        raise invalid_grant(
            50053,
            "The account is locked, you've tried to sign in too many times with an incorrect user ID or password.",
        )
    sealed = tx.get(_SEALED, _key(user["id"]))
    federated = domain_kind(sandbox, str(user["userPrincipalName"]).partition("@")[2].lower()) == "Federated"
    if sealed is not None and not federated and opens(sealed, password):
        tx.delete(_FAILURES, user["id"])
        return
    count = int(failures["count"]) + 1
    rounds = count // ATTEMPTS
    locked = now + LOCKED_SECONDS * 2 ** (rounds - 1) if count % ATTEMPTS == 0 else 0.0
    counted = {"id": user["id"], "count": count, "lockedUntil": locked}
    refusal = invalid_grant(50126, "Error validating credentials due to invalid username or password.")
    refusal.afterwards = lambda later: later.put(_FAILURES, user["id"], counted)
    raise refusal


def domain_kind(sandbox: Sandbox, domain: str) -> str | None:
    """Managed or Federated for a verified domain (lower case), None for any other."""
    with sandbox.store.transaction() as tx:
        organization = tx.get("organization", sandbox.tenant_id) or {}
    kinds = {each["name"].lower(): str(each["type"]) for each in organization.get("verifiedDomains", ())}
    return kinds.get(domain)


def _key(user_id: str) -> str:
    return f"password:{user_id}"
