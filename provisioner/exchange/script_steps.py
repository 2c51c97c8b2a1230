"""One command of a script, as PowerShell that looks first and changes only what is not as wanted.

How to look follows from the verb: a `New-` is left out where a thing of that name is there, a `Set-` where the
properties are as wanted, a `Remove-` where nothing is there. What a noun needs beyond that stands in the tables. The
functions that the lines call are the script's own tools (`powershell_text/script.ps1`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from types import MappingProxyType

from provisioner.exchange.cmdlets import SIGNATURES
from provisioner.exchange.interface import Parameter
from provisioner.exchange.powershell import Blank, literal, name, table


@dataclass(frozen=True)
class Command:
    """One cmdlet that writes, with its parameters. `made` is the variable that later commands know its result by."""

    cmdlet: str
    parameters: tuple[tuple[str, Parameter], ...]
    made: str | None = None

    @property
    def verb(self) -> str:
        """`New`."""
        return self.cmdlet.partition("-")[0]

    @property
    def noun(self) -> str:
        """`ServicePrincipal`."""
        return self.cmdlet.partition("-")[2]


@dataclass(frozen=True)
class Block:
    """Lines of PowerShell, and the cmdlets in them."""

    lines: tuple[str, ...]
    cmdlets: frozenset[str]


class Mending(Enum):
    """What becomes of a thing that is there with other values."""

    SET = "set"
    ANEW = "anew"


@dataclass(frozen=True)
class _Making:
    """By which parameter a new thing is recognised, and which values it must have."""

    identity: str = "Name"
    fixed: tuple[str, ...] = ()
    mending: Mending = Mending.SET


_MAKING: Mapping[str, _Making] = MappingProxyType(
    {
        # only its display name can be set, so a wrong object id takes a new one (exchange.md 4.1)
        "ServicePrincipal": _Making("AppId", ("ObjectId",), Mending.ANEW),
        "ManagementScope": _Making("Name", ("RecipientRestrictionFilter",), Mending.SET),
        "ManagementRoleAssignment": _Making("Name", ("Role", "CustomResourceScope"), Mending.ANEW),
        "DistributionGroup": _Making("Alias"),
    }
)

_SHOWN_AS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "RecipientRestrictionFilter": ("RecipientFilter",),
        "CustomResourceScope": ("CustomResourceScope", "CustomRecipientWriteScope"),
    }
)
"""Parameters whose property is called otherwise, or in one of several ways."""

_TAKES_SCOPES = frozenset({"New-ManagementScope", "New-ManagementRoleAssignment"})
"""Refused by an organisation that has never been customised (exchange.md 4.4)."""


_CUSTOMIZE = "Enable-OrganizationCustomization"
_DEHYDRATED = "(Get-OrganizationConfig -ErrorAction Stop).IsDehydrated"


def takes_scopes(command: Command) -> bool:
    """Whether the organisation must be customised first."""
    return command.cmdlet in _TAKES_SCOPES


def block(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    """The command's lines. `rest` are the commands that follow it in the same step."""
    special = _SPECIAL.get(command.cmdlet)
    if special is not None:
        return special(command, rest, blanks)
    return _BY_VERB.get(command.verb, _plainly)(command, rest, blanks)


def _wanted(command: Command, blanks: frozenset[Blank]) -> tuple[str, ...]:
    first, *more = table(dict(command.parameters), blanks)
    return (f"$wanted = {first}", *more)


def _look(noun: str, identity: str) -> tuple[str, ...]:
    """Those things that are exactly what was asked for."""
    return (
        f"$found = @(Read-Exchange {{ Get-{noun} -Identity {identity} -ErrorAction Stop }} |",
        f"    Where-Object {{ Test-Named $_ {identity} }})",
    )


def _change(what: str, cmdlet: str, arguments: str = "@wanted") -> str:
    return " ".join(
        ("Invoke-Change", literal(what), "{", name(cmdlet), *arguments.split(), "-ErrorAction", "Stop", "}")
    )


def _choice(condition: str, change: str, otherwise: str, *more: tuple[str, str]) -> tuple[str, ...]:
    """Change where the condition holds; else say why not."""
    also = (line for test, deed in more for line in (f"elseif ({test}) {{", f"    {deed}", "}"))
    return (
        f"if ({condition}) {{",
        f"    {change}",
        "}",
        *also,
        "else {",
        f"    Write-Outcome 'as wanted' {literal(otherwise)}",
        "}",
    )


def _as_wanted(parameter: str) -> str:
    """Whether what was found has the wanted value."""
    shown = _SHOWN_AS.get(parameter, (parameter,))
    tests = [f"(Test-Same $found[0].{name(each)} $wanted.{name(parameter)})" for each in shown]
    return tests[0] if len(tests) == 1 else f"({' -or '.join(tests)})"


