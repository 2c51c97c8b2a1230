"""Secrets that come in by reference, and what is said when they do not."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from provisioner.errors import InputFault
from provisioner.model.secret import Secret
from provisioner.sinks import read_reference

VALUE = "pässwörd with spaces, quotes ' \" and $()"


def nobody(title: str) -> str:
    raise InputFault("nobody is there to ask")


@pytest.mark.parametrize(
    "data",
    [
        VALUE.encode(),
        VALUE.encode() + b"\n",
        VALUE.encode() + b"\r\n",
        VALUE.encode("utf-8-sig"),
        VALUE.encode("utf-16"),
        b"\xfe\xff" + (VALUE + "\r\n").encode("utf-16-be"),
    ],
)
def test_a_file_in_every_encoding_that_windows_writes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes
) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(data)
    assert read_reference(f"file:{path}", nobody).same_as(Secret(VALUE))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    assert read_reference("stdin:", nobody).same_as(Secret(VALUE))


def test_the_environment_and_a_person(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PLANTED", VALUE)
    assert read_reference("env:PLANTED", nobody).same_as(Secret(VALUE))
    asked: list[str] = []

    def person(title: str) -> str:
        asked.append(title)
        return VALUE

    assert read_reference("prompt:", person).same_as(Secret(VALUE))
    assert read_reference("prompt:Password of the host", person).same_as(Secret(VALUE))
    assert asked == ["Secret", "Password of the host"]


@pytest.mark.parametrize("data", [b"", b"\n", b"  \n", b"two\nlines\n", b"nul\0byte", b"\xff\xfa", b"x" * 70_000])
def test_what_is_no_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, data: bytes) -> None:
    path = tmp_path / "secret.txt"
    path.write_bytes(data)
    with pytest.raises(InputFault, match=str(path)):
        read_reference(f"file:{path}", nobody)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(data)))
    with pytest.raises(InputFault, match="standard input"):
        read_reference("stdin:", nobody)


@pytest.mark.parametrize("name", ["/no/such/file", "/", "a\0b"])
def test_files_that_cannot_be_read(name: str) -> None:
    with pytest.raises(InputFault, match="file:"):
        read_reference(f"file:{name}", nobody)


def test_a_missing_variable_and_nobody_to_ask() -> None:
    with pytest.raises(InputFault, match="NO_SUCH_VARIABLE"):
        read_reference("env:NO_SUCH_VARIABLE", nobody)
    with pytest.raises(InputFault, match="nobody"):
        read_reference("prompt:", nobody)
    with pytest.raises(InputFault, match="empty"):
        read_reference("prompt:", lambda title: "")


@pytest.mark.parametrize("reference", ["hunter2~planted", "https:hunter2~planted", "", ":", "stdin:hunter2~planted"])
def test_a_secret_in_place_of_a_reference_is_not_repeated(reference: str) -> None:
    with pytest.raises(InputFault) as caught:
        read_reference(reference, nobody)
    assert "planted" not in str(caught.value) + str(caught.value.advice)
    assert "env:NAME" in str(caught.value.advice)
