"""Records that customer and shop have both signed: anybody can check them, and one changed byte is refused by name."""

from __future__ import annotations

import base64
import hashlib
import json
import uuid
from pathlib import Path
from typing import Any

import msgspec
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from comptoir.config.command import main
from comptoir.counter.customers import records, signatures
from comptoir.counter.customers.errors import RecordChanged, SignatureWrong
from comptoir.counter.customers.signatures import CustomerSignature, written
from comptoir.foundation.kernel import codec, shop
from support.casting import NOON
from support.shop import Shop

SITE = "safe.example"
ORIGIN = "https://safe.example"


def number(value: int, length: int = 32) -> str:
    return written(value.to_bytes(length, "big"))


class Device:
    """Signs as a passkey does, with one of the kinds of keys that there are."""

    def __init__(self, kind: str = "P-256") -> None:
        self.key: Any
        if kind == "Ed25519":
            self.key = ed25519.Ed25519PrivateKey.generate()
            self.public = {"kty": "OKP", "crv": kind, "x": written(self.key.public_key().public_bytes_raw())}
        elif kind == "RSA":
            self.key = rsa.generate_private_key(65537, 2048)
            numbers = self.key.public_key().public_numbers()
            self.public = {"kty": "RSA", "n": number(numbers.n, 256), "e": number(numbers.e, 3)}
        else:
            self.key = ec.generate_private_key({"P-256": ec.SECP256R1(), "P-384": ec.SECP384R1()}[kind])
            point = self.key.public_key().public_numbers()
            length = self.key.key_size // 8
            self.public = {"kty": "EC", "crv": kind, "x": number(point.x, length), "y": number(point.y, length)}

    def sign(self, text: bytes, *, site: str = SITE, flags: int = 0x05, **said: Any) -> CustomerSignature:
        challenge = written(hashlib.sha256(text).digest())
        client = {"type": "webauthn.get", "challenge": challenge, "origin": ORIGIN, "crossOrigin": False} | said
        told = json.dumps(client).encode()
        data = hashlib.sha256(site.encode()).digest() + bytes([flags]) + bytes(4)
        signed = data + hashlib.sha256(told).digest()
        if isinstance(self.key, ec.EllipticCurvePrivateKey):
            digest = hashes.SHA256() if self.key.key_size == 256 else hashes.SHA384()
            signature = self.key.sign(signed, ec.ECDSA(digest))
        elif isinstance(self.key, rsa.RSAPrivateKey):
            signature = self.key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
        else:
            signature = self.key.sign(signed)
        return CustomerSignature(self.public, SITE, written(data), written(told), written(signature))


def agreement() -> str:
    return records.agreement(name=uuid.UUID(int=9), term="SD-BASE", at=NOON, by="card_link")


def by_both(device: Device | None = None) -> str:
    record = agreement()
    return records.signed_agreement(record=record, customer=(device or Device()).sign(records.text_of(record)))


@pytest.mark.parametrize("kind", ["P-256", "P-384", "Ed25519", "RSA"])
def test_both_have_signed_the_same_text(shop: Shop, kind: str) -> None:
    device = Device(kind)
    both = by_both(device)
    said = records.verify(both)
    assert isinstance(said, records.SignedAgreement)
    assert (said.record, said.customer.public_key) == (agreement(), device.public)
    agreed = records.agreement_in(said)
    assert agreed is not None
    assert (agreed.term, agreed.agreed_by) == ("SD-BASE", "card_link")
    assert len(both) < records.CHARACTERS_MAX / 2


def test_it_is_checked_without_this_house(shop: Shop) -> None:
    """By what docs/terms.md says and nothing of ours: three base64url parts, Ed25519, ECDSA, SHA-256."""
    both, shop_key = by_both(), records.public_key()

    def raw(text: str) -> bytes:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))

    public = ed25519.Ed25519PublicKey.from_public_bytes(raw(shop_key["x"]))

    def opened(jws: str) -> bytes:
        head, payload, signature = jws.split(".")
        public.verify(raw(signature), f"{head}.{payload}".encode())
        return raw(payload)

    outer = json.loads(opened(both))
    text, mine = opened(outer["record"]), outer["customer"]
    told = json.loads(raw(mine["client_data"]))
    assert raw(told["challenge"]) == hashlib.sha256(text).digest()
    x, y = (int.from_bytes(raw(mine["public_key"][name]), "big") for name in "xy")
    point = ec.EllipticCurvePublicNumbers(x, y, ec.SECP256R1()).public_key()
    signed = raw(mine["authenticator_data"]) + hashlib.sha256(raw(mine["client_data"])).digest()
    point.verify(raw(mine["signature"]), signed, ec.ECDSA(hashes.SHA256()))


def test_one_changed_character_anywhere_is_refused(shop: Shop) -> None:
    both = by_both()
    for position, letter in enumerate(both):
        other = "A" if letter != "A" else "B"
        with pytest.raises(RecordChanged):
            records.verify(both[:position] + other + both[position + 1 :])


