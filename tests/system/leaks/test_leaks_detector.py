"""The detector finds each form of a planted secret; without that the other tests here would prove nothing."""

from __future__ import annotations

import base64
import json
from pathlib import Path
from urllib.parse import quote

import pytest

from tests.system.leaks.forms import Detector, clixml

SECRET = "aB3~\"q/+ é_x0041_\u202e🔑\n<&>'9zK-end-of-it"
NAME = "planted"
PLANTED = {
    "plain": SECRET.encode(),
    "base64 0": base64.b64encode(SECRET.encode()),
    "base64 1": base64.b64encode(b"x" + SECRET.encode() + b"tail"),
    "base64 2": base64.b64encode(b"xy" + SECRET.encode() + b"ta"),
    "base64 of UTF-16": base64.b64encode(b"xy" + SECRET.encode("utf-16-le")),
    "URL": quote(SECRET, safe="").encode(),
    "JSON": json.dumps({"a": SECRET}).encode(),
    "JSON as it is": json.dumps({"a": SECRET}, ensure_ascii=False).encode(),
    "JSON in JSON": json.dumps(json.dumps(SECRET)).encode(),
    "UTF-16LE": SECRET.encode("utf-16-le"),
    "CLIXML": f"<S>{clixml(SECRET)}</S>".encode(),
    "repr": repr(SECRET).encode(),
    "hex": SECRET.encode().hex().encode(),
    "a part": SECRET.encode()[-13:],
}


@pytest.mark.parametrize("form", PLANTED)
def test_each_form_is_found(form: str) -> None:
    detector = Detector({NAME: SECRET, "another": "something-else-entirely"})
    found = detector.find(b"before " + PLANTED[form] + b" after")
    assert found
    assert all(each.startswith(NAME) for each in found)


@pytest.mark.parametrize("form", [each for each in PLANTED if each != "a part"])
def test_forms_do_not_hide_behind_the_search_for_parts(form: str) -> None:
    assert Detector({NAME: SECRET}).find(b"\0" + PLANTED[form] + b"\0", fragments=False)


def test_a_word_broken_by_a_terminal_is_found() -> None:
    secret = "abcdefghijklmnopqrstuvwxyz0123456789"
    broken = f"  seen  {secret[:9]}\n        {secret[9:20]}\n        {secret[20:]}\n"
    assert Detector({NAME: secret}).find(broken.encode())


def test_clixml_is_what_powershell_writes() -> None:
    assert clixml("a\nb_x0041_🔑_y") == "a_x000A_b_x005F_x0041__xD83D__xDD11__y"


def test_files_and_their_names_are_searched(tmp_path: Path) -> None:
    secret = "abcdefghijklmnopqrstuvwxyz0123456789"
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\xff\x00" + base64.b64encode(secret.encode()))
    (tmp_path / f"{secret}.txt").touch()
    (tmp_path / "innocent").write_text("nothing to see")
    assert set(Detector({NAME: secret}).search(tmp_path)) == {"deep/file", f"{secret}.txt"}


def test_what_is_not_there_is_not_found() -> None:
    assert not Detector({NAME: SECRET}).find(b"aB3~ and other words; zK-end-of is short enough")
