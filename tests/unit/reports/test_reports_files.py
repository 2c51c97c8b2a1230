"""The env file, the letter to be sealed, and the calendar file."""

from __future__ import annotations

import re
import subprocess
import sys
import unicodedata
from dataclasses import replace
from datetime import datetime
from pathlib import Path

import pytest
from hostile_examples import TEXTS, everywhere
from hypothesis import given
from hypothesis import strategies as st
from report_examples import (
    APP_ID,
    ARGUMENTS,
    KEY_ID,
    RECEIPT,
    SENDER,
    TENANT_ID,
    handed_over,
)

from provisioner.model.outcome import SecretParameter
from provisioner.model.results import FilledField, FilledScreen, HandedOver
from provisioner.model.secret import Inset, Letter, Secret
from provisioner.reports import env_file, letter, reminders
from provisioner.reports.env_text import quoted

VALUE = 'Q1w8Q~it\'s "a" `$planted` \\value'
VALUES = {(RECEIPT.application, RECEIPT.slot): Secret(VALUE)}
SAFE = [name for name, text in TEXTS.items() if not {"Cc", "Cs", "Zl", "Zp"} & set(map(unicodedata.category, text))]

needs_sh = pytest.mark.skipif(sys.platform == "win32", reason="no sh")


def plain(written: Letter) -> str:
    assert all(isinstance(each, str) for each in written)
    return "".join(each for each in written if isinstance(each, str))


def unsealed(written: Letter) -> str:
    return "".join(each.written(each.secret.reveal()) if isinstance(each, Inset) else each for each in written)


def assignments(text: str) -> dict[str, str]:
    return dict(line.split("=", 1) for line in text.splitlines() if line and not line.startswith("#"))


def form(*fields: FilledField) -> HandedOver:
    return replace(handed_over(), screens=(FilledScreen("Form", fields),))


def as_systemd_reads(text: str) -> dict[str, str]:
    """Names and values as systemd's src/basic/env-file.c takes them, as far as comments and double quotes go."""
    found: dict[str, str] = {}
    place = 0
    while place < len(text):
        if text[place] == "#":
            end = re.compile(r"(?:[^\\\n]|\\(?s:.))*(?:\n|\Z)").match(text, place)
            assert end is not None
            place = end.end()
        elif text[place] in " \t\r\n":
            place += 1
        else:
            match = re.compile(r'([^=\n]+)="((?:[^"\\]|\\(?s:.))*)"\n').match(text, place)
            assert match is not None, text[place : place + 40]
            found[match[1]] = re.sub(r'\\(["\\`$])', r"\1", match[2].replace("\\\n", ""))
            place = match.end()
    return found


def test_an_env_file_has_every_field_once() -> None:
    text = plain(env_file(handed_over()))

    assert assignments(text) == {
        "CRYPTSHARE_SERVER_SMTP_SERVER_TYPE": '"Microsoft Exchange Online with OAuth2 authentication"',
        "CRYPTSHARE_SERVER_SENDER_EMAIL_ADDRESS": f'"{SENDER}"',
        "CRYPTSHARE_SERVER_ALLOW_USE_OF_INDIVIDUAL_SENDER_ADDRESSES": '"off"',
        "CRYPTSHARE_SERVER_DIRECTORY_TENANT_ID": f'"{TENANT_ID}"',
        "CRYPTSHARE_SERVER_APPLICATION_CLIENT_ID": f'"{APP_ID}"',
        "CRYPTSHARE_SERVER_CLIENT_SECRET_REFERENCE": f'"{RECEIPT.reference}"',
    }
    lines = text.splitlines()
    assert "# SANDBOX: a simulated tenant, nothing in it is real" in lines
    assert "# No secret is in this file." in lines
    assert "# 6. Client Secret, expires 2027-01-14T09:30:00Z" in lines
    assert "# 1. Sender Email Address: as above" in lines


def test_the_same_title_with_another_value_gets_another_name() -> None:
    text = plain(env_file(form(FilledField("User", "a"), FilledField("user", "b"), FilledField("User", "a"))))

    assert assignments(text) == {"CRYPTSHARE_SERVER_USER": '"a"', "CRYPTSHARE_SERVER_USER_2": '"b"'}


def test_what_is_not_there_is_no_variable() -> None:
    missing = replace(RECEIPT, state="missing", key_id=None, end=None)
    text = plain(env_file(form(FilledField("Id", None), FilledField("Secret", None, missing))))

    assert assignments(text) == {}
    assert "# 1. Id: not there yet" in text.splitlines()
    assert "# 2. Secret: not there yet" in text.splitlines()


