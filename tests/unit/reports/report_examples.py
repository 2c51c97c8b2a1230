"""Results as an onboarding of Cryptshare Server gives them, for the tests of every form; and others' forms."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime

from provisioner.model.change import (
    Action,
    Blocked,
    Change,
    FieldChange,
    Gate,
    Manual,
    Part,
    PlannedChange,
    Ready,
    Standing,
)
from provisioner.model.declaration import Caution, HandoverField, ManualStep
from provisioner.model.identifiers import Address, AppId, KeyId, ObjectId, TenantId
from provisioner.model.outcome import (
    ChangeOutcome,
    ChangeState,
    ProofOutcome,
    ProofState,
    SecretParameter,
    SecretReceipt,
)
from provisioner.model.plan import ApplicationIds, ConsentByAnother, Plan, approve
from provisioner.model.preflight import Finding, Severity
from provisioner.model.results import (
    Adopted,
    Applied,
    Candidate,
    Deed,
    FilledField,
    FilledScreen,
    HandedOver,
    Migrated,
    Planned,
    Stage,
    StageState,
    Verified,
)
from provisioner.playbook import declare, find, load, parameters

TENANT_ID = TenantId("0f2c7d9e-54a1-4b8e-9d70-3a1f6c52b8e4")
APP_ID = AppId("5b1e8c3a-7d94-4e02-8f61-c9a2d4b7e650")
OBJECT_ID = ObjectId("91d3f7a8-2c60-4b5e-a8d1-0e7f4c936b2a")
PRINCIPAL_ID = ObjectId("c47a2b19-e853-4d06-b7f9-5d80a1e6c3f2")
KEY_ID = KeyId("e0a95d72-1b3c-4f68-8c27-d64f9b0a7e15")
REQUEST_ID = "7f6e5d4c-3b2a-4190-8877-665544332211"
SENDER = "cryptshare@contoso.example"
ARGUMENTS = "cryptshare/server --tenant sandbox"
IDS = (TENANT_ID, APP_ID, OBJECT_ID, PRINCIPAL_ID)

APPLICATION = Change(
    Address("application.main"),
    "application",
    Action.CREATE,
    Part.ENTRA,
    'Register the application "Cryptshare Server"',
    fields=(FieldChange("display name", None, "Cryptshare Server"), FieldChange("accounts", None, "this tenant only")),
    guide_steps=("4", "5", "6"),
)
PRINCIPAL = Change(
    Address("service_principal.main"),
    "service_principal",
    Action.CREATE,
    Part.ENTRA,
    "Create its enterprise application (service principal)",
    fields=(FieldChange("of", None, "application.main"),),
    guide_steps=("11",),
)
REQUESTED = Change(
    Address("requested_permissions.main"),
    "requested_permissions",
    Action.CREATE,
    Part.ENTRA,
    "List the permissions it asks for: SMTP.SendAsApp",
    fields=(FieldChange("SMTP.SendAsApp", None, "requested"),),
    reason="a wish list; consent comes next",
    guide_steps=("8", "9"),
)
SECRET = Change(
    Address("client_secret.main.mail"),
    "client_secret",
    Action.CREATE,
    Part.ENTRA,
    'Mint the client secret "Client Secret" for 180 days and store it',
    fields=(FieldChange("valid for", None, "180 days"),),
    undo="a secret that has been handed over cannot be unseen; `remove` deletes the key itself",
    guide_steps=("7",),
)
CONSENT = Change(
    Address("app_role_grant.main.SMTP.SendAsApp"),
    "app_role_grant",
    Action.CREATE,
    Part.CONSENT,
    "Grant admin consent to SMTP.SendAsApp on Office 365 Exchange Online",
    fields=(FieldChange("SMTP.SendAsApp", None, "granted for the whole tenant"),),
    reach="Send as any mailbox that Exchange gives this service principal FullAccess or SendAs on; none by itself.",
    guide_steps=("10",),
    notes=("can be granted by: Cloud Application Administrator or Application Administrator",),
)
POINTER = Change(
    Address("exchange_pointer.main"),
    "exchange_pointer",
    Action.CREATE,
    Part.EXCHANGE,
    "Tell Exchange Online about the service principal (New-ServicePrincipal)",
    fields=(FieldChange("object id", None, "of service_principal.main"),),
    guide_steps=("Exchange 3",),
)
FULL_ACCESS = Change(
    Address("mailbox_permission.main"),
    "mailbox_permission",
    Action.CREATE,
    Part.EXCHANGE,
    f"Give the application FullAccess on {SENDER}",
    fields=(FieldChange(f"FullAccess on {SENDER}", None, "for exchange_pointer.main"),),
    reach=f"the application can read and change everything in {SENDER}",
    guide_steps=("Exchange 5",),
)
SMTP_AUTH = Change(
    Address("client_access.sender"),
    "client_access",
    Action.UPDATE,
    Part.EXCHANGE,
    f"Switch SMTP AUTH on for {SENDER}",
    fields=(FieldChange(f"SMTP AUTH of {SENDER}", "as the organisation: off", "on"),),
    reason="needed even with OAuth: without it Exchange answers 535 5.7.139",
    undo="`remove` leaves it: the mailbox is not ours alone",
)
CHANGES = (APPLICATION, PRINCIPAL, REQUESTED, SECRET, CONSENT, POINTER, FULL_ACCESS, SMTP_AUTH)

MANUAL = (
    ManualStep(
        "Leave the execution policy as it is",
        "The guide asks for Set-ExecutionPolicy Bypass.\nIt is not needed: the module is signed.\n",
        role="nobody",
        proof="Get-ExecutionPolicy -List is as before",
        guide_steps=("Exchange 2",),
    ),
)
WARNINGS = (
    Caution(
        "FullAccess lets the application read the whole mailbox. Use a mailbox of its own.", source="vendor-guides E3"
    ),
    Caution("EWS ends; this product does not use it.", retires_on=date(2027, 4, 1)),
)
INCOMPLETE = ("Whether the secret may be longer than 64 characters.",)
NOTES = ("this machine's clock is 7 minutes behind the tenant's; the tenant's time is used",)


def plan_of(*planned: PlannedChange, **others: object) -> Plan:
    """A plan of Cryptshare Server with these changes."""
    given: dict[str, object] = {
        "tenant_id": TENANT_ID,
        "tenant_name": "Contoso (contoso.onmicrosoft.example)",
        "sandbox": True,
        "playbook": "cryptshare/server",
        "title": "Cryptshare Server",
        "variant": "guide",
        "instance": "default",
        "playbook_sha256": "0" * 64,
        "parameters": (("sender_mailbox", SENDER),),
        "changes": planned,
        "applications": (ApplicationIds("main", "Cryptshare Server"),),
        "manual": MANUAL,
        "warnings": WARNINGS,
        "incomplete": INCOMPLETE,
        "notes": NOTES,
    }
    return Plan(**{**given, **others})  # type: ignore[arg-type]


def first_plan() -> Plan:
    """Everything is to do, and this caller may."""
    return plan_of(*(PlannedChange(each, Ready()) for each in CHANGES), notes=(), incomplete=())


def mixed_plan() -> Plan:
    """One of everything: done, to do, blocked by role, by gate and by its needs, by hand, restored, taken away."""
    kept = Change(
        APPLICATION.address,
        "application",
        Action.KEEP,
        Part.ENTRA,
        'Application "Cryptshare Server"',
        reason="registered as wanted",
        guide_steps=("4", "5", "6"),
        notes=(f"key {KEY_ID} is ours by name, but not of this sink: held elsewhere or lost; it stays",),
    )
    restored = Change(
        PRINCIPAL.address, "application", Action.RESTORE, Part.ENTRA, "Restore its twin", gate=Gate.RESTORE
    )
    revoked = Change(
        Address("app_role_grant.old"),
        "app_role_grant",
        Action.REMOVE,
        Part.CONSENT,
        "Revoke admin consent to Mail.Send",
        fields=(FieldChange("Mail.Send", "granted for the whole tenant", None),),
    )
    renamed = Change(
        Address("application.other"),
        "application",
        Action.UPDATE,
        Part.ENTRA,
        'Correct the application "Cryptshare Server"',
        fields=(FieldChange("display name", "Cryptshare", "Cryptshare Server"),),
    )
    blocked: Standing = Blocked(
        "provisioner-operator lacks the application permission AppRoleAssignment.ReadWrite.All to consent",
        ("Cloud Application Administrator", "Application Administrator", "Global Administrator"),
    )
    return plan_of(
        PlannedChange(kept, Ready()),
        PlannedChange(restored, Ready()),
        PlannedChange(renamed, Ready()),
        PlannedChange(CONSENT, blocked),
        PlannedChange(
            revoked,
            Blocked("needs --allow-remove-grants: it takes granted permissions away", flag="--allow-remove-grants"),
        ),
        PlannedChange(
            POINTER,
            Manual("Run the script on a host of yours", "Exchange Administrator", "Get-ServicePrincipal shows it"),
        ),
        PlannedChange(FULL_ACCESS, Blocked("left out by --only consent", flag="--only exchange")),
        applications=(ApplicationIds("main", "Cryptshare Server", APP_ID, OBJECT_ID, PRINCIPAL_ID),),
        preflight=FINDINGS,
        consent=(
            ConsentByAnother(
                "Cryptshare Server",
                CONSENTERS,
                ("--allow-tenant-wide",),
                PORTAL,
                f"https://login/{TENANT_ID}/adminconsent",
                "all",
            ),
        ),
    )


CONSENTERS = ("Cloud Application Administrator", "Application Administrator", "Global Administrator")
PORTAL = (
    f"https://entra.microsoft.com/#view/Microsoft_AAD_RegisteredApps/ApplicationMenuBlade/~/CallAnAPI/appId/{APP_ID}"
)
FINDINGS = (
    Finding("mailbox_missing", Severity.STOPS, SENDER, "no such mailbox", "make it first", ("Exchange Administrator",)),
    Finding("mailbox_unlicensed", Severity.WARNS, SENDER, "no licence", "it goes after 30 days"),
    Finding("not_seen", Severity.NOT_SEEN, "the tenant", "conditional access was not seen", "403", ("Global Reader",)),
)


RECEIPT = SecretReceipt(
    "main",
    "mail",
    KEY_ID,
    datetime(2027, 1, 14, 9, 30, tzinfo=UTC),
    "age:/home/ada/.provisioner/secrets",
    f"age:/home/ada/.provisioner/secrets/{TENANT_ID}/cryptshare_server_default.main.mail.age",
    "current",
)
SEEN_AT = datetime(2026, 7, 18, 9, 31, tzinfo=UTC)
APPLIED_IDS = (ApplicationIds("main", "Cryptshare Server", APP_ID, OBJECT_ID, PRINCIPAL_ID),)


def planned() -> Planned:
    """The first plan."""
    return Planned(first_plan(), approve("", first_plan()))


def applied() -> Applied:
    """All went well."""
    plan = plan_of(*(PlannedChange(each, Ready()) for each in CHANGES), applications=APPLIED_IDS, notes=())
    return Applied(
        plan,
        tuple(ChangeOutcome(each.address, ChangeState.DONE, each.summary) for each in CHANGES),
        (RECEIPT,),
        receipt="/home/ada/.provisioner/tenants/sandbox/receipts/2026-07-18T093012Z.json",
        manual=MANUAL,
    )


def half_applied() -> Applied:
    """One of every outcome."""
    plan = mixed_plan()
    states = (
        ChangeOutcome(APPLICATION.address, ChangeState.KEPT, "registered as wanted"),
        ChangeOutcome(PRINCIPAL.address, ChangeState.DONE, "Restore its twin"),
        ChangeOutcome(
            Address("application.other"),
            ChangeState.NOT_YET,
            "application.other: not yet (Resource does not exist)",
            "the tenant is still settling; run the same command again in a few minutes",
            REQUEST_ID,
        ),
        ChangeOutcome(CONSENT.address, ChangeState.BLOCKED, "POST /appRoleAssignments: Insufficient privileges"),
        ChangeOutcome(Address("app_role_grant.old"), ChangeState.FAILED, "boom", "look at the log", REQUEST_ID),
        ChangeOutcome(POINTER.address, ChangeState.MANUAL, "Run the script on a host of yours"),
        ChangeOutcome(FULL_ACCESS.address, ChangeState.SKIPPED, "waits for exchange_pointer.main"),
    )
    return Applied(plan, states, (), ("application.other",), manual=plan.manual)


def verified() -> Verified:
    """One of every outcome."""
    proofs = (
        ProofOutcome("token", "A token with SMTP.SendAsApp", ProofState.PASSED, "roles: SMTP.SendAsApp"),
        ProofOutcome(
            "smtp",
            f"Mail can be sent as {SENDER}",
            ProofState.FAILED,
            "535 5.7.3 Authentication unsuccessful",
            ("requested_not_granted", "pointer_has_registration_object_id", "mailbox_right_missing"),
            "read the three places in the tenant",
            reasons=(
                "the permission is requested but not granted",
                "Exchange's service principal carries the wrong object id",
                "the application has no right on the mailbox",
            ),
        ),
        ProofOutcome(
            "neighbour", "Another mailbox is refused", ProofState.NOT_YET, "430 4.2.0", advice="wait: up to 2 h"
        ),
        ProofOutcome(
            "delivered", "The mail arrives", ProofState.NOT_PROVEN, "signed in, sending not proven", advice="--send"
        ),
    )
    return Verified(applied().plan, proofs, (RECEIPT,))


def all_proven() -> Verified:
    """Every proof passed."""
    proofs = (
        ProofOutcome("token", "A token with SMTP.SendAsApp", ProofState.PASSED, "roles: SMTP.SendAsApp"),
        ProofOutcome("smtp", f"Mail can be sent as {SENDER}", ProofState.PASSED, "250 2.0.0 OK, and read back"),
        ProofOutcome("neighbour", "Another mailbox is refused", ProofState.PASSED, "554 5.2.252 SendAsDenied"),
    )
    return Verified(applied().plan, proofs, (RECEIPT,))


def handed_over() -> HandedOver:
    """Cryptshare's form."""
    screens = (
        FilledScreen(
            "System Settings > Mail Server",
            (
                FilledField("SMTP server type", "Microsoft Exchange Online with OAuth2 authentication"),
                FilledField("Sender email address", SENDER),
                FilledField("Allow use of individual sender addresses.", "off"),
                FilledField("Directory (tenant) ID", TENANT_ID),
                FilledField("Application (client) ID", APP_ID),
                FilledField("Client Secret", None, RECEIPT, "the Value, not the Secret ID"),
            ),
            ('Click "Save changes"', 'Enter an address in "Test with email address", click "Send test message"'),
            ("Cryptshare 2",),
        ),
        FilledScreen(
            "Policy rules",
            (
                FilledField("Sender Email Address", SENDER),
                FilledField("Allow use of individual sender addresses", "off"),
            ),
        ),
    )
    return HandedOver(plan_of(changes=(), applications=APPLIED_IDS, notes=()), screens, (RECEIPT,), SEEN_AT)


