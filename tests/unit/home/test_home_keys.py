"""Private keys of our own certificates: made here, for the owner alone, and never half there."""

from __future__ import annotations

import stat
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from provisioner.errors import InputFault, SinkFault
from provisioner.home import Home
from provisioner.model.identifiers import TenantId
from provisioner.model.slot import SlotName

SLOT = SlotName(TenantId("7a3c0c8e-5a0b-4d7e-9a64-2f0c7f5f5b11"), "provisioner_operator_default", "main", "signin")
START = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
END = START + timedelta(days=365)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return Home(tmp_path / "home")


def test_a_key_is_made_for_the_owner_alone_with_its_certificate(home: Home) -> None:
    assert home.keys.load(SLOT) is None
    made = home.keys.make(SLOT, "Provisioner Operator", START, END)
    path = home.keys.path(SLOT)
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert home.keys.load(SLOT) == made
    assert (made.start, made.end) == (START, END)
    key = load_pem_private_key(path.read_bytes(), None)
    certificate = x509.load_der_x509_certificate(made.der)
    assert isinstance(key, rsa.RSAPrivateKey)
    assert key.key_size >= 2048
    assert certificate.public_key() == key.public_key()
    certificate.verify_directly_issued_by(certificate)


def test_a_name_longer_than_a_common_name_is_cut(home: Home) -> None:
    made = home.keys.make(SLOT, "n" * 200, START, END)
    (name,) = x509.load_der_x509_certificate(made.der).subject
    assert name.value == "n" * 64


def test_a_new_key_takes_the_place_of_the_old_one(home: Home) -> None:
    first = home.keys.make(SLOT, "a", START, END)
    second = home.keys.make(SLOT, "a", START, END)
    assert first.der != second.der
    assert home.keys.load(SLOT) == second
    assert [each.name for each in home.keys.path(SLOT).parent.iterdir()] == [home.keys.path(SLOT).name]
    home.keys.discard(SLOT)
    home.keys.discard(SLOT)
    assert home.keys.load(SLOT) is None


def test_nothing_is_discarded_where_nothing_was_made(home: Home) -> None:
    home.keys.discard(SLOT)
    assert not home.root.exists()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows goes by access lists")
def test_a_key_that_others_can_read_is_not_used(home: Home) -> None:
    home.keys.make(SLOT, "a", START, END)
    home.keys.path(SLOT).chmod(0o644)
    with pytest.raises(SinkFault) as caught:
        home.keys.load(SLOT)
    assert "chmod 600" in (caught.value.advice or "")


def test_a_file_that_is_no_certificate_is_told_and_left(home: Home) -> None:
    home.keys.make(SLOT, "a", START, END)
    path = home.keys.path(SLOT)
    path.write_text("nonsense")
    with pytest.raises(InputFault) as caught:
        home.keys.load(SLOT)
    assert str(path) in caught.value.message
    assert path.read_text() == "nonsense"
