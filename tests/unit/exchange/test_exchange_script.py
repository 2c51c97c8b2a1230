"""The script for a person: values stay texts, and every command looks before it changes anything."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import powershell_tree as tree
import pytest

from provisioner.errors import InputFault
from provisioner.exchange.cmdlets import CMDLETS, SIGNATURES, Takes
from provisioner.exchange.interface import Parameter, is_read
from provisioner.exchange.powershell import Blank, literal
from provisioner.exchange.script_file import About, Question, Script, Step, write
from provisioner.exchange.script_steps import Command
from provisioner.model.identifiers import Address, TenantId

HOSTILE = json.loads((Path(__file__).parents[2] / "data" / "hostile_names.json").read_text(encoding="utf-8"))
NAMES = [(each["id"], each["text"]) for each in HOSTILE["displayNames"]]
BOM = b"\xef\xbb\xbf"

ABOUT = About(
    product="Cryptshare Server",
    playbook="cryptshare/server",
    variant="guide",
    instance="default",
    tenant_name="Contoso",
    tenant_id=TenantId("680f65b0-bc78-5de5-8684-80ad4ea9e4a6"),
    organization="contoso.onmicrosoft.com",
    environment="",
    scope="5c0e",
    sandbox=False,
    written=datetime(2026, 11, 22, tzinfo=UTC),
)


def command(cmdlet: str, made: str | None = None, **parameters: Parameter) -> Command:
    return Command(cmdlet, tuple(parameters.items()), made)


def step(*commands: Command, title: str = "A step") -> Step:
    return Step(Address("thing.main"), title, commands)


def script(*steps: Step, questions: tuple[Question, ...] = (), about: About = ABOUT) -> Script:
    blanks = {Blank(each.made, "DistinguishedName") for one in steps for each in one.commands if each.made}
    return write(about, steps, questions, frozenset(blanks))


def root(made: Script) -> tree.Node:
    assert made.data.startswith(BOM)
    return tree.parsed(made.data.removeprefix(BOM))


def is_refused(name: str) -> bool:
    return any(unicodedata.category(each) in ("Cc", "Cs", "Zl", "Zp") for each in name)


def new_principal(display_name: str) -> Command:
    return command("New-ServicePrincipal", AppId="a", ObjectId="o", DisplayName=display_name)


def sample(takes: Takes) -> Parameter:
    return {Takes.TEXT: "text", Takes.TEXTS: ("one", "two"), Takes.FLAG: True, Takes.FLAG_OR_UNSET: None}[takes]


@pytest.mark.parametrize(
    ("value", "source"),
    [
        (None, "$null"),
        (True, "$true"),
        (False, "$false"),
        (7, "7"),
        ("", "''"),
        ("plain", "'plain'"),
        ("O'Brien", "'O''Brien'"),
        ('$(x) `n "y" #> @{', "'$(x) `n \"y\" #> @{'"),
        (("a", "b'c"), "@('a', 'b''c')"),
        ((), "@()"),
        ("a\u202eb", "('a' + [char]::ConvertFromUtf32(0x202E) + 'b')"),
        ("\u202e", "('' + [char]::ConvertFromUtf32(0x202E))"),
    ],
)
def test_literal(value: Parameter, source: str) -> None:
    assert literal(value) == source
    listed = list(value) if isinstance(value, tuple) else value
    assert tree.value(tree.assigned(tree.parsed(f"$x = {source}\n".encode()), "x")[0]) == listed


@pytest.mark.parametrize("quote", "'\u2018\u2019\u201a\u201b")
def test_every_quote_that_powershell_knows_is_doubled(quote: str) -> None:
    assert literal(f"a{quote};b") == f"'a{quote * 2};b'"


@pytest.mark.parametrize("character", ["\n", "\r", "\0", "\x1b", "\x85", "\u2028", "\ud83d", "\ufdd0", "\uffff"])
def test_what_no_script_should_hold_is_refused(character: str) -> None:
    with pytest.raises(InputFault, match=f"U\\+{ord(character):04X}"):
        literal(f"a{character}b")


def test_a_strangers_mark_is_no_blank() -> None:
    """Nobody can name a variable of the script by giving himself a name that looks like our own mark."""
    with pytest.raises(InputFault):
        literal(f"x{Blank('About', 'Scope').mark}", frozenset({Blank("made1", "DistinguishedName")}))


@pytest.mark.parametrize(("identity", "name"), NAMES)
def test_hostile_names_stay_within_their_strings(identity: str, name: str) -> None:
    if is_refused(name):
        with pytest.raises(InputFault):
            script(step(new_principal(name)))
        return
    found = root(script(step(new_principal(name))))
    assert tree.value(tree.assigned(found, "wanted")[0])["DisplayName"] == name
    assert tree.commands(found) == tree.commands(root(script(step(new_principal("harmless")))))


@pytest.mark.parametrize(("identity", "name"), NAMES)
def test_hostile_texts_that_are_only_shown_change_nothing(identity: str, name: str) -> None:
    """The tenant's name and a step's title come from strangers too; they are never refused, and never run."""
    harmless = root(script(step(new_principal("x"))))
    hostile = script(step(new_principal("x"), title=name), about=replace(ABOUT, tenant_name=name, product=name))
    assert tree.commands(root(hostile)) == tree.commands(harmless)
    assert not any(is_refused(each) for each in hostile.text.splitlines())


@pytest.mark.parametrize("cmdlet", [each for each in CMDLETS if not is_read(each)])
def test_every_cmdlet_that_writes_can_be_scripted(cmdlet: str) -> None:
    given = {name: sample(takes) for name, takes in SIGNATURES[cmdlet].parameters.items()}
    made = script(step(command(cmdlet, **given)))
    found = root(made)
    if given:
        expected = {name: list(each) if isinstance(each, tuple) else each for name, each in given.items()}
        assert tree.value(tree.assigned(found, "wanted")[0]) == expected
    assert cmdlet in tree.commands(found)
    (imported,) = (tree.value(each) for each in tree.assigned(found, "Cmdlets"))
    ran = {each for each in tree.commands(found) if each in CMDLETS}
    assert cmdlet in imported and ran <= set(imported)


@pytest.mark.parametrize("cmdlet", [each for each in CMDLETS if not is_read(each)])
def test_it_looks_before_it_changes(cmdlet: str) -> None:
    """Between the values and the change stands a look, and the change stands in a condition."""
    given = {name: sample(takes) for name, takes in SIGNATURES[cmdlet].parameters.items()}
    found = root(script(step(command(cmdlet, **given))))
    body = next(each for each in tree.walk(found) if each.type == "try_statement" and "Enter-Step" in tree.text(each))
    names = tree.commands(body)
    first = names.index(cmdlet)
    assert any(is_read(each) for each in names[:first] if each in CMDLETS)
    change = next(each for each in tree.walk(body) if each.type == "command_name" and tree.text(each) == cmdlet)
    around, parent = [], change.parent
    while parent is not None and parent != body:
        around.append(parent.type)
        parent = parent.parent
    assert "if_statement" in around
    called = [each for each in tree.calls(body) if each.name == "Invoke-Change"]
    assert any(cmdlet in tree.text(each.arguments[-1]) for each in called)


def test_exchange_errors_end_the_step() -> None:
    """Exchange's errors are not terminating by themselves, and a script's preference does not reach into modules."""
    given = [
        step(command(each, **{name: sample(takes) for name, takes in SIGNATURES[each].parameters.items()}))
        for each in CMDLETS
        if not is_read(each)
    ]
    found = root(script(*given))
    ours = [each for each in tree.calls(found) if each.name in CMDLETS]
    assert len(ours) > len(given)
    for each in ours:
        said = [tree.text(argument) for argument in each.arguments]
        assert said[-2:] == ["-ErrorAction", "Stop"], each.name


def test_what_only_the_script_will_know_is_filled_in_by_it() -> None:
    mark = Blank("made1", "DistinguishedName").mark
    made = script(
        step(
            command("New-DistributionGroup", "made1", Name="g", Alias="g", Members=("a@b",), Notes="n"),
            command("Set-DistributionGroup", Identity=mark, HiddenFromAddressListsEnabled=True),
        ),
        step(command("New-ManagementScope", Name="s", RecipientRestrictionFilter=f"MemberOfGroup -eq '{mark}'")),
    )
    found = root(made)
    values = [
        tree.value(each, lambda variable, name: {"DistinguishedName": "CN=O'Neil"}[name])
        for each in tree.assigned(found, "wanted")
    ]
    assert values[1]["Identity"] == "CN=O'Neil"
    assert values[2]["RecipientRestrictionFilter"] == "MemberOfGroup -eq 'CN=O''Neil'"
    assert made.text.index("$made1 = ") < made.text.index("$made1.DistinguishedName")


def test_a_script_with_scopes_asks_first_whether_the_organisation_takes_any() -> None:
    found = root(script(step(command("New-ManagementScope", Name="s", RecipientRestrictionFilter="f"))))
    names = tree.commands(found)
    assert names.index("Get-OrganizationConfig") < names.index("New-ManagementScope")
    guards = [tree.text(each) for each in tree.walk(found) if each.type == "if_statement"]
    assert any("-not $AllowOrganisationWide" in each and "throw" in each for each in guards)
    without = tree.commands(root(script(step(new_principal("x")))))
    assert "Enable-OrganizationCustomization" not in without


def test_it_stops_in_another_tenant_before_the_first_step() -> None:
    made = script(step(new_principal("x")))
    found = root(made)
    names = tree.commands(found)
    assert names.index("Get-AcceptedDomain") < names.index("Enter-Step")
    assert "Get-AcceptedDomain" in tree.value(tree.assigned(found, "Cmdlets")[0])
    about = tree.value(tree.assigned(found, "About")[0])
    assert about["Organization"] == "contoso.onmicrosoft.com"
    assert about["Environment"] == ""
    guard = next(
        tree.text(each)
        for each in tree.walk(found)
        if each.type == "if_statement" and "Get-AcceptedDomain" in tree.text(each)
    )
    assert "-notcontains $About.Organization" in guard and "throw" in guard


def test_questions_are_read_back_with_what_we_read_of_them() -> None:
    asked = (Question("Get-MailboxPermission", (("Identity", "O'Neil@b"),)), Question("Get-TransportConfig", ()))
    reads = [each for each in tree.calls(root(script(questions=asked))) if each.name == "Read-Back"]
    told = [[tree.value(argument) for argument in each.arguments] for each in reads]
    assert told == [
        ["Get-MailboxPermission", {"Identity": "O'Neil@b"}, list(SIGNATURES["Get-MailboxPermission"].properties)],
        ["Get-TransportConfig", {}, list(SIGNATURES["Get-TransportConfig"].properties)],
    ]


def test_the_digest_is_of_what_is_done_and_for_whom() -> None:
    made = script(step(new_principal("x")))
    same = script(step(new_principal("x"), title="In other words"), about=replace(ABOUT, tenant_name="Renamed"))
    assert made.digest == same.digest
    assert made.digest in made.text
    assert made.digest != script(step(new_principal("y"))).digest
    assert made.digest != script(step(new_principal("x")), about=replace(ABOUT, scope="other")).digest


def test_windows_powershell_reads_it_as_it_is_written() -> None:
    """Without a byte order mark it is read in the machine's code page, where a letter's bytes can be a quote."""
    made = script(step(new_principal("M\u00fcller")))
    assert made.data.decode("utf-8-sig").replace("\r\n", "\n") == made.text
    assert b"\n" not in made.data.replace(b"\r\n", b"")
