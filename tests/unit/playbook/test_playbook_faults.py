"""One broken thing at a time, and many at once: every fault with its place and, where there is one, a near name."""

from __future__ import annotations

import pytest
from small_playbook import SMALL, faults_of, small


def test_the_small_playbook_is_sound():
    assert faults_of(SMALL) == []


MARK = "¶"
"""In the cases below: stands before the place that must be named, and is taken out."""

CASES = [
    # structure: unknown keys at each level
    ("vendor: Acme\n", "vendor: Acme\n¶vendr: Acme\n", "unknown key 'vendr' (did you mean 'vendor'?)"),
    ("  language: en", "  ¶lang: de\n  language: en", "unknown key 'lang' (did you mean 'language'?)"),
    ("    title: Sender", "    ¶titel: Sender\n    title: Sender", "unknown key 'titel' (did you mean 'title'?)"),
    ("    summary: As", "    ¶warning: []\n    summary: As", "unknown key 'warning' (did you mean 'warnings'?)"),
    ("        audience:", "        ¶aud: x\n        audience:", "unknown key 'aud' (one of display_name, audience, "),
    (
        "            why: It sends.",
        "            ¶wy: x\n            why: It sends.",
        "unknown key 'wy' (did you mean 'why'?)",
    ),
    ("          by: admin", "          ¶bye: admin\n          by: admin", "unknown key 'bye' (did you mean 'by'?)"),
    (
        "            used_at",
        "            ¶usedat: x\n            used_at",
        "unknown key 'usedat' (did you mean 'used_at'?)",
    ),
    ("      pointers:", "      ¶pointer: {}\n      pointers:", "unknown key 'pointer' (did you mean 'pointers'?)"),
    ("main: {}", "main: {¶step: 1}", "unknown key 'step' (one of guide_steps)"),
    ("          why: It opens", "          ¶who: x\n          why: It opens", "unknown key 'who'"),
    ("          smtp_auth", "          ¶imup: true\n          smtp_auth", "unknown key 'imup' (did you mean 'imap'?)"),
    (
        "          smtp_auth: true\n",
        "",
        "it names no switch: smtp_auth, imap, pop, owa, mapi, active_sync, ews",
    ),
    (
        "          smtp_auth: true\n          why: It submits.\n",
        "          smtp_auth: true\n          why: It submits.\n"
        "        again:\n          mailbox: ¶${sender}\n          imap: true\n          why: It reads.\n",
        "'${sender}' has an entry already",
    ),
    (
        "      client_access:",
        "      ews_access:\n        ¶mian: {why: x}\n      client_access:",
        "no application 'mian'",
    ),
    (
        "        title: A token",
        "        ¶tite: x\n        title: A token",
        "unknown key 'tite' (did you mean 'title'?)",
    ),
    (
        "            reference: tenant_id",
        "            ¶refer: x\n            reference: tenant_id",
        "unknown key 'refer'",
    ),
    ("        actions:", "        ¶action: x\n        actions:", "unknown key 'action' (did you mean 'actions'?)"),
    ("        role: Anybody", "        ¶roles: x\n        role: Anybody", "unknown key 'roles' (did you mean 'role'?)"),
    ("        source: a", "        ¶sauce: x\n        source: a", "unknown key 'sauce' (did you mean 'source'?)"),
    ("      entra: [", "      ¶entre: []\n      entra: [", "unknown key 'entre' (did you mean 'entra'?)"),
    ("guide:\n    summary", "guide:\n    ¶__class__: x\n    summary", "unknown key '__class__'"),
    ("format: 1\n", "format: 1\n¶<<: {vendor: x}\n", "unknown key '<<'"),
    # structure: what is missing, and wrong types
    ("vendor: Acme\n", "", "'vendor' is missing"),
    ("            kind: application\n", "", "'kind' is missing"),
    ("format: 1", "format: ¶2", "'format' must be 1"),
    ("format: 1", "format: ¶'1'", "'format' must be 1"),
    ("format: 1", "format: ¶true", "'format' must be 1"),
    ("title: Acme Mailer", "title: ¶12", "'title' must be one line of text, at most 250 characters (put it in quotes)"),
    ("title: Acme Mailer", "title: ¶[a]", "'title' must be one line of text"),
    ("title: Acme Mailer", "title: ¶''", "'title' must be one line of text"),
    ("title: Acme Mailer", 'title: ¶"a\\nb"', "'title' must be one line of text"),
    ("title: Acme Mailer", "title: ¶" + "x" * 251, "'title' must be one line of text"),
    ("id: acme/mailer", "id: ¶Acme Mailer", "'id' must be vendor/product in lower-case letters, digits and dashes"),
    ("id: acme/mailer", "id: ¶../mailer", "'id' must be vendor/product"),
    ("url: https://acme.example/guide", "url: ¶javascript:alert(1)", "'url' must be an https:// address"),
    ("read_on: 2026-11-22", "read_on: ¶22.11.2026", "'read_on' must be a day as YYYY-MM-DD"),
    ("read_on: 2026-11-22", "read_on: ¶2026-02-30", "'2026-02-30' is not in the calendar"),
    ("retires_on: 2030-01-01", "retires_on: ¶2030-13-01", "'2030-13-01' is not in the calendar"),
    ("required: true", "required: ¶yes", "'required' must be true or false"),
    ("smtp_auth: true", "smtp_auth: ¶1", "'smtp_auth' must be true or false"),
    ("minimum: 1", "minimum: ¶1.5", "'minimum' must be a whole number"),
    (
        "type: integer",
        "type: ¶int",
        "'type' must be 'text', 'mailbox', 'mailboxes', 'url', 'integer', 'boolean' or 'choice'",
    ),
    (
        "kind: application",
        "kind: ¶aplication",
        "'kind' must be 'application' or 'delegated' (did you mean 'application'?)",
    ),
    ("right: FullAccess", "right: ¶SendAs", "'right' must be 'FullAccess'"),
    ("audience: single-tenant", "audience: ¶multi-tenant", "'audience' must be 'single-tenant'"),
    (
        "lifetime_days: ${days}",
        "lifetime_days: ¶soon",
        "'lifetime_days' must be a whole number or a parameter as ${name}",
    ),
    ('guide_steps: ["1"]', "guide_steps: [¶1]", "'guide_steps' must be a step of the guide such as '6'"),
    ('guide_steps: ["1"]', "guide_steps: ¶'1'", "'guide_steps' must be a list"),
    ("  guide:\n    summary", "  ¶gide:\n    summary", "key 'gide' must be 'guide' or 'scoped'"),
    (
        "      main:\n        display",
        "      ¶Main-1:\n        display",
        "key 'Main-1' must be a key in lower-case letters",
    ),
    ("  sender:\n    title", "  ¶Sen der:\n    title", "key 'Sen der' must be a name in lower-case letters"),
    ("variants:\n  guide:", "variants:\n  scoped: ¶3\n  guide:", "'scoped' must be a mapping"),
    # permissions
    (
        "api: Office 365 Exchange Online",
        "api: ¶Office 365 Exchange",
        "unknown API 'Office 365 Exchange' (did you mean ",
    ),
    (
        "api: Office 365 Exchange Online\n            kind: application\n            name: ",
        "api: Microsoft Graph\n            kind: application\n            name: ¶",
        "Microsoft Graph has no application permission 'SMTP.SendAsApp' "
        "(SMTP.SendAsApp is an application permission of Office 365 Exchange Online",
    ),
    (
        "kind: application\n            name: ",
        "kind: delegated\n            name: ¶",
        "Office 365 Exchange Online has no delegated permission 'SMTP.SendAsApp' "
        "(SMTP.SendAsApp is an application permission of Office 365 Exchange Online, not a delegated permission",
    ),
    ("name: SMTP.SendAsApp", "name: ¶SMTP.SendAsAp", "permission 'SMTP.SendAsAp' (did you mean SMTP.SendAsApp?)"),
    (
        "          - api: Office",
        "          - {api: exchange, kind: application, name: SMTP.SendAsApp, why: x}\n          - ¶api: Office",
        "'SMTP.SendAsApp' is listed a second time (the first is in line 45)",
    ),
    (
        "        permissions:\n",
        "        permissions:\n          - {api: graph, kind: application, name: ¶AgentCard.Read.All, why: x}\n",
        "'AgentCard.Read.All' is switched off by Microsoft",
    ),
    # templates
    ("Acme ${mode}", "¶Acme ${mood}", "'${mood}' is not a parameter (did you mean 'mode'?)"),
    ("Acme ${mode}", "¶Acme ${}", "'${}' is not a parameter"),
    ("Acme ${mode}", "¶Acme ${mode", "'${mode' is not closed by }"),
    ("Acme ${mode}", "¶Acme ${__class__.x}", "'${__class__.x}' is not a parameter"),
    ("Acme ${mode}", "¶Acme ${denied}", "'denied' may have no value (make it required, give it a default, or use it "),
    ("summary: Sends mail.", "summary: ¶Sends ${mode} mail.", "parameters are filled in inside variants only"),
    (
        "  mode:\n    title: Mode\n    type: choice\n    default: fast\n    choices: [fast, slow]\n",
        "  mode:\n    title: Mode\n    type: text\n    required: true\n    secret: true\n",
        "'mode' is a secret: it cannot be part of a text",
    ),
    # parameters
    ("    required: true", "    required: true\n    ¶default: a@b.example", "a required parameter has no default"),
    ("example: mail@acme.example", "example: ¶mail", "'example' must be a mail address such as name@example.com"),
    ("default: 90", "default: ¶900", "'default' must be at most 365, not 900"),
    ("default: 90", "default: ¶'90'", "'default' must be a whole number"),
    ("default: 90", "default: ¶true", "'default' must be a whole number"),
    ("minimum: 1\n    maximum: 365", "minimum: 1\n    maximum: ¶0", "is less than 'minimum'"),
    ("default: fast", "default: ¶fats", "'default' must be one of fast, slow, not 'fats'; did you mean 'fast'?"),
    ("    choices: [fast, slow]\n", "", "a choice needs 'choices'"),
    ("    type: mailbox\n  days", "    type: mailbox\n    ¶choices: [a]\n  days", "only a choice has 'choices'"),
    ("    type: mailbox\n  days", "    type: mailbox\n    ¶minimum: 3\n  days", "only an integer has 'minimum'"),
    # lifetimes
    ("lifetime_days: ${days}", "lifetime_days: ¶0", "must be from 1 to 730 days"),
    ("lifetime_days: ${days}", "lifetime_days: ¶3650", "must be from 1 to 730 days"),
    ("lifetime_days: ${days}", "lifetime_days: ¶${mode}", "'mode' must be an integer from 1 to 730 at most"),
    # references
    ("        main: {}", "        ¶mian: {}", "no application 'mian' (did you mean 'main'?)"),
    ("        - application: main", "        - application: ¶mail", "no application 'mail' (did you mean 'main'?)"),
    ("      pointers:\n        main: {}\n", "", "Exchange does not know 'main' (add main under pointers)"),
    (
        "        - application: main",
        "        - {application: main, mailbox: a@b.example, right: FullAccess, why: x}\n        - ¶application: main",
        "the same application and right a second time (give it a 'name' of its own)",
    ),
    ("kind: token\n        application: main", "kind: token\n        application: ¶mann", "no application 'mann'"),
    (
        "secret: mail\n        roles",
        "secret: ¶male\n        roles",
        "application 'main' has no secret 'male' (did you mean",
    ),
    ("        when: denied", "        when: ¶denid", "'denid' is not a parameter (did you mean 'denied'?)"),
    (
        "roles: [SMTP.SendAsApp]",
        "roles: [¶SMTP.Send]",
        "application 'main' does not ask for 'SMTP.Send' where its secret",
    ),
    ("used_at: exchange", "used_at: graph", "does not ask for 'SMTP.SendAsApp' where its secret is used"),
    ("        roles: [SMTP.SendAsApp]\n", "", "a proof of kind 'token' needs 'roles'"),
    ("        mailbox: ${denied}\n", "", "a proof of kind 'mailbox_refused' needs 'mailbox'"),
    (
        "        when: denied",
        "        when: denied\n        ¶roles: [x]",
        "a proof of kind 'mailbox_refused' has no 'roles'",
    ),
    ("applications.main.app_id", "¶applications.man.app_id", "no application 'man' (did you mean 'main'?)"),
    ("applications.main.secrets.mail", "¶applications.main.secrets.imap", "has no secret 'imap'"),
    ("reference: tenant_id", "reference: ¶tenant", "'reference' must be tenant_id, parameters.NAME, "),
    ("reference: tenant_id", "reference: ¶parameters.sendr", "'sendr' is not a parameter (did you mean 'sender'?)"),
    (
        "reference: tenant_id",
        "reference: ¶parameters.sender",
        "'sender' is no secret (write it into a text as ${sender}",
    ),
    ("            value: ${sender}\n", "", "needs either 'value' or 'reference'"),
    (
        "            value: ${sender}",
        "            value: x\n            reference: tenant_id",
        "needs either 'value' or 'ref",
    ),
    (
        "entra: [Cloud",
        "entra: [¶Clod",
        "unknown directory role 'Clod Application Administrator' (did you mean 'Cloud App",
    ),
    (
        '        guide_steps: ["1"]\n',
        '        guide_steps: ["1"]\n        enterprise_application: {directory_roles: [¶Exchange Admin]}\n',
        "unknown directory role 'Exchange Admin'",
    ),
    # applications of others, and who may sign in
    ("        audience:", "        attach_to: ¶acme/mailer\n        audience:", "cannot be attached to itself"),
    (
        "        audience:",
        "        attach_to: acme/other\n        ¶redirects: {}\n        audience:",
        "'redirects' belong to the playbook it is attached to",
    ),
    ("        audience:", "        ¶assignment: {}\n        audience:", "with nobody assigned nobody could sign in"),
    # proofs as an account
    (
        "        when: denied",
        "        when: denied\n        ¶account: x",
        "a proof of kind 'mailbox_refused' has no 'account'",
    ),
    ("        secret: mail\n        mailbox", "        mailbox", "a proof of kind 'mailbox_refused' needs 'secret'"),
    (
        "kind: mailbox_refused",
        "kind: imap_inbox\n        account: ${sender}",
        "a proof with 'account' needs 'password'",
    ),
    (
        "kind: mailbox_refused",
        "kind: imap_inbox\n        account: ${sender}\n        password: ¶sender\n        scopes: [x]",
        "'sender' is no secret",
    ),
    (
        "kind: mailbox_refused",
        "kind: imap_inbox\n        account: ${sender}\n        scopes: [¶SMTP.Sent]",
        "application 'main' does not ask for 'SMTP.Sent'",
    ),
    ("kind: mailbox_refused", "kind: sign_in_link", "a proof of kind 'sign_in_link' has no 'mailbox'"),
    # characters
    ("title: Acme Mailer", "title: Acme ¶\u202eMailer", "hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
    ("title: Acme Mailer", 'title: ¶"Acme \\u202e"', "hidden character U+202E RIGHT-TO-LEFT OVERRIDE in a text"),
    ("title: Acme Mailer", "title: Acme¶\x00", "hidden character U+0000"),
]


@pytest.mark.parametrize(("old", "new", "message"), CASES, ids=[f"{n}-{case[2][:40]}" for n, case in enumerate(CASES)])
def test_one_fault_with_its_place(old, new, message):
    marked = small(old, new)
    text = marked.replace(MARK, "")

    found = [each for each in faults_of(text) if message in each]

    assert found, faults_of(text)
    if MARK in marked:
        before = marked[: marked.index(MARK)]
        assert f"p.yaml:{before.count(chr(10)) + 1}:{len(before) - before.rfind(chr(10))}: " in found[0]


@pytest.mark.parametrize(("old", "new", "message"), CASES, ids=range(len(CASES)))
def test_one_mistake_is_not_a_flood(old, new, message):
    """A name that is used in seven places and mistyped where it is declared is missing in seven."""
    assert 1 <= len(faults_of(small(old, new).replace(MARK, ""))) <= 7


def test_many_things_broken_at_once_are_all_reported():
    text = small()
    for old, new in [
        ("vendor: Acme\n", "vendr: Acme\n"),
        ("read_on: 2026-11-22", "read_on: 2026-02-30"),
        ("required: true", "required: maybe"),
        ("name: SMTP.SendAsApp", "name: SMTP.SendAsAp"),
        ("Acme ${mode}", "Acme ${mood}"),
        ("lifetime_days: ${days}", "lifetime_days: 9999"),
        ("used_at: exchange", "used_at: exchange\n            used_at: graph"),
        ("        main: {}", "        mian: !!python/object:os.system {}"),
        ("reference: tenant_id", "reference: tenant"),
        ("title: Refused", "title: \u202eRefused"),
    ]:
        assert old in text
        text = text.replace(old, new, 1)

    found = "\n".join(faults_of(text))

    for expected in (
        "unknown key 'vendr'",
        "'vendor' is missing",
        "'2026-02-30' is not in the calendar",
        "'required' must be true or false",
        "no application permission 'SMTP.SendAsAp'",
        "'${mood}' is not a parameter",
        "from 1 to 730 days",
        "'used_at' is here a second time",
        "tags are not accepted here",
        "no application 'mian'",
        "'reference' must be",
        "hidden character U+202E",
    ):
        assert expected in found


def test_faults_come_in_the_order_of_the_file():
    text = small("vendor: Acme", "vendor: [").replace("[", "3", 1).replace("right: FullAccess", "right: None")
    lines = [int(each.split(":")[1]) for each in faults_of(text)]

    assert len(lines) > 1
    assert lines == sorted(lines)


def test_a_stranger_cannot_write_on_the_terminal_through_a_message():
    hostile = "\\u001b]0;owned\\u0007"
    found = faults_of(small("vendor: Acme\n", f'vendor: Acme\n"{hostile}": 1\n'))

    assert found
    assert "\x1b" not in "".join(found)
    assert "\x07" not in "".join(found)


@pytest.mark.parametrize("text", ["", "# nothing\n", "- a\n", "just text", "12", "null", "[]"])
def test_what_is_no_mapping_is_no_playbook(text):
    assert "a playbook is a mapping of keys" in faults_of(text)[0]
