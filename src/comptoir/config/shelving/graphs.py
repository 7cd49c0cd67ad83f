"""Lists that are JSON-LD: products as pages tell search engines of them (https://schema.org/Product).

One object, a list of them, a ``@graph``, or an object a line.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import msgspec

from comptoir.config.shelving.contracts import ListError, Refused, Row, Rows
from comptoir.config.shelving.picturing import Named, of_graph
from comptoir.foundation.kernel.money import Money

_GTINS: Final = ("gtin", "gtin8", "gtin12", "gtin13", "gtin14")
_DEEP_MAX: Final = 4


def jsonld(path: Path, *, language: str, currency: str) -> Rows:
    """Read products and groups of them. Raises :class:`ListError` for what is no JSON, or holds no product."""
    found = 0
    for line, each in _objects(path):
        for product in _products(each):
            found += 1
            yield from _read(line, product, language=language, currency=currency)
    if not found:
        raise ListError("there is no Product and no ProductGroup in it")


def _objects(path: Path) -> Iterator[tuple[int, Any]]:
    content = path.read_bytes()
    try:
        yield 1, msgspec.json.decode(content)
    except msgspec.DecodeError as whole:
        lines = [(number, line) for number, line in enumerate(content.splitlines(), start=1) if line.strip()]
        if len(lines) < 2:
            raise ListError(f"it is no JSON: {whole}") from None
        for number, line in lines:
            try:
                yield number, msgspec.json.decode(line)
            except msgspec.DecodeError as error:
                raise ListError(f"line {number}: {error}") from None
    except RecursionError:
        raise ListError("it is nested too deep") from None


def _products(said: Any, deep: int = 0) -> Iterator[dict[str, Any]]:
    if isinstance(said, list) and deep < _DEEP_MAX:
        for each in said:
            yield from _products(each, deep + 1)
    elif isinstance(said, dict):
        if _kinds(said) & {"Product", "ProductGroup"}:
            yield said
        elif "@graph" in said and deep < _DEEP_MAX:
            yield from _products(said["@graph"], deep + 1)


def _kinds(said: dict[str, Any]) -> set[str]:
    kinds = said.get("@type")
    return {str(each).rpartition("/")[2] for each in (kinds if isinstance(kinds, list) else [kinds])}


def _read(line: int, said: dict[str, Any], *, language: str, currency: str) -> Rows:
    number = _text(said.get("productGroupID") or said.get("productID") or said.get("sku") or _gtin(said))
    if not number:
        yield Refused(line, "number_missing", "sku", "a product has a sku, a productID or a gtin")
        return
    told: dict[str, Any] = {"name": {language: _text(said.get("name"))}}
    if text := _text(said.get("description")):
        told["text"] = {language: text}
    brand = said.get("brand")
    if maker := _text(brand.get("name") if isinstance(brand, dict) else brand):
        told["maker"] = maker
    audience = said.get("audience")
    if isinstance(audience, dict) and isinstance(age := audience.get("suggestedMinAge"), int):
        told["asks_over"] = age
    named = Named(language)
    of_graph(said.get("image"), named, line=line)
    told |= named.said
    path = tuple(part for part in map(str.strip, _text(said.get("category")).split(">")) if part)
    variants = said.get("hasVariant")
    variants = [variants] if isinstance(variants, dict) else variants if isinstance(variants, list) else [said]
    for place, variant in enumerate(variants, start=1):
        if not isinstance(variant, dict):
            continue
        try:
            taken = _variant(variant, number if variant is said else f"{number}-{place}", currency=currency)
        except ValueError as error:
            yield Refused(line, "cell_invalid", "offers.price", str(error))
        else:
            yield Row(line, number, told, taken, path)
    yield from named.refused()


def _variant(said: dict[str, Any], sku: str, *, currency: str) -> dict[str, Any]:
    variant: dict[str, Any] = {"sku": _text(said.get("sku")) or sku}
    if gtin := _gtin(said):
        variant["gtin"] = gtin
    options = {}
    properties = said.get("additionalProperty")
    for each in properties if isinstance(properties, list) else []:
        if isinstance(each, dict) and each.get("name") and each.get("value"):
            options[_text(each["name"])] = _text(each["value"])
    for name in ("size", "color", "material", "pattern"):
        if value := _text(said.get(name)):
            options[name] = value
    if options:
        variant["options"] = options
    offers = said.get("offers")
    variant["prices"] = [
        price
        for offer in (offers if isinstance(offers, list) else [offers])
        if isinstance(offer, dict) and (price := _price(offer, currency=currency)) is not None
    ]
    return variant


def _price(offer: dict[str, Any], *, currency: str) -> dict[str, Any] | None:
    said = offer.get("priceSpecification")
    specification: dict[str, Any] = said if isinstance(said, dict) else {}
    amount = offer.get("price", specification.get("price"))
    if amount is None:
        return None
    code = _text(offer.get("priceCurrency") or specification.get("priceCurrency")) or currency
    price: dict[str, Any] = {"currency": code, "amount": Money.parse(str(amount), code).minor}
    if isinstance(includes := specification.get("valueAddedTaxIncluded"), bool):
        price["includes_tax"] = includes
    return price


def _gtin(said: dict[str, Any]) -> str:
    return next((_text(said[name]) for name in _GTINS if said.get(name)), "")


def _text(said: Any) -> str:
    """Return a text, a number, or the first of several; nothing for anything else."""
    if isinstance(said, list) and said:
        said = said[0]
    if isinstance(said, dict):
        said = said.get("@value") or said.get("name")
    return str(said).strip() if isinstance(said, (str, int, float)) and not isinstance(said, bool) else ""
