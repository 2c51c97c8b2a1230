"""An application that another playbook makes and that ours is attached to: found, marked with our tag, and let be.

Two products may sign in as one application because their vendor says so. The host makes and removes it; the attached
onboarding adds what it needs, and on its way out takes away no more than that.
"""

from __future__ import annotations

from provisioner.model.change import Action, Blocked, Change, FieldChange, Part
from provisioner.model.declared import Application
from provisioner.model.observed import ApplicationObject, NotSeen
from provisioner.resources.sharing import host_tag


def is_hosts(declared: Application, live: ApplicationObject) -> bool:
    """Whether it is the host's: by the unique name that the host gave it, or, adopted, by the host's tag."""
    return live.unique_name == declared.unique_name or host_tag(declared) in live.tags


def compare(declared: Application, kind: str, part: Part, live: ApplicationObject | NotSeen | None) -> Change:
    """Put our tag beside the host's, or keep."""
    name = live.display_name if isinstance(live, ApplicationObject) else declared.display_name
    tagged = isinstance(live, ApplicationObject) and is_hosts(declared, live) and declared.tag in live.tags
    return Change(
        declared.address,
        kind,
        Action.KEEP if tagged else Action.UPDATE,
        part,
        f'Application "{name}" of {declared.attached_to}'
        if tagged
        else f'Attach to the application "{name}" of {declared.attached_to}',
        fields=() if tagged else (FieldChange("our tag", None, declared.tag),),
        reason="attached" if tagged else "the vendor's guide uses one application for both",
        guide_steps=declared.guide_steps,
    )


def missing(declared: Application, live: ApplicationObject | NotSeen | None) -> Blocked | None:
    """Why nothing can be attached; None where the host's application is there."""
    if isinstance(live, ApplicationObject) and is_hosts(declared, live):
        return None
    instance = declared.tag.rpartition(":")[2]
    named = "" if instance == "default" else f" --instance {instance}"
    return Blocked(f"`provisioner apply {declared.attached_to}{named}` comes first: it makes this application")


def compare_removal(declared: Application, kind: str, part: Part, live: ApplicationObject | NotSeen | None) -> Change:
    """Take our tag off; nothing else of the application is ours."""
    tagged = isinstance(live, NotSeen) or (live is not None and declared.tag in live.tags)
    name = live.display_name if isinstance(live, ApplicationObject) else declared.display_name
    return Change(
        declared.address,
        kind,
        Action.REMOVE if tagged else Action.KEEP,
        part,
        f'Take our tag off the application "{name}" of {declared.attached_to}'
        if tagged
        else f'Application "{name}" of {declared.attached_to}',
        fields=(FieldChange("our tag", declared.tag, None),) if tagged else (),
        reason=f"it belongs to {declared.attached_to}, and stays",
    )