PASSWORD = SecretParameter("mailbox_password", "env:MAILBOX_PASSWORD")
WITH_PASSWORD = form(
    FilledField("User", SENDER),
    FilledField("Password", None, parameter=PASSWORD),
    FilledField("PIN", None, note="the customer's", parameter=SecretParameter("pin", None)),
)


def test_a_secret_that_the_customer_keeps_is_a_reference() -> None:
    text = plain(env_file(WITH_PASSWORD))

    assert assignments(text) == {
        "CRYPTSHARE_SERVER_USER": f'"{SENDER}"',
        "CRYPTSHARE_SERVER_PASSWORD_REFERENCE": '"env:MAILBOX_PASSWORD"',
    }
    assert "# 3. PIN: yours to enter" in text.splitlines()


def test_a_secret_that_the_customer_keeps_is_in_the_letter() -> None:
    values = {PASSWORD.held_as: Secret(VALUE)}

    assert as_systemd_reads(unsealed(env_file(WITH_PASSWORD, values)))["CRYPTSHARE_SERVER_PASSWORD"] == VALUE
    written = letter(WITH_PASSWORD, values)
    assert VALUE not in repr(written)
    lines = unsealed(written).splitlines()
    assert lines[lines.index("2. Password") + 1] == VALUE
    assert lines[lines.index("3. PIN") + 1] == "(yours to enter)"


def test_with_values_the_env_file_is_a_letter() -> None:
    written = env_file(handed_over(), VALUES)

    assert "planted" not in repr(written)
    text = unsealed(written)
    assert assignments(text)["CRYPTSHARE_SERVER_CLIENT_SECRET"] == quoted(VALUE)
    assert "No secret" not in text
    assert as_systemd_reads(text)["CRYPTSHARE_SERVER_CLIENT_SECRET"] == VALUE


@needs_sh
@pytest.mark.parametrize("name", SAFE)
def test_sh_and_systemd_take_every_value_as_it_is(name: str, tmp_path: Path) -> None:
    text = plain(env_file(form(FilledField("Value", TEXTS[name]))))
    (tmp_path / "form.env").write_text(text, encoding="utf-8")

    program = '. ./form.env; printf %s "$CRYPTSHARE_SERVER_VALUE"'
    read = subprocess.run(["sh", "-c", program], cwd=tmp_path, capture_output=True, check=True)

    assert read.stdout.decode() == TEXTS[name]
    assert read.stderr == b""
    assert as_systemd_reads(text) == {"CRYPTSHARE_SERVER_VALUE": TEXTS[name]}


@needs_sh
@pytest.mark.parametrize("name", TEXTS)
def test_no_text_anywhere_runs_or_adds_a_variable(name: str, tmp_path: Path) -> None:
    text = plain(env_file(everywhere(handed_over(), TEXTS[name])))
    (tmp_path / "form.env").write_text(text, encoding="utf-8")
    names = set(assignments(text))
    count = "set -eu; before=$(set | wc -l); . ./form.env; after=$(set | wc -l); echo $((after - before))"

    ended = subprocess.run(["sh", "-c", count], cwd=tmp_path, capture_output=True, text=True, check=True)

    assert int(ended.stdout) == len(names) + 1  # `before` itself
    assert ended.stderr == ""
    assert all(re.fullmatch(r"[A-Z][A-Z0-9_]*", each) for each in names)
    assert set(as_systemd_reads(text)) == names


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Zl", "Zp")), max_size=40))
def test_quoting_is_undone_by_reading(value: str) -> None:
    assert as_systemd_reads(f"X={quoted(value)}\n") == {"X": value}


def test_a_comment_swallows_no_line() -> None:
    """Before version 254, systemd took the line after a comment that ended with a backslash for a part of it."""
    text = plain(env_file(form(FilledField("Share \\\\server\\", "a"))))

    assert [line for line in text.splitlines() if line.endswith("\\")] == []
    assert as_systemd_reads(text) == {"CRYPTSHARE_SERVER_SHARE_SERVER": "a"}


def test_control_characters_are_left_out_and_said() -> None:
    text = plain(env_file(form(FilledField("Name", "a\nPATH=b"))))

    assert assignments(text) == {}
    assert "# 1. Name: left out, it holds control characters: a␤PATH=b" in text.splitlines()


