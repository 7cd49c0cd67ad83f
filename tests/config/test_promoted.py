"""The letter of the demo's campaign, as it arrives. Not here: the campaign around it (``test_promoting.py``)."""

from __future__ import annotations

import pytest

from comptoir.config.replaying import promoted
from comptoir.counter.messages import testing
from comptoir.counter.messages.contracts import TemplateText


@pytest.mark.parametrize(
    ("language", "greeted", "named"),
    [
        ("en", "Hello there,", "Hello 山田 花子,"),
        ("fr", "Bonjour à vous,", "Bonjour 山田 花子,"),
        ("ja", "お客様", "山田 花子様"),
    ],
)
def test_the_demos_letter_greets_whoever_has_no_name_too(language: str, greeted: str, named: str) -> None:
    subject, text = promoted.TEXTS[language]
    lines = {
        key: testing.preview(
            TemplateText(text, subject), person=testing.PERSONS[key], language=language, shop="Shop", values={}
        ).text.splitlines()
        for key in ("nameless", "hanako")
    }
    assert (lines["nameless"][0], lines["hanako"][0]) == (greeted, named)
    # A paragraph is one line, which the reader's own screen breaks.
    assert [bool(each) for each in lines["nameless"][1:4]] == [False, True, False]