def sheet_of(playbook: str, variant: str, **given: str) -> HandedOver:
    """The form of a playbook that comes with the tool, filled in with the same ids; its steps by hand and warnings."""
    book = load(*find(playbook))
    declared = declare(book, variant=variant, parameters=parameters(book, given), instance="default")
    screens = tuple(
        FilledScreen(each.title, tuple(_filled(field) for field in each.fields), each.actions, each.guide_steps)
        for each in declared.handover
    )
    plan = plan_of(
        playbook=playbook,
        title=declared.title,
        variant=variant,
        parameters=declared.parameters,
        applications=(replace(APPLIED_IDS[0], display_name=declared.title),),
        manual=declared.manual,
        warnings=declared.warnings,
        incomplete=declared.incomplete,
        notes=(),
    )
    return HandedOver(plan, screens, (RECEIPT,), SEEN_AT)


def _filled(field: HandoverField) -> FilledField:
    if field.secret is not None:
        return FilledField(field.title, None, RECEIPT, field.note)
    if field.parameter is not None:
        return FilledField(field.title, None, note=field.note, parameter=SecretParameter(field.parameter, "prompt:"))
    if field.endpoint is not None:
        address = f"https://login.microsoftonline.com/{TENANT_ID}/oauth2/v2.0/{field.endpoint.value}"
        return FilledField(field.title, address, note=field.note)
    if field.application is not None:
        return FilledField(field.title, APP_ID, note=field.note)
    return FilledField(field.title, TENANT_ID if field.tenant_id else field.value, note=field.note)


