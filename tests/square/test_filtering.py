"""Trust and the filter: what is held and why, what is learned and from what, what is measured and how."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from comptoir.config.command import main
from comptoir.square.stewardship import filtering, trust
from comptoir.square.stewardship.errors import FilterUnreadable
from comptoir.square.stewardship.trust import LEVELS, Standing, level_of, missing, reason_to_hold

SHIPPED = Path(filtering.__file__).with_name("filter.json")
SPAM = (
    "Win a free prize number {} now, call at once",
    "Subscribe to my channel number {} and win",
    "Cheap pills {} here",
)
HAM = ("How long does loaf {} keep?", "I wrap number {} in a cloth", "Thank you, the mill of {} is good")


def a_set(folder: Path, *, size: int = 60) -> Path:
    """Write a small set of labelled texts."""
    folder.mkdir()
    lines = [f"spam\t{SPAM[n % 3].format(n)}" for n in range(size)] + [
        f"ham\t{HAM[n % 3].format(n)}" for n in range(size)
    ]
    (folder / "SMSSpamCollection").write_text("\n".join(lines) + "\n")
    return folder


def test_who_is_new_waits_with_links_mentions_and_pictures() -> None:
    new, known = LEVELS[0], LEVELS[1]
    assert reason_to_hold("One link: https://mill.example", new) is None
    assert reason_to_hold("https://a.example and www.b.example", new) == "links"
    assert reason_to_hold("[here](https://a.example) <mailto:b@c.example>", new) == "links"
    assert reason_to_hold("https://a.example and www.b.example", known) is None
    assert reason_to_hold("@a @b @c", new) is None
    assert reason_to_hold("@a @b @c @d", new) == "mentions"
    assert reason_to_hold("![](x)", new) == "pictures"
    assert reason_to_hold("write to me@there.example", new) is None


@given(st.builds(Standing, **{name: st.integers(0, 60) for name in Standing.__struct_fields__}), st.integers(0, 60))
def test_more_help_never_lowers_a_level_and_more_against_never_raises_it(standing: Standing, more: int) -> None:
    values = {name: getattr(standing, name) for name in Standing.__struct_fields__}
    level = level_of(standing)
    assert missing(standing, level) == {}
    for name in ("read_in", "days", "helped", "found_good", "accepted"):
        assert level_of(Standing(**{**values, name: values[name] + more})).number >= level.number
    assert level_of(Standing(**{**values, "against": values["against"] + more})).number <= level.number


def test_nothing_is_reached_by_reading_alone() -> None:
    assert level_of(Standing(read_in=1_000_000, days=1_000_000)).number == 0


def test_what_comes_with_the_house_knows_spam_when_it_sees_some() -> None:
    shipped = filtering.read_filter(SHIPPED)
    assert shipped.score("Check out my channel and subscribe!! http://x.example") > shipped.threshold
    for text in (
        "How long does rye bread keep?",
        "ライ麦パンはどのくらい持ちますか。",
        "Combien de temps se garde ce pain ?",
        "",
    ):
        assert shipped.score(text) < 0.1, text


@given(st.text(max_size=300))
def test_any_text_has_a_score(text: str) -> None:
    assert 0 <= filtering.read_filter(SHIPPED).score(text) <= 1


def test_what_is_kept_scores_as_the_library_does(tmp_path: Path) -> None:
    sklearn = pytest.importorskip("sklearn.feature_extraction.text")
    from sklearn.linear_model import LogisticRegression

    texts, labels = filtering.read_set(a_set(tmp_path / "set"))
    made = filtering.train(texts, labels, learned_from="a test")
    filtering.write_filter(made, tmp_path / "kept.json")
    kept = filtering.read_filter(tmp_path / "kept.json")
    assert kept == made
    rarity = sklearn.TfidfVectorizer(
        analyzer=lambda text: list(filtering.groups_of(text)), sublinear_tf=True, min_df=2, max_features=3_000
    )
    seen = rarity.fit_transform(texts)
    model = LogisticRegression(C=30.0, max_iter=2_000, class_weight="balanced").fit(seen, labels)
    for text in (*texts[:5], *texts[-5:], "Something else"):
        expected = model.predict_proba(rarity.transform([text]))[0][1]
        assert kept.score(text) == pytest.approx(expected, abs=0.01)


def test_the_command_measures_on_what_was_held_out(tmp_path: Path) -> None:
    a_set(tmp_path / "one")
    done = CliRunner().invoke(
        main, ["community", "filter", "--evaluate", str(tmp_path), "--threshold", "0.5", "--json"]
    )
    assert done.exit_code == 0, done.output
    figures = json.loads(done.output)
    assert [(each["set"], each["spam"], each["ham"]) for each in figures] == [("one", 60, 60)]
    assert figures[0]["recall"] > 0.9
    assert figures[0]["precision"] > 0.9


@pytest.mark.parametrize("content", ["neither\tof both\n", "ham\tonly this\n", "no tab\n"])
def test_what_is_no_set_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "SMSSpamCollection").write_text(content)
    with pytest.raises(FilterUnreadable):
        filtering.read_set(tmp_path)
    done = CliRunner().invoke(main, ["community", "filter", "--evaluate", str(tmp_path)])
    assert done.exit_code == 1


@pytest.mark.parametrize(
    "content", ["", "[]", '{"groups": {}}', '{"learned_from": "", "intercept": 0, "groups": {"a": 1}}']
)
def test_what_is_no_filter_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "filter.json"
    path.write_text(content)
    with pytest.raises(FilterUnreadable):
        filtering.read_filter(path)


def test_levels_ask_for_more_and_more() -> None:
    for lower, higher in itertools.pairwise(LEVELS):
        assert all(
            getattr(lower, name) <= getattr(higher, name) for name in ("read_in", "days", "helped", "found_good")
        )
        assert lower.posts_per_hour < higher.posts_per_hour
    assert trust.next_level(Standing()) is LEVELS[1]
