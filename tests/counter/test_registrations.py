"""Numbers under which a shop is registered for tax: real ones are taken, and a mistyped digit is found."""

from __future__ import annotations

from pathlib import Path

import pytest

from comptoir.counter.taxes import reading, registrations
from comptoir.counter.taxes.errors import TaxesInvalid

#: Published ones: the National Tax Agency's own corporate number, a French company's, the example of the German
#: authority, a British company's.
REAL = (
    ("JP", "T7000012050002"), ("FR", "FR 40 303 265 045"), ("DE", "DE136695976"), ("GB", "GB 980 7806 84"),
)  # fmt: skip


@pytest.mark.parametrize(("country", "number"), REAL)
def test_a_real_number_is_taken_and_no_digit_of_it_may_change(country: str, number: str) -> None:
    plain = registrations.checked(number.lower(), country)
    assert " " not in plain
    found = 0
    for place, digit in enumerate(plain):
        if not digit.isdigit():
            continue
        for other in "0123456789":
            if other == digit:
                continue
            try:
                registrations.checked(plain[:place] + other + plain[place + 1 :], country)
            except ValueError:
                found += 1
            else:
                # Modulo 9, a nought and a nine are the same; and Great Britain has numbers of two sums.
                assert country == "GB" or (country == "JP" and {digit, other} == {"0", "9"}), (place, other)
    assert found >= 0.9 * 9 * sum(each.isdigit() for each in plain)


@pytest.mark.parametrize(
    ("country", "number"),
    [
        ("JP", "7000012050002"), ("JP", "T700001205000"), ("JP", "T70000120500022"),
        ("JP", "T700001205000２"),
        ("FR", "FRXX303265045"), ("DE", "DE000000000"), ("GB", ""), ("US", "12-3456789"), ("JP", "T7000012050002\n"),
    ],
)  # fmt: skip
def test_what_is_no_number_is_refused(country: str, number: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        registrations.checked(number, country)


def test_it_is_checked_when_the_file_is_read(tmp_path: Path) -> None:
    path = tmp_path / "taxes.toml"
    path.write_text('country = "JP"\nregistration = "T-7000-0120-50002"\n')
    rates = reading.load_rates(path)
    assert rates is not None
    assert (rates.registration, registrations.kind_in(rates.place)) == ("T7000012050002", "invoice")
    path.write_text('country = "JP"\nregistration = "T7000012050003"\n')
    with pytest.raises(TaxesInvalid, match="check digit") as refused:
        reading.load_rates(path)
    assert refused.value.field == "registration"
    path.write_text('country = "FR"\n')
    assert getattr(reading.load_rates(path), "registration", None) == ""
