"""Sealed values: whatever goes in comes out again, and nothing that was touched or moved opens."""

from __future__ import annotations

import logging
import pickle
import uuid
from typing import Any

import msgspec
import pytest
from hypothesis import assume, given, reject
from hypothesis import strategies as st

from comptoir.vault.contacts import rules, sealing
from comptoir.vault.contacts.contracts import FIELDS, Birthday, ContactValues, Field, Hidden, PostalAddress
from comptoir.vault.contacts.errors import ContactInvalid, SealBroken
from comptoir.vault.contacts.sealing import Sealer, place_of

KEY = bytes(range(32))
ALICE, BOB = uuid.UUID(int=0xA11CE), uuid.UUID(int=0xB0B)
PLACE = place_of("contacts_piece", "email")

places = st.sampled_from(
    [place_of(table, field) for table in ("contacts_piece", "contacts_former") for field in FIELDS]
)
versions = st.integers(1, 2**31)
_words = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), min_size=1, max_size=40).map(str.strip)
words = _words.filter(bool)
addresses = st.builds(
    PostalAddress,
    lines=st.lists(words, min_size=1, max_size=4).map(tuple),
    city=words,
    country=st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ", min_size=2, max_size=2),
    postcode=st.text("0123456789 ", max_size=8),
    region=st.one_of(st.just(""), words),
)
values: st.SearchStrategy[tuple[Field, Any]] = st.one_of(
    st.tuples(st.just("name"), words),
    st.tuples(st.just("email"), st.emails()),
    st.tuples(st.just("phone"), st.integers(100_000, 999_999).map(lambda number: f"+331426{number % 100_000:05}")),
    st.tuples(st.just("birthday"), st.builds(Birthday, month=st.integers(1, 12), day=st.integers(1, 28))),
    st.tuples(st.just("addresses"), st.lists(addresses, min_size=1, max_size=5).map(tuple)),
)


@given(st.binary(max_size=10_000), places, versions)
def test_whatever_is_sealed_opens_in_its_place(data: bytes, place: bytes, version: int) -> None:
    sealed = Sealer(KEY, ALICE).seal(data, place=place, version=version)
    assert Sealer(KEY, ALICE).open(sealed, place=place, version=version) == data


@given(values)
def test_every_value_of_every_field_comes_back(value: tuple[Field, Any]) -> None:
    field, given_value = value
    try:
        piece = rules.pieces_of(ContactValues.of(**{field: given_value}))[field]
    except ContactInvalid:
        reject()
    sealed = Sealer(KEY, ALICE).seal(piece.data.reveal(), place=PLACE, version=1)
    back = rules.value_of(field, Sealer(KEY, ALICE).open(sealed, place=PLACE, version=1)).reveal()
    again = rules.pieces_of(ContactValues.of(**{field: back}))[field]
    assert again == piece


@given(st.binary(max_size=200), st.data())
def test_no_flipped_bit_opens(data: bytes, draw: st.DataObject) -> None:
    sealed = bytearray(Sealer(KEY, ALICE).seal(data, place=PLACE, version=1))
    sealed[draw.draw(st.integers(0, len(sealed) - 1))] ^= 1 << draw.draw(st.integers(0, 7))
    with pytest.raises(SealBroken):
        Sealer(KEY, ALICE).open(bytes(sealed), place=PLACE, version=1)


@given(st.binary(max_size=200), st.integers(0, 250))
def test_no_beginning_of_it_opens(data: bytes, length: int) -> None:
    sealed = Sealer(KEY, ALICE).seal(data, place=PLACE, version=1)
    assume(length < len(sealed))
    with pytest.raises(SealBroken):
        Sealer(KEY, ALICE).open(sealed[:length], place=PLACE, version=1)