def with_evidence() -> HandedOver:
    """The same with everything in place, who did it, and every proof passed."""
    kept = tuple(
        PlannedChange(replace(each, action=Action.KEEP, summary=summary, fields=(), reason=reason, notes=()), Ready())
        for each, summary, reason in zip(CHANGES, KEPT, REASONS, strict=True)
    )
    deeds = tuple(
        Deed(each.address, datetime(2026, 7, 18, 9, 30, tzinfo=UTC), "Provisioner Operator", REQUEST_ID, "CHG-1041")
        for each in (APPLICATION, SECRET, CONSENT, FULL_ACCESS)
    )
    plan = plan_of(*kept, applications=APPLIED_IDS, notes=())
    return replace(handed_over(), plan=plan, proofs=all_proven().proofs, deeds=deeds)


def evidence_against() -> HandedOver:
    """One of every outcome, and things that are missing."""
    return replace(with_evidence(), plan=mixed_plan(), proofs=verified().proofs)


KEPT = (
    'Application "Cryptshare Server"',
    "Enterprise application (service principal)",
    "Requested permissions: SMTP.SendAsApp",
    'Client secret "Client Secret"',
    "Consent to SMTP.SendAsApp on Office 365 Exchange Online",
    "Exchange Online knows the service principal",
    f"FullAccess on {SENDER}",
    f"SMTP AUTH of {SENDER}",
)
REASONS = (
    "registered as wanted",
    "there",
    "listed",
    "valid, and in the sink",
    "granted",
    "with the right object id",
    "granted",
    "on",
)