def test_a_letter_has_every_value_on_a_line_of_its_own() -> None:
    written = letter(handed_over(), VALUES)

    assert "planted" not in repr(written)
    lines = unsealed(written).splitlines()
    assert lines[:3] == [
        "Cryptshare Server",
        "for Contoso (contoso.onmicrosoft.example), seen at 2026-07-18T09:31:00Z",
        "SANDBOX: a simulated tenant, nothing in it is real",
    ]
    start = lines.index("5. Application (client) ID")
    assert lines[start + 1] == APP_ID
    assert lines[start + 3 : start + 7] == [
        "6. Client Secret",
        VALUE,
        "(expires 2027-01-14T09:30:00Z)",
        "(the Value, not the Secret ID)",
    ]
    assert '7. Click "Save changes"' in lines


@pytest.mark.parametrize("name", TEXTS)
def test_a_letter_shows_strangers_texts_as_marks(name: str) -> None:
    written = letter(everywhere(handed_over(), TEXTS[name]), {})
    harmless = letter(everywhere(handed_over(), "x"), {})

    assert plain(written).count("\n") == plain(harmless).count("\n")
    assert not [each for each in plain(written) if not each.isprintable() and each not in "\n\u200d\xa0"]


def unfolded(calendar: str) -> list[str]:
    assert calendar.endswith("\r\n")
    assert "\n" not in calendar.replace("\r\n", "")
    for line in calendar.split("\r\n"):
        assert len(line.encode()) <= 75, line
    return calendar.replace("\r\n ", "").split("\r\n")[:-1]


def property_of(lines: list[str], name: str) -> str:
    values = [line.split(":", 1)[1] for line in lines if re.match(rf"{name}[:;]", line)]
    assert len(values) == 1, (name, values)
    return values[0]


def test_a_calendar_reminds_twice_of_the_day() -> None:
    calendar = reminders(handed_over(), arguments=ARGUMENTS)
    assert calendar is not None
    lines = unfolded(calendar)
    event = lines[lines.index("BEGIN:VEVENT") : lines.index("BEGIN:VALARM")]

    assert lines[:3] == ["BEGIN:VCALENDAR", "VERSION:2.0", "PRODID:-//provisioner//handover//EN"]
    assert lines[-2:] == ["END:VEVENT", "END:VCALENDAR"]
    assert property_of(event, "UID") == f"{TENANT_ID}/{APP_ID}/{KEY_ID}"
    assert property_of(event, "DTSTAMP") == "20260718T093100Z"
    assert "DTSTART;VALUE=DATE:20270114" in event
    assert "DTEND;VALUE=DATE:20270115" in event
    summary = "Client Secret of Cryptshare Server expires (Contoso (contoso.onmicrosoft.example))"
    assert property_of(event, "SUMMARY") == summary
    description = property_of(event, "DESCRIPTION")
    assert description.startswith(
        r"SANDBOX: a simulated tenant\, nothing in it is real\nIt ends at 2027-01-14T09:30:00Z\;"
    )
    assert rf"\nprovisioner rotate {ARGUMENTS} --due 31d\n" in description, "due by the morning of the first reminder"
    assert [line for line in lines if line.startswith("TRIGGER")] == ["TRIGGER:-P30D", "TRIGGER:-P14D"]
    assert lines.count("ACTION:DISPLAY") == lines.count("BEGIN:VALARM") == lines.count("END:VALARM") == 2


def test_the_day_is_utcs() -> None:
    late = replace(RECEIPT, end=datetime.fromisoformat("2027-01-14T23:30:00-05:00"))
    calendar = reminders(replace(handed_over(), secrets=(late,)))

    assert calendar is not None
    assert "DTSTART;VALUE=DATE:20270115" in calendar


def test_without_an_end_there_is_nothing_to_note() -> None:
    assert (
        reminders(replace(handed_over(), secrets=(replace(RECEIPT, state="missing", key_id=None, end=None),))) is None
    )


@pytest.mark.parametrize("name", TEXTS)
def test_no_text_forges_a_line_of_the_calendar(name: str) -> None:
    calendar = reminders(everywhere(handed_over(), TEXTS[name]))
    harmless = reminders(everywhere(handed_over(), "x"))
    assert calendar is not None
    assert harmless is not None

    kinds = [re.split("[:;]", line)[0] for line in unfolded(calendar)]
    assert kinds == [re.split("[:;]", line)[0] for line in unfolded(harmless)]


@given(st.text("aä€😀,;\\ ", min_size=60, max_size=200))
def test_folding_is_undone_by_unfolding_and_breaks_no_character(title: str) -> None:
    result = handed_over()
    calendar = reminders(replace(result, plan=replace(result.plan, title=title)))
    assert calendar is not None

    summary = property_of(unfolded(calendar.split("BEGIN:VALARM")[0] + "END\r\n"), "SUMMARY")
    assert re.sub(r"\\([\\;,])", r"\1", summary).startswith(f"Client Secret of {title} expires")
