"""The filter: how much a text looks like what people have found to be spam. It holds; a person decides.

Groups of two to five characters within words, weighed by how rare they are, in a linear model (a logistic regression).
Scoring is done here, in plain Python, from weights that are kept as JSON; nothing that is read can run. Training and
evaluating need scikit-learn, which is loaded only then. Not here: which posts are held for other reasons
(``trust.py``).
"""

from __future__ import annotations

import csv
import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Final

import msgspec

from comptoir.square.stewardship.errors import FilterUnreadable

#: Groups of so many characters, and so many different ones at most.
_GROUP_MIN, _GROUP_MAX = 2, 5
_GROUPS_MAX: Final = 3_000
_TEXT_CHARACTERS_MAX: Final = 10_000
_FILE_BYTES_MAX: Final = 4 << 20
_SET_BYTES_MAX: Final = 64 << 20
#: What is found at least so likely to be spam is held. High, since whoever is held for nothing may not come back.
THRESHOLD: Final = 0.9
#: From so many decided posts of each kind on, the shop's own decisions make a filter.
EXAMPLES_MIN: Final = 50
_FOLDS: Final = 5
_SPACES: Final = re.compile(r"\s+")


class Filter(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Weights as they are kept: each group of characters with its rarity and weight; ``learned_from`` says of what."""

    learned_from: Annotated[str, msgspec.Meta(max_length=500)]
    intercept: float
    groups: Annotated[dict[str, tuple[float, float]], msgspec.Meta(max_length=50_000)]
    threshold: Annotated[float, msgspec.Meta(ge=0.5, le=1)] = THRESHOLD

    def score(self, text: str) -> float:
        """Return how likely a text is spam, from 0 to 1."""
        values = {
            group: (1 + math.log(count)) * self.groups[group][0]
            for group, count in Counter(groups_of(text)).items()
            if group in self.groups
        }
        length = math.sqrt(sum(value * value for value in values.values())) or 1.0
        sum_of = self.intercept + sum(value / length * self.groups[group][1] for group, value in values.items())
        return 1 / (1 + math.exp(-max(-60.0, min(60.0, sum_of))))


class Measured(msgspec.Struct, frozen=True):
    """How a filter did on texts that it had not seen: of ``spam`` and ``ham`` how many, and how many it would hold.

    ``precision``: how much of what it would hold is spam. ``recall``: how much of the spam it would hold.
    """

    set: str
    spam: int
    ham: int
    held_spam: int
    held_ham: int
    precision: float
    recall: float
    threshold: float


def groups_of(text: str) -> Iterator[str]:
    """Return the groups of characters in the words of a text, each word with a space before and behind it."""
    for word in _SPACES.sub(" ", text[:_TEXT_CHARACTERS_MAX].lower()).split():
        padded = f" {word} "
        for size in range(_GROUP_MIN, _GROUP_MAX + 1):
            yield padded[:size]
            for at in range(1, len(padded) - size + 1):
                yield padded[at : at + size]
            if len(padded) <= size:
                break  # a short word counts once


def train(texts: Sequence[str], labels: Sequence[bool], *, learned_from: str, threshold: float = THRESHOLD) -> Filter:
    """Learn from texts, of which each is spam or not. Needs scikit-learn, which the extra ``filter`` brings."""
    from sklearn.feature_extraction.text import TfidfVectorizer  # noqa: PLC0415 - an extra, and slow to load
    from sklearn.linear_model import LogisticRegression  # noqa: PLC0415

    rarity = TfidfVectorizer(
        analyzer=lambda text: list(groups_of(text)), sublinear_tf=True, min_df=2, max_features=_GROUPS_MAX
    )
    seen = rarity.fit_transform(texts)
    model = LogisticRegression(C=30.0, max_iter=2_000, class_weight="balanced").fit(seen, list(labels))
    weights = model.coef_[0]
    groups = {
        str(group): (round(float(rarity.idf_[at]), 3), round(float(weights[at]), 3))
        for group, at in sorted(rarity.vocabulary_.items())
    }
    return Filter(learned_from, round(float(model.intercept_[0]), 4), groups, threshold)


def evaluate(name: str, texts: Sequence[str], labels: Sequence[bool], *, threshold: float = THRESHOLD) -> Measured:
    """Measure on held-out parts: five times a filter that has learned from four fifths judges the fifth.

    What is said twice stands in one part, so that nobody is asked about what they have learned.
    """
    from sklearn.model_selection import StratifiedGroupKFold  # noqa: PLC0415 - an extra, and slow to load

    alike: dict[str, int] = {}
    same = [alike.setdefault(_SPACES.sub(" ", text.lower()).strip(), len(alike)) for text in texts]
    held: Counter[bool] = Counter()
    folds = StratifiedGroupKFold(n_splits=_FOLDS, shuffle=True, random_state=0)
    for learn, ask in folds.split(texts, labels, same):
        made = train([texts[at] for at in learn], [labels[at] for at in learn], learned_from=name, threshold=threshold)
        held.update(labels[at] for at in ask if made.score(texts[at]) >= threshold)
    spam = sum(labels)
    return Measured(
        set=name,
        spam=spam,
        ham=len(labels) - spam,
        held_spam=held[True],
        held_ham=held[False],
        precision=round(held[True] / max(1, held.total()), 4),
        recall=round(held[True] / max(1, spam), 4),
        threshold=threshold,
    )


def read_filter(path: Path) -> Filter:
    """Read weights; raises :class:`FilterUnreadable` for anything else."""
    try:
        if path.stat().st_size > _FILE_BYTES_MAX:
            raise FilterUnreadable(f"{path.name} is larger than any filter.")
        return msgspec.json.decode(path.read_bytes(), type=Filter)
    except (OSError, msgspec.DecodeError) as error:
        raise FilterUnreadable(f"{path.name}: {error}") from None


def write_filter(made: Filter, path: Path) -> None:
    """Keep weights, in place of former ones."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    fresh = path.with_name(f".{path.name}.new")
    fresh.write_bytes(msgspec.json.encode(made))
    fresh.replace(path)


# -- public sets --------------------------------------------------------------------------------------------------


def read_set(folder: Path) -> tuple[list[str], list[bool]]:
    """Read a set of labelled texts from where it lies: ``SMSSpamCollection``, or tables with ``CONTENT`` and ``CLASS``.

    Raises :class:`FilterUnreadable` where there is neither.
    """
    messages = folder / "SMSSpamCollection"
    texts: list[str] = []
    labels: list[bool] = []
    if messages.is_file():
        for line in _lines(messages):
            kind, tab, text = line.rstrip("\n").partition("\t")
            if not tab or kind not in {"ham", "spam"}:
                raise FilterUnreadable("SMSSpamCollection has a line that is neither ham nor spam.")
            texts.append(text)
            labels.append(kind == "spam")
    for path in sorted(folder.glob("*.csv")):
        for row in csv.DictReader(_lines(path)):
            if row.get("CLASS") not in {"0", "1"} or row.get("CONTENT") is None:
                raise FilterUnreadable(f"{path.name} has no columns CONTENT and CLASS.")
            texts.append(row["CONTENT"])
            labels.append(row["CLASS"] == "1")
    if len(set(labels)) < 2:
        raise FilterUnreadable(f"There is no set of labelled texts in {folder.name}.")
    return texts, labels


def sets_in(folder: Path) -> list[Path]:
    """Return the folders of the sets in a folder: itself, or those below it."""
    below = sorted(each for each in folder.iterdir() if each.is_dir() and _is_set(each))
    return [folder] if _is_set(folder) or not below else below


def _is_set(folder: Path) -> bool:
    return (folder / "SMSSpamCollection").is_file() or any(folder.glob("*.csv"))


def _lines(path: Path) -> Iterator[str]:
    if path.stat().st_size > _SET_BYTES_MAX:
        raise FilterUnreadable(f"{path.name} is too large.")
    with path.open(encoding="utf-8", errors="replace", newline="") as file:
        yield from file