CANDIDATE = Candidate(
    APP_ID,
    "Mailer, made by hand",
    7,
    ("asks for the same permissions (+4)", "was granted SMTP.SendAsApp (+3)"),
    ('client secret "from the portal", until 2027-02-01', "owner Erika Mustermann"),
    likely=True,
)


def offered() -> Adopted:
    """Candidates, of which nobody has chosen one."""
    return Adopted(plan_of(), (CANDIDATE,), None)


def adopted() -> Adopted:
    """One that was taken over."""
    change = replace(APPLICATION, action=Action.UPDATE, summary='Adopt the application "Mailer, made by hand"')
    outcome = ChangeOutcome(change.address, ChangeState.DONE, change.summary)
    return Adopted(plan_of(PlannedChange(change, Ready())), (CANDIDATE,), APP_ID, (outcome,), receipt="a.jsonl")


def migrating() -> Migrated:
    """A migration that waits for Exchange."""
    stages = (
        Stage("roles", "Let Exchange itself give the application its roles", StageState.DONE),
        Stage("roles_everywhere", "Wait until all of Exchange knows them", StageState.WAITING, "2 h", SEEN_AT),
        Stage("claims", "Take the consent in Entra away", StageState.LATER),
    )
    return Migrated(plan_of(), stages, receipts=("b.jsonl",))