def _new(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    noun = name(command.noun)
    making = _MAKING.get(command.noun, _Making())
    fixed = tuple(each for each in making.fixed if each in dict(command.parameters))
    identity = f"$wanted.{making.identity}"
    other = " -or ".join(f"-not {_as_wanted(each)}" for each in fixed)
    mend = f"{'Set' if making.mending is Mending.SET else 'Remove'}-{noun}"
    why = f"{mend}: it has other values"
    before: tuple[str, ...] = ()
    mended: tuple[tuple[str, str], ...] = ()
    if fixed and making.mending is Mending.ANEW:
        removed = _change(why, mend, f"-Identity {identity} -Confirm:$false")
        before = (f"if ($found.Count -gt 0 -and ({other})) {{", f"    {removed}", "    $found = @()", "}")
    elif fixed:
        values = " ".join(f"-{each} $wanted.{each}" for each in fixed)
        mended = ((other, _change(why, mend, f"-Identity {identity} {values}")),)
    made = _change(command.cmdlet, command.cmdlet)
    return Block(
        (
            *_wanted(command, blanks),
            *_look(noun, identity),
            *before,
            *_choice("$found.Count -eq 0", made, "it is there", *mended),
            *_kept_for_later(command, noun, identity),
        ),
        frozenset({command.cmdlet, f"Get-{noun}", *((mend,) if fixed else ())}),
    )


def _kept_for_later(command: Command, noun: str, identity: str) -> tuple[str, ...]:
    if command.made is None:
        return ()
    return (
        f"${name(command.made)} = @(Wait-Exchange {{",
        f"    Get-{noun} -Identity {identity} -ErrorAction Stop | Where-Object {{ Test-Named $_ {identity} }}",
        "})[0]",
    )


def _set(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    read = f"Get-{name(command.noun)}"
    given = dict(command.parameters)
    signature = SIGNATURES.get(read)
    shown = signature.properties if signature is not None else ()
    compared = tuple(each for each in given if each != "Identity" and set(_SHOWN_AS.get(each, (each,))) & set(shown))
    change = _change(command.cmdlet, command.cmdlet)
    if not compared:
        return Block((*_wanted(command, blanks), change), frozenset({command.cmdlet}))
    named = " -Identity $wanted.Identity" if "Identity" in given else ""
    same = (f"    {_as_wanted(each)}" for each in compared)
    return Block(
        (
            *_wanted(command, blanks),
            f"$found = @(Read-Exchange {{ {read}{named} -ErrorAction Stop }})",
            "$same = $found.Count -eq 1 -and",
            *" -and\n".join(same).split("\n"),
            *_choice("-not $same", change, "it is set so"),
        ),
        frozenset({command.cmdlet, read}),
    )


def _remove(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    noun = name(command.noun)
    return Block(
        (
            *_wanted(command, blanks),
            *_look(noun, "$wanted.Identity"),
            *_choice("$found.Count -gt 0", _change(command.cmdlet, command.cmdlet), "it is not there"),
        ),
        frozenset({command.cmdlet, f"Get-{noun}"}),
    )


def _plainly(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    """A cmdlet that looks by itself."""
    return Block((*_wanted(command, blanks), _change(command.cmdlet, command.cmdlet)), frozenset({command.cmdlet}))


def _distribution_group(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    """A group of our alias that is there is taken only where it is ours, or where nobody could have prepared it."""
    made = _new(command, rest, blanks)
    head = len(_wanted(command, blanks)) + len(_look(command.noun, ""))
    group = "$found[0].DistinguishedName"
    add = f"Add-DistributionGroupMember -Identity {group} -Member $member -BypassSecurityGroupManagerCheck"
    guarded = (
        "if ($found.Count -gt 0) {",
        "    $members = @(Read-Exchange {",
        f"        Get-DistributionGroupMember -Identity {group} -ResultSize Unlimited -ErrorAction Stop",
        "    } | ForEach-Object { [string] $_.PrimarySmtpAddress })",
        "    $foreign = @($members | Where-Object { $wanted.Members -notcontains $_ })",
        "    $ways = @($found[0].MemberJoinRestriction, $found[0].MemberDepartRestriction)",
        "    $closed = @($ways | Where-Object { $_ -ne 'Closed' }).Count -eq 0",
        "    $marked = (@($found[0].Description) -join ' ').Contains($wanted.Notes)",
        "    if (-not $marked -and ($foreign.Count -gt 0 -or -not $closed)) {",
        "        throw 'A group of this alias is there, but does not carry our mark. Whoever made it could reach the "
        "mailboxes of others through it. Look at it, and remove it or give it another alias.'",
        "    }",
        "    if ($foreign.Count -gt 0) {",
        "        Write-Warning ('Also in the group, and so within reach: {0}' -f ($foreign -join ', '))",
        "    }",
        "    foreach ($member in @($wanted.Members | Where-Object { $members -notcontains $_ })) {",
        f"        Invoke-Change ('Add-DistributionGroupMember: {{0}}' -f $member) {{ {add} -ErrorAction Stop }}",
        "    }",
        "}",
    )
    used = {"Get-DistributionGroupMember", "Add-DistributionGroupMember"}
    return Block((*made.lines[:head], *guarded, *made.lines[head:]), made.cmdlets | used)


def _group_member(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    read = "{ Get-DistributionGroupMember -Identity $wanted.Identity -ResultSize Unlimited -ErrorAction Stop }"
    return Block(
        (
            *_wanted(command, blanks),
            f"$found = @(Read-Exchange {read} |",
            "    Where-Object { [string] $_.PrimarySmtpAddress -eq $wanted.Member })",
            *_choice("$found.Count -eq 0", _change(command.cmdlet, command.cmdlet), "it is a member"),
        ),
        frozenset({command.cmdlet, "Get-DistributionGroupMember"}),
    )


def _mailbox_permission(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    """What a mailbox shows as the holder of a right is not documented (exchange.md 8): all its identities are tried."""
    adding = command.verb == "Add"
    return Block(
        (
            *_wanted(command, blanks),
            "$holders = @(Get-HolderName $wanted.User)",
            "$rights = @(Read-Exchange { Get-MailboxPermission -Identity $wanted.Identity -ErrorAction Stop })",
            "$found = @($rights | Where-Object {",
            "    -not $_.Deny -and (Test-Same $_.AccessRights $wanted.AccessRights) -and",
            "    ($holders -contains [string] $_.User -or $holders -contains [string] $_.UserSid)",
            "})",
            *_choice(
                f"$found.Count {'-eq' if adding else '-gt'} 0",
                _change(command.cmdlet, command.cmdlet),
                "it has that right" if adding else "it has no such right",
            ),
        ),
        frozenset({command.cmdlet, "Get-MailboxPermission", "Get-ServicePrincipal"}),
    )


def _customization(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    return Block(_customized(), frozenset({command.cmdlet, "Get-OrganizationConfig"}))


def before_scopes() -> Block:
    """What a script that makes scopes does first: see whether the organisation takes any."""
    stop = (
        f"if ({_DEHYDRATED} -and -not $AllowOrganisationWide) {{",
        "    throw 'This organisation takes no scopes of its own until Enable-OrganizationCustomization was run: "
        "for the whole organisation, and for good. Run this script with -AllowOrganisationWide to do that.'",
        "}",
    )
    return Block((*stop, *_customized()), frozenset({_CUSTOMIZE, "Get-OrganizationConfig"}))


def _customized() -> tuple[str, ...]:
    return _choice(_DEHYDRATED, _change(_CUSTOMIZE, _CUSTOMIZE, ""), "it takes scopes")


def _organization(command: Command, rest: tuple[Command, ...], blanks: frozenset[Blank]) -> Block:
    """The list of applications that may use EWS: only ever added to, as it is at that moment, and never begun."""
    open_too = "EwsEnabled" in dict(command.parameters)
    unfit = (
        "EwsAllowedAppIDs is empty, and the first to be listed would lock out all others. Nothing was written; what to "
        "write is for a person to decide."
    )
    lacking = "($missing.Count -gt 0 -or $gates.EwsEnabled -ne $true)" if open_too else "$missing.Count -gt 0"
    return Block(
        (
            *_wanted(command, blanks),
            "$gates = Get-OrganizationConfig -RetrieveEwsOperationAccessPolicy -ErrorAction Stop",
            "$listed = @((@($gates.EwsAllowedAppIDs) -join ',').Trim('{', '}') -split ',' |",
            "    ForEach-Object { $_.Trim() } | Where-Object { $_ })",
            "$missing = @($wanted.EwsAllowedAppIDs -split ',' | Where-Object { $_ -and $listed -notcontains $_ })",
            "$whole = @($listed + $missing) -join ','",
            *_choice(
                f"$listed.Count -gt 0 -and {lacking}",
                _change(command.cmdlet, command.cmdlet, f"-EwsAllowedAppIDs $whole{' -EwsEnabled $true' * open_too}"),
                "the list names it",
                ("$missing.Count -gt 0", f"Write-Outcome 'left to a person' {literal(unfit)}"),
            ),
        ),
        frozenset({command.cmdlet, "Get-OrganizationConfig"}),
    )


_Writer = Callable[[Command, tuple[Command, ...], frozenset[Blank]], Block]

_BY_VERB: Mapping[str, _Writer] = MappingProxyType({"New": _new, "Set": _set, "Remove": _remove})

_SPECIAL: Mapping[str, _Writer] = MappingProxyType(
    {
        "New-DistributionGroup": _distribution_group,
        "Add-DistributionGroupMember": _group_member,
        "Add-MailboxPermission": _mailbox_permission,
        "Remove-MailboxPermission": _mailbox_permission,
        "Enable-OrganizationCustomization": _customization,
        "Set-OrganizationConfig": _organization,
    }
)
