"""Promotions, deductions and refusals in words, in every language of the house. Pure, and knows no Django.

A till prints these; it has no catalogue of ours. Not here: what is decided.
"""

from __future__ import annotations

from typing import Final

from comptoir.counter.offers.contracts import (
    Amount,
    Benefit,
    Bundle,
    FreeItem,
    Percentage,
    Points,
    Promotion,
)
from comptoir.foundation.kernel.money import Money

LANGUAGES: Final = ("en", "ja", "fr")

_BENEFITS: Final = {
    "percentage": {"en": "{0}% off", "ja": "{0}%引き", "fr": "{0}\N{NO-BREAK SPACE}% de moins"},
    "amount": {"en": "{0} off", "ja": "{0}引き", "fr": "{0} de moins"},
    "free": {
        "en": "The cheapest {0} free",
        "ja": "いちばん安い{0}点が無料",
        "fr": "Gratuit\N{NO-BREAK SPACE}: les {0} articles les moins chers",
    },
    "free one": {
        "en": "The cheapest one free", "ja": "いちばん安い1点が無料", "fr": "L’article le moins cher gratuit",
    },
    "take pay": {"en": "Take {0}, pay for {1}", "ja": "{0}点で{1}点分のお値段", "fr": "{0} pour le prix de {1}"},
    "take price": {"en": "{0} for {1}", "ja": "{0}点で{1}", "fr": "{0} pour {1}"},
    "points": {"en": "Points count {0} times", "ja": "ポイント{0}倍", "fr": "Points comptés {0} fois"},
    "elsewhere": {
        "en": "Given by another system", "ja": "別のシステムで適用", "fr": "Accordé par un autre système",
    },
}  # fmt: skip
_GOODS: Final = {
    "all": {"en": "on everything", "ja": "全商品対象", "fr": "sur tout"},
    "some": {"en": "on the goods that it is for", "ja": "対象商品のみ", "fr": "sur les articles concernés"},
}
_MAX: Final = {"en": "at most {0}", "ja": "最大{0}", "fr": "{0} au plus"}
_FROM: Final = {"en": "from {0} on", "ja": "{0}以上のお買い上げで", "fr": "dès {0} d’achats"}
#: Why a promotion whose code is good gives nothing for a basket.
REASONS: Final = {
    "unusable": {
        "en": "This code cannot be used here and now.",
        "ja": "このコードは今ここではご利用いただけません。",
        "fr": "Ce code ne peut pas servir ici et maintenant.",
    },
    "no_such_goods": {
        "en": "The basket has none of the goods that it is for.",
        "ja": "対象の商品が入っていません。",
        "fr": "Le panier ne contient aucun des articles concernés.",
    },
    "amount_too_small": {
        "en": "The goods have to cost {0} or more.",
        "ja": "対象商品の合計が{0}以上必要です。",
        "fr": "Les articles concernés doivent atteindre {0}.",
    },
    "too_few": {
        "en": "{0} or more of the goods are needed.",
        "ja": "対象商品が{0}点以上必要です。",
        "fr": "Il faut au moins {0} des articles concernés.",
    },
    "not_now": {
        "en": "It holds on other days or at other hours.",
        "ja": "ご利用いただける曜日・時間ではありません。",
        "fr": "Ce n’est ni le jour ni l’heure.",
    },
    "not_here": {
        "en": "It holds elsewhere.", "ja": "ここではご利用いただけません。", "fr": "Elle vaut ailleurs qu’ici.",
    },
    "who_is_it": {
        "en": "It is for customers who say who they are.",
        "ja": "会員の方のみご利用いただけます。",
        "fr": "Elle est pour les clients qui se font reconnaître.",
    },
    "once_a_basket": {
        "en": "A basket gets it once.", "ja": "1回のお買い物につき1回限りです。", "fr": "Une seule fois par panier.",
    },
    "better_without": {
        "en": "Something better applies, and the two do not go together. The code stays good.",
        "ja": "よりお得な特典を適用しました。併用はできません。コードは引き続きご利用いただけます。",
        "fr": "Mieux s’applique déjà, et les deux ne se cumulent pas. Le code reste valable.",
    },
    "nothing_left": {
        "en": "There is nothing left to take it off. The code stays good.",
        "ja": "値引きできる金額が残っていません。コードは引き続きご利用いただけます。",
        "fr": "Il ne reste rien à déduire. Le code reste valable.",
    },
    "used_up": {
        "en": "All of it has been given away.",
        "ja": "予定数に達したため、終了しました。",
        "fr": "Tout a déjà été accordé.",
    },
    "had": {
        "en": "One customer can have it only so often, and this one has had it.",
        "ja": "お一人様のご利用回数の上限に達しています。",
        "fr": "Un client ne peut en profiter qu’un certain nombre de fois, et c’est déjà fait.",
    },
}  # fmt: skip


def money(amount: int, currency: str) -> str:
    """Return an amount in minor units as people write it without a locale: ``12.30 USD``."""
    return str(Money(amount, currency))


def benefit(what: Benefit, language: str, *, currency: str) -> str:
    """Return what a promotion gives, in a few words."""
    match what:
        case Percentage(percent=percent, amount_max=most):
            said = _BENEFITS["percentage"][language].format(percent)
            return said if most is None else f"{said} ({_MAX[language].format(money(most, currency))})"
        case Amount(amount=amount):
            return _BENEFITS["amount"][language].format(money(amount, currency))
        case FreeItem(quantity=quantity):
            return _BENEFITS["free one" if quantity == 1 else "free"][language].format(quantity)
        case Bundle(take=take, pay=int(pay)):
            return _BENEFITS["take pay"][language].format(take, pay)
        case Bundle(take=take, price=price):
            return _BENEFITS["take price"][language].format(take, money(price or 0, currency))
        case Points(times=times):
            return _BENEFITS["points"][language].format(times)
        case _:
            return _BENEFITS["elsewhere"][language]


def explained(promotion: Promotion, *, currency: str) -> dict[str, str]:
    """Return why a deduction is there, in every language: what it is called, what it gives, on what, from when on."""
    said = {}
    for language in LANGUAGES:
        title = getattr(promotion.titles, language) or promotion.titles.en
        has_goods = bool(promotion.items.products or promotion.items.categories)
        words = [benefit(promotion.benefit, language, currency=currency)]
        words.append(_GOODS["some" if has_goods else "all"][language])
        if promotion.conditions.amount_min is not None:
            words.append(_FROM[language].format(money(promotion.conditions.amount_min, currency)))
        said[language] = f"{title}: " + ", ".join(words)
    return said


def reason(name: str, *values: object) -> dict[str, str]:
    """Return why something gives nothing, in every language."""
    return {language: text.format(*values) for language, text in REASONS[name].items()}
