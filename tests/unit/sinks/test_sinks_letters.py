"""Letters to others: whoever has one of the keys reads them, nobody else, and we least of all."""

from __future__ import annotations

import pyrage
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat

from provisioner.errors import InputFault
from provisioner.model.secret import Inset, Secret
from provisioner.sinks import check_recipients, sealed

VALUE = "Q1w8Q~planted-value-of-a-client-secret"
LETTER = ("Client Secret: ", Inset(Secret(VALUE)), "\nquoted: ", Inset(Secret(VALUE), lambda text: f'"{text}"'), "\n")


def test_every_recipient_can_read_it_and_nobody_else() -> None:
    readers = [pyrage.x25519.Identity.generate() for _ in range(2)]
    other = pyrage.x25519.Identity.generate()

    letter = sealed(LETTER, [f" {each.to_public()} " for each in readers])

    assert letter.startswith(b"-----BEGIN AGE ENCRYPTED FILE-----")
    assert VALUE.encode() not in letter
    for each in readers:
        assert pyrage.decrypt(letter, [each]).decode() == f'Client Secret: {VALUE}\nquoted: "{VALUE}"\n'
    with pytest.raises(pyrage.DecryptError):
        pyrage.decrypt(letter, [other])


def test_an_ssh_key_is_a_recipient_too() -> None:
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH).decode()
    private = key.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption())

    letter = sealed(LETTER, [f"{public} support@vendor"])

    assert VALUE.encode() in pyrage.decrypt(letter, [pyrage.ssh.Identity.from_buffer(private)])


def test_a_letter_shows_no_value_before_it_is_sealed() -> None:
    assert VALUE not in repr(LETTER)
    assert VALUE not in str(LETTER)


def test_all_faulty_recipients_at_once_and_no_private_key_repeated() -> None:
    private = str(pyrage.x25519.Identity.generate())
    good = str(pyrage.x25519.Identity.generate().to_public())

    with pytest.raises(InputFault) as caught:
        check_recipients([good, "age1x", private, "", "ssh-rsa nonsense"])

    assert len(caught.value.places) == 4
    assert private not in str(caught.value.places)
    assert private[20:40] not in str(caught.value.places)


def test_nobody_is_no_recipient() -> None:
    with pytest.raises(InputFault):
        sealed(LETTER, [])
