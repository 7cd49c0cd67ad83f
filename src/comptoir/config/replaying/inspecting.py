"""Looks at an export and writes a first mapping for it, with comments on what was guessed and why.

A guess is a start for whoever knows the shop, never more: the mapping is checked by a dry run. Not here: what a
mapping can say (``mapping.py``).
"""

from __future__ import annotations

import csv
import datetime as dt
import itertools
import re
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

from comptoir.config.replaying import rows
from comptoir.config.replaying.mapping import FileFormat

_ROWS_LOOKED_AT: Final = 2_000
_BYTES_LOOKED_AT: Final = 1 << 20
_DELIMITERS: Final = ",;\t|"
_TIME_FORMATS: Final = (
    "iso", "%d/%m/%Y %H:%M", "%d/%m/%Y %H:%M:%S", "%m/%d/%Y %H:%M", "%m/%d/%Y %H:%M:%S", "%d.%m.%Y %H:%M",
    "%d.%m.%Y %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d %H:%M:%S", "%d/%m/%Y", "%m/%d/%Y", "%d.%m.%Y", "%Y/%m/%d",
    "%Y%m%d", "%Y%m%d%H%M%S",
)  # fmt: skip
#: Words that headings of such columns have, in the languages of many exports; the first match counts.
_WORDS: Final = {
    "receipt": "receipt invoice order basket ticket bon beleg bill transaction commande facture レシート 伝票",
    "time": "timestamp datetime date time zeit datum heure 日時 日付",
    "customer": "customer client card member household kunde loyalty account 顧客 会員",
    "product": "sku stockcode product article item artikel produit 商品 ean gtin",
    "gtin": "gtin ean barcode upc code_barres strichcode バーコード",
    "discount": "discount promotion rabatt remise réduction 値引 割引",
    "quantity": "quantity qty units menge anzahl quantite quantité 数量",
    "amount": "amount total sales_value value betrag montant umsatz line_total 金額",
    "unit_price": "unit_price price preis prix 単価",
    "category": "category department group warengruppe categorie catégorie rayon 部門",
    "store": "store shop branch filiale magasin 店舗",
    "currency": "currency währung devise 通貨",
}


def guess_format(path: Path) -> FileFormat:
    """Guess how a file is written: UTF-8 or Windows's Latin, and the delimiter that gives the most even columns."""
    with path.open("rb") as file:
        start = file.read(_BYTES_LOOKED_AT)
    try:
        # The last character may be cut in two.
        start[: max(0, len(start) - 3)].decode("utf-8-sig")
        encoding = "utf-8"
    except UnicodeDecodeError:
        encoding = "cp1252"
    lines = start.decode(encoding, errors="replace").splitlines()[:50]

    def evenness(delimiter: str) -> tuple[int, int]:
        widths = [len(cells) for cells in csv.reader(lines, delimiter=delimiter)]
        commonest = max(set(widths), key=widths.count, default=0)
        return (widths.count(commonest) if commonest > 1 else 0, commonest)

    return FileFormat(encoding=encoding, delimiter=max(_DELIMITERS, key=evenness))


def new_mapping(path: Path) -> str:
    """Return a mapping for an export as TOML with comments; :class:`~comptoir.config.replaying.rows.RowsError`."""
    form = guess_format(path)
    names = [name for name in rows.headings(path, form) if not name.startswith("\0")]
    sample = [row.cells for row in itertools.islice(rows.read(path, form), _ROWS_LOOKED_AT) if row.reason is None]
    found = _columns(names)
    # A price by the piece and the worth of a line are different columns; one that is both is taken for the latter.
    by_price = "amount" not in found and "unit_price" in found
    receipt, quantity = found.get("receipt", ""), found.get("quantity", "")
    receipts = _cells(sample, receipt)
    zone_note = "the shop's own time zone, such as Europe/Paris"
    text: list[str] = [
        "# What the columns of an export mean. Everything here was guessed from the first rows: read it, correct it,",
        "# and try it with `comptoir import csv FILE --mapping THIS --dry-run` until you believe the result.",
        f"# Columns: {', '.join(_quoted(name) for name in names)}",
        "",
        "[file]",
        f"encoding = {_quoted(form.encoding)}",
        f"delimiter = {_quoted(form.delimiter)}",
        "",
        "[sale]",
        'source = "/imports/sales"   # the source of a touchpoint in your map; {store} becomes the store of the row',
        f"receipt = {_quoted(receipt)}" + _examples(receipts),
    ]
    if "currency" in found:
        text.append(f"currency_column = {_quoted(found['currency'])}")
    else:
        text.append('currency = "EUR"            # the same for all rows; or currency_column = "a column"')
    text.append(_line_or_comment("store", found.get("store"), sample))
    moments = _cells(sample, found.get("time", ""))
    text += [
        "",
        "[time]",
        f"columns = [{_quoted(found.get('time', ''))}]" + _examples(moments),
        f"format = {_quoted(_time_format(moments))}" + '   # "iso", or such as "%d/%m/%Y %H:%M"',
        f'zone = "UTC"                # {zone_note}',
        "",
    ]
    text += _customer_lines(found, sample)
    text += ["", "[line]", f"product = {_quoted(found.get('product', ''))}", f"quantity = {_quoted(quantity)}"]
    money = found.get("unit_price" if by_price else "amount", "")
    text.append(f"{'unit_price' if by_price else 'amount'} = {_quoted(money)}" + _examples(_cells(sample, money)))
    if not by_price and "unit_price" in found:
        text.append(f"# unit_price = {_quoted(found['unit_price'])}   # instead of amount")
    text.append(f"decimal = {_quoted(_decimal(_cells(sample, money)))}")
    text += [_line_or_comment(name, found.get(name), sample) for name in ("category", "gtin", "discount")]
    text.append('rounding = "half_up"        # or "refuse" amounts with more digits than the currency has')
    text.append('duplicates = "keep"         # or "refuse" a row that repeats another one of its receipt')
    text += ["", *_return_lines(sample, receipt, quantity)]
    return "\n".join(text) + "\n"


