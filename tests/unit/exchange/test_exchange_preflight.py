"""What preflight asks of Exchange: who has an address, and which older policies confine an application."""

from __future__ import annotations

from typing import Any

import pytest
from exchange_doubles import Answer, Said
from test_exchange_cmdlets import NOT_FOUND

from provisioner.errors import ServiceFault
from provisioner.exchange import access_policies, recipients
from provisioner.model.identifiers import AppId
from provisioner.model.observed import Recipient
from provisioner.model.policies import AccessPolicy

OURS = AppId("aaaaaaaa-0000-4000-8000-00000000000a")
ADDRESS = "a@contoso.example"
SHOWN = {
    "RecipientTypeDetails": "UserMailbox",
    "PrimarySmtpAddress": "A@contoso.example",
    "SKUAssigned": True,
    "ExternalEmailAddress": None,
    "IsDirSynced": False,
}


def answering(*records: dict[str, Any]) -> Answer:
    return lambda cmdlet, parameters: Said(output=records)


def absent(cmdlet: str, parameters: dict[str, Any]) -> Said:
    return Said(error=NOT_FOUND)


@pytest.mark.parametrize(
    ("more", "expected"),
    [
        ({}, Recipient("UserMailbox", ADDRESS, True)),
        ({"SKUAssigned": None}, Recipient("UserMailbox", ADDRESS, None)),
        (
            {
                "RecipientTypeDetails": "MailUser",
                "SKUAssigned": False,
                "ExternalEmailAddress": "SMTP:a@mail.contoso.example",
                "IsDirSynced": True,
            },
            Recipient("MailUser", ADDRESS, False, "SMTP:a@mail.contoso.example", True),
        ),
    ],
)
def test_a_recipient(either: Any, more: dict[str, Any], expected: Recipient) -> None:
    rig = either(answering({**SHOWN, **more}))
    assert rig.run(lambda exchange: recipients.get(exchange, ADDRESS)) == expected
    assert rig.calls() == [("Get-Recipient", {"Identity": ADDRESS})]


def test_nobody_has_the_address(either: Any) -> None:
    assert either(absent).run(lambda exchange: recipients.get(exchange, ADDRESS)) is None
    assert either(answering()).run(lambda exchange: recipients.get(exchange, ADDRESS)) is None


def test_policies_of_our_application_only(either: Any) -> None:
    ours = {"AppId": OURS.upper(), "AccessRight": "RestrictAccess", "ScopeName": "Scope"}
    rig = either(answering(ours, {**ours, "AppId": "bbbbbbbb-0000-4000-8000-00000000000b"}))
    found = rig.run(lambda exchange: access_policies.of_application(exchange, OURS))
    assert found == (AccessPolicy(OURS, "RestrictAccess", "Scope"),)


def test_no_answer_about_policies_is_not_none(either: Any) -> None:
    with pytest.raises(ServiceFault):
        either(absent).run(lambda exchange: access_policies.of_application(exchange, OURS))


@pytest.mark.parametrize(("said", "open_to_it"), [("Granted", True), ("Denied", False)])
def test_whether_a_mailbox_is_open(either: Any, said: str, open_to_it: bool) -> None:
    rig = either(answering({"AccessCheckResult": said}))
    assert rig.run(lambda exchange: access_policies.lets_in(exchange, OURS, ADDRESS)) is open_to_it
    assert rig.calls() == [("Test-ApplicationAccessPolicy", {"Identity": ADDRESS, "AppId": OURS})]