@given(st.binary(max_size=100), places, places, versions, versions, st.booleans(), st.booleans())
def test_nothing_opens_anywhere_else(
    data: bytes, place: bytes, other: bytes, version: int, later: int, same_person: bool, same_key: bool
) -> None:
    assume((place, version, True, True) != (other, later, same_person, same_key))
    sealed = Sealer(KEY, ALICE).seal(data, place=place, version=version)
    elsewhere = Sealer(KEY if same_key else KEY[::-1], ALICE if same_person else BOB)
    with pytest.raises(SealBroken):
        elsewhere.open(sealed, place=other, version=later)


@given(st.binary(max_size=5_000), st.binary(max_size=5_000))
def test_a_length_says_little(data: bytes, other: bytes) -> None:
    sealer = Sealer(KEY, ALICE)
    sizes = [len(sealer.seal(each, place=PLACE, version=1)) - 28 for each in (data, other)]
    for size, each in zip(sizes, (data, other), strict=True):
        assert size > len(each)
        assert size in {64, 128, 256, 512, 1_024, 2_048, 4_096} or size % 4_096 == 0
    if max(len(data), len(other)) < 64:
        assert sizes[0] == sizes[1] == 64


def test_the_same_value_is_sealed_differently_each_time() -> None:
    sealer = Sealer(KEY, ALICE)
    assert len({sealer.seal(b"alice", place=PLACE, version=1) for _ in range(100)}) == 100


def test_the_index_of_one_purpose_is_not_that_of_another() -> None:
    email, phone = sealing.new_key(), sealing.new_key()
    assert sealing.blind_index(email, "+33142685300") != sealing.blind_index(phone, "+33142685300")
    assert len(sealing.blind_index(email, "alice@example.org")) == 32


# -- hidden values ------------------------------------------------------------------------------------------------


def test_a_hidden_value_is_not_written_down(
    caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = ContactValues.of(email="alice.canary@example.org")
    hidden = secret.email
    assert hidden is not None
    assert "canary" not in repr(secret)
    assert "canary" not in repr([hidden])
    for write in (str, "{}".format, "%s".__mod__, pickle.dumps, msgspec.json.encode):
        with pytest.raises(TypeError):
            write(hidden)
    logging.raiseExceptions = True
    logging.getLogger("canary").warning("%r", hidden)
    logging.Formatter().format(logging.LogRecord("canary", logging.ERROR, "", 0, "%r", (hidden,), None))
    with pytest.raises(TypeError):
        logging.Formatter().format(logging.LogRecord("canary", logging.ERROR, "", 0, "%s", (hidden,), None))
    assert "canary@" not in caplog.text
    assert hidden.reveal() == "alice.canary@example.org"
    assert hidden == Hidden("alice.canary@example.org")
    assert {hidden: 1}[Hidden("alice.canary@example.org")] == 1
    assert "canary@" not in capsys.readouterr().err


# -- how addresses and numbers are written ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("written", "index"),
    [
        ("Alice@Example.ORG", "alice@example.org"),
        ("  alice@example.org ", "alice@example.org"),
        ("ＡＬＩＣＥ＠ｅｘａｍｐｌｅ．ｏｒｇ", "alice@example.org"),
        ("alice@bücher.example", "alice@xn--bcher-kva.example"),
        ("alice@XN--BCHER-KVA.example", "alice@xn--bcher-kva.example"),
        ("a..b@docomo.example", "a..b@docomo.example"),
        ("josé+shop@example.org", "josé+shop@example.org"),
    ],
)
def test_equal_addresses_are_equal_however_they_are_written(written: str, index: str) -> None:
    assert rules.index_of_email(written) == index


@given(st.emails())
def test_the_index_of_an_index_is_itself(email: str) -> None:
    try:
        once = rules.index_of_email(email)
    except ContactInvalid:
        reject()
    assert rules.index_of_email(once) == once


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_refused_by_name(text: str) -> None:
    for check in (rules.index_of_email, rules.index_of_phone):
        try:
            found = check(text)
        except ContactInvalid as problem:
            found = problem.field or ""
        assert found == found.strip()
        assert "\n" not in found