def _columns(names: Iterable[str]) -> dict[str, str]:
    """Return the column for each meaning whose words its heading has; a column has one meaning only."""
    found: dict[str, str] = {}
    left = list(names)
    for meaning, words in _WORDS.items():
        for word in words.split():
            hits = [name for name in left if word in re.sub(r"[\s-]+", "_", name.lower())]
            if hits:
                # "Invoice" is more of an invoice's number than "Invoice date".
                found[meaning] = min(hits, key=len)
                left.remove(found[meaning])
                break
    return found


def _customer_lines(found: dict[str, str], sample: list[dict[str, str]]) -> list[str]:
    column = found.get("customer")
    if column is None:
        return ["# No column looked like a customer's number, so every sale would be a guest's.", "# [customer]",
                '# column = ""', '# kind = "card"']  # fmt: skip
    cells = _cells(sample, column)
    lines = ["[customer]", f"column = {_quoted(column)}" + _examples(cells), 'kind = "card"']
    if cells and all(cell.endswith(".0") for cell in cells):
        lines.append('remove_suffix = ".0"        # a spreadsheet took the numbers for decimal ones')
    return lines


def _return_lines(sample: list[dict[str, str]], receipt: str, quantity: str) -> list[str]:
    negative = [
        cells[receipt].strip()[:1] for cells in sample if receipt and cells.get(quantity, "").strip().startswith("-")
    ]
    # Rows below zero that are no returns (a count of the stock) may stand beside the ones that are.
    commonest = max(set(negative), key=negative.count, default="")
    by_prefix = commonest.isalpha() and 2 * negative.count(commonest) > len(negative)
    lines = ["[returns]"]
    if by_prefix:
        lines += ['recognised_by = "receipt_prefix"', f"prefix = {_quoted(commonest)}"]
    elif negative:
        lines.append('recognised_by = "negative_quantity"')
    else:
        return [
            "# No row looked like a return. Without this table, there are none.",
            "# [returns]",
            '# recognised_by = "negative_quantity"   # or "receipt_prefix" with prefix, or "column" with values',
            "# match_returns = true                  # or sale_receipt, the column that names the sale's receipt",
        ]
    return [*lines, 'match_returns = true        # or sale_receipt = "the column that names the sale\'s receipt"']


def _time_format(moments: list[str]) -> str:
    """Return the first format that all the moments have; where days and months cannot be told apart, days go first."""

    def reads(form: str) -> Callable[[str], object]:
        if form == "iso":
            return dt.datetime.fromisoformat
        return lambda text: dt.datetime.strptime(text, form)  # noqa: DTZ007 - only whether it can be read

    for form in _TIME_FORMATS:
        read = reads(form)
        try:
            for moment in moments:
                read(moment)
        except ValueError:
            continue
        return form
    return "iso"


def _decimal(amounts: list[str]) -> str:
    commas = sum(bool(re.search(r",\d{1,2}$", amount)) for amount in amounts)
    points = sum(bool(re.search(r"\.\d+$", amount)) for amount in amounts)
    return "," if commas > points else "."


def _cells(sample: list[dict[str, str]], column: str) -> list[str]:
    return [cells[column].strip() for cells in sample if cells.get(column, "").strip()]


def _line_or_comment(setting: str, column: str | None, sample: list[dict[str, str]]) -> str:
    if column is None:
        return f'# {setting} = ""'
    return f"{setting} = {_quoted(column)}" + _examples(_cells(sample, column))


def _examples(cells: list[str]) -> str:
    if not cells:
        return "   # please fill in" if cells == [] else ""
    shown = ", ".join(re.sub(r"\s", " ", cell)[:20] for cell in dict.fromkeys(cells[:3]))
    return f"   # such as {shown}"


def _quoted(text: str) -> str:
    """Return a text as TOML writes it."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(c if c.isprintable() else f"\\u{ord(c):04x}" for c in escaped) + '"'