def test_one_changed_byte_of_the_customers_part_is_refused_even_if_the_shop_signs_it(shop: Shop) -> None:
    """The shop cannot put words into a customer's mouth."""
    record = agreement()
    good = Device().sign(records.text_of(record))
    for field in ("authenticator_data", "client_data", "signature"):
        content = bytearray(signatures.read(getattr(good, field)))
        for position in range(len(content)):
            content[position] ^= 1
            changed = msgspec.structs.replace(good, **{field: written(bytes(content))})
            with pytest.raises(SignatureWrong):
                signatures.check(changed, records.text_of(record))
            content[position] ^= 1
    for wrong in (
        Device().sign(b"another text"),
        msgspec.structs.replace(good, public_key=Device().public),
        msgspec.structs.replace(good, public_key={"kty": "EC", "crv": "P-256"}),
        msgspec.structs.replace(good, public_key={"kty": "oct", "k": "AA"}),
        msgspec.structs.replace(good, site="safe.example.evil"),
        msgspec.structs.replace(good, signature=good.signature + "="),
        Device().sign(records.text_of(record), flags=0x01),
        Device().sign(records.text_of(record), site="other.example"),
        Device().sign(records.text_of(record), type="webauthn.create"),
        Device().sign(records.text_of(record), origin="https://evil.example"),
        Device().sign(records.text_of(record), crossOrigin=True),
    ):
        with pytest.raises(SignatureWrong):
            records.signed_agreement(record=record, customer=wrong)
        forged = records._sign(records.SignedAgreement(record, wrong), "comptoir-signed-agreement+jws")
        with pytest.raises(SignatureWrong):
            records.verify(forged)


def test_a_receipt_is_no_agreement_that_could_be_signed(shop: Shop) -> None:
    receipt = records.receipt(
        name=uuid.UUID(int=1), purpose="good", channel="partner", controller="A", at=NOON, days=3, quiet_days=3
    )
    with pytest.raises(RecordChanged):
        records.signed_agreement(record=receipt, customer=Device().sign(records.text_of(receipt)))


def test_a_record_of_before_that_says_not_by_what_is_still_one(shop: Shop) -> None:
    said = msgspec.to_builtins(msgspec.json.decode(records.text_of(agreement()), type=records.Agreement))
    del said["agreed_by"]
    head = written(codec.canonical({"alg": "Ed25519", "typ": "comptoir-agreement+jws"}))
    payload = written(codec.canonical(said))
    key = ed25519.Ed25519PrivateKey.from_private_bytes(seed())
    record = f"{head}.{payload}.{written(key.sign(f'{head}.{payload}'.encode()))}"
    old = records.verify(record)
    assert isinstance(old, records.Agreement)
    assert old.agreed_by == ""


def seed() -> bytes:
    return shop.secret("records")


# -- at the command line ------------------------------------------------------------------------------------------


def run(*words: str) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["terms", "verify", *words])
    return result.exit_code, result.output


def test_the_verb_says_who_has_signed_what(shop: Shop, tmp_path: Path) -> None:
    file, key = tmp_path / "terms.jws", tmp_path / "key.json"
    file.write_text(by_both() + "\n")
    key.write_text(json.dumps({"keys": [dict(records.public_key())]}))
    for words in ((str(file),), (str(file), "--key", str(key))):
        code, output = run(*words)
        assert code == 0, output
        assert "term: SD-BASE" in output
        assert "Signed by the shop." in output
        assert "Signed by the customer, with a passkey of safe.example." in output
    file.write_text(agreement())
    assert "Not signed by the customer, who was known by: card_link." in run(str(file))[1]


def test_the_verb_refuses_by_name(shop: Shop, tmp_path: Path) -> None:
    file, key = tmp_path / "terms.jws", tmp_path / "key.json"
    both = by_both()
    file.write_text(both[:-9] + ("A" if both[-9] != "A" else "B") + both[-8:])
    assert run(str(file)) == (1, run(str(file))[1])
    assert "record_changed" in run(str(file))[1]
    record = agreement()
    wrong = records.SignedAgreement(record, Device().sign(b"another"))
    file.write_text(records._sign(wrong, "comptoir-signed-agreement+jws"))
    code, output = run(str(file))
    assert (code, "signature_wrong" in output) == (1, True)
    file.write_text(both)
    stranger = ed25519.Ed25519PrivateKey.generate().public_key().public_bytes_raw()
    key.write_text(json.dumps({"kty": "OKP", "crv": "Ed25519", "x": written(stranger)}))
    assert "record_changed" in run(str(file), "--key", str(key))[1]
    key.write_text("[]")
    assert "no public key" in run(str(file), "--key", str(key))[1]
    file.write_bytes(b"\xff")
    assert "holds more than letters" in run(str(file))[1]
    file.write_text("x" * 70_000)
    assert "larger than any record" in run(str(file))[1]
