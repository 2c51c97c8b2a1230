"""The smallest playbook that uses every part of the format, for tests that break one thing at a time."""

from __future__ import annotations

from provisioner.errors import InputFault
from provisioner.playbook import Playbook, load

SMALL = """\
format: 1
id: acme/mailer
vendor: Acme
title: Acme Mailer
summary: Sends mail.
guide:
  title: How to
  url: https://acme.example/guide
  sha256: 0000000000000000000000000000000000000000000000000000000000000000
  read_on: 2026-11-22
  language: en
aliases:
  SMPT: SMTP
parameters:
  sender:
    title: Sender
    type: mailbox
    required: true
    example: mail@acme.example
  denied:
    title: Denied
    type: mailbox
  days:
    title: Days
    type: integer
    default: 90
    minimum: 1
    maximum: 365
  mode:
    title: Mode
    type: choice
    default: fast
    choices: [fast, slow]
variants:
  guide:
    summary: As the guide says.
    roles_needed:
      entra: [Cloud Application Administrator]
    applications:
      main:
        display_name: Acme ${mode}
        audience: single-tenant
        guide_steps: ["1"]
        permissions:
          - api: Office 365 Exchange Online
            kind: application
            name: SMTP.SendAsApp
            why: It sends.
            guide_steps: ["2"]
        consent:
          by: admin
          guide_steps: ["3"]
        secrets:
          mail:
            title: Secret
            used_at: exchange
            lifetime_days: ${days}
    exchange:
      pointers:
        main: {}
      mailbox_permissions:
        - application: main
          mailbox: ${sender}
          right: FullAccess
          why: It opens it.
      client_access:
        sender:
          mailbox: ${sender}
          smtp_auth: true
          why: It submits.
    proofs:
      token:
        title: A token
        kind: token
        application: main
        secret: mail
        roles: [SMTP.SendAsApp]
      refused:
        title: Refused for ${denied}
        kind: mailbox_refused
        application: main
        secret: mail
        mailbox: ${denied}
        when: denied
    handover:
      - title: Settings
        fields:
          - title: Tenant
            reference: tenant_id
          - title: Client
            reference: applications.main.app_id
          - title: Secret
            reference: applications.main.secrets.mail
          - title: Sender
            value: ${sender}
        actions: [Click 'Save'.]
    manual:
      - title: Tell ${sender}
        instruction: Write to them.
        role: Anybody
    warnings:
      - text: Mind ${sender}.
        retires_on: 2030-01-01
        source: a friend
    incomplete: [The guide stops here.]
    confirm_with_vendor: [Is it blue?]
"""


def small(old: str = "", new: str = "") -> str:
    """The small playbook with one text replaced; the text must be there."""
    assert old in SMALL
    return SMALL.replace(old, new, 1) if old else SMALL


def faults_of(text: str) -> list[str]:
    """What is wrong with a playbook, as a person would read it; empty when nothing is."""
    try:
        load(text, "p.yaml")
    except InputFault as fault:
        assert fault.places
        return [str(each) for each in fault.places]
    return []


def loaded(text: str = SMALL) -> Playbook:
    return load(text, "p.yaml")
