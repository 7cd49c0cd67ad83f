"""Why the counter did not take something, in the shopper's language."""

from __future__ import annotations

import pytest
from django.utils import translation

from comptoir.foundation.rooms.commands import set_up_django

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from comptoir.doors.storefront import refused
from comptoir.foundation.touchpoints.errors import GatewayAway
from comptoir.foundation.touchpoints.house import Trouble


@pytest.mark.parametrize(
    ("language", "away", "else_"),
    [
        ("en", "The shop's counter does not answer just now.", "Something only its maker understands."),
        ("fr", "comptoir", "Le magasin"),
        ("ja", "店", "店"),
    ],
)
def test_nobody_reads_a_title_of_another_language(language: str, away: str, else_: str) -> None:
    with translation.override(language):
        assert away in refused.words(GatewayAway("ports"))
        said = refused.words(Trouble(title="Something only its maker understands.", type="x:unheard_of"))
        assert else_ in said
        assert ("maker" in said) == (language == "en")


def test_a_page_has_its_own_words_first() -> None:
    with translation.override("fr"):
        assert refused.words(Trouble(type="x:gateway_away"), {"gateway_away": "Plus tard."}) == "Plus tard."
