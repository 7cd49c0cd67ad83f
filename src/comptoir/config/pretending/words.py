"""The words of the simulator's page, in the house's three languages. It knows no Django, so they stand here."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

LANGUAGES: Final = {"en": "English", "ja": "日本語", "fr": "Français"}

_EN: Final = {
    "title": "Payment",
    "pretends": "This page only pretends. It asks for no card, and no money moves.",
    "pretends_more": "The shop shows it instead of a payment provider’s page, so that everything can be tried out.",
    "for": "For",
    "amount": "Amount",
    "until": "Open until",
    "pay": "Pay {amount}",
    "decline": "Have the card declined",
    "partly": "Pay half of it only",
    "leave": "Back to the shop, without paying",
    "reports": "How the shop hears of it",
    "once": "once, at once",
    "twice": "twice",
    "late": "late, after 20 seconds",
    "never": "never: the shop has to ask",
    "out_of_order": "in the wrong order",
    "misbehave": "What else can go wrong",
    "declined": "The card was declined. Nothing was taken. Try again, or go back to the shop.",
    "paid": "Paid. The shop hears of it from us, not from your browser.",
    "go_on": "Go on to the shop",
    "expired": "This page is over. Nothing was taken.",
    "failed": "This payment has failed. Nothing was taken.",
    "back": "Back to the shop",
    "missing": "There is no such page.",
    "language": "Language",
}
_JA: Final = {
    "title": "お支払い",
    "pretends": "これは見本のページです。カード番号はお聞きせず、お金は一切動きません。",
    "pretends_more": "決済会社のページの代わりに表示され、すべてを試すことができます。",
    "for": "内容",
    "amount": "金額",
    "until": "有効期限",
    "pay": "{amount} を支払う",
    "decline": "カードを拒否させる",
    "partly": "半額だけ支払う",
    "leave": "支払わずにお店に戻る",
    "reports": "お店への通知",
    "once": "すぐに一回",
    "twice": "二回",
    "late": "20秒遅れて",
    "never": "なし（お店から問い合わせる）",
    "out_of_order": "順番を入れ替えて",
    "misbehave": "そのほかの失敗を試す",
    "declined": "カードが拒否されました。お金は引き落とされていません。もう一度試すか、お店にお戻りください。",
    "paid": "お支払いが済みました。お店へはこちらから通知します。",
    "go_on": "お店に進む",
    "expired": "このページの有効期限が切れました。お金は引き落とされていません。",
    "failed": "お支払いに失敗しました。お金は引き落とされていません。",
    "back": "お店に戻る",
    "missing": "そのようなページはありません。",
    "language": "言語",
}
_FR: Final = {
    "title": "Paiement",
    "pretends": "Cette page fait semblant. Elle ne demande aucune carte, et aucun argent ne circule.",
    "pretends_more": "La boutique la montre au lieu de celle d’un prestataire de paiement, pour que l’on essaie tout.",
    "for": "Pour",
    "amount": "Montant",
    "until": "Ouverte jusqu’à",
    "pay": "Payer {amount}",
    "decline": "Faire refuser la carte",
    "partly": "Ne payer que la moitié",
    "leave": "Revenir à la boutique sans payer",
    "reports": "Comment la boutique l’apprend",
    "once": "une fois, tout de suite",
    "twice": "deux fois",
    "late": "en retard, après 20 secondes",
    "never": "jamais : la boutique doit demander",
    "out_of_order": "dans le désordre",
    "misbehave": "Ce qui peut encore mal tourner",
    "declined": "La carte a été refusée. Rien n’a été prélevé. Réessayez, ou revenez à la boutique.",
    "paid": "C’est payé. La boutique l’apprend par nous, et non par votre navigateur.",
    "go_on": "Continuer vers la boutique",
    "expired": "Cette page n’est plus valable. Rien n’a été prélevé.",
    "failed": "Ce paiement a échoué. Rien n’a été prélevé.",
    "back": "Revenir à la boutique",
    "missing": "Cette page n’existe pas.",
    "language": "Langue",
}
_ALL: Final = {"en": _EN, "ja": _JA, "fr": _FR}


def words(language: str) -> Mapping[str, str]:
    """Return the words of a language; English for one that the page does not speak."""
    return _ALL.get(language, _EN)
