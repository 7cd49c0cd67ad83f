"""``comptoir community filter``: how good the filter for spam is, and making one of the shop's own decisions."""

from __future__ import annotations

import json
from pathlib import Path

import click
import msgspec

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import OFFICE
from comptoir.square.stewardship import filtering

_FOLDER = click.Path(exists=True, file_okay=False, path_type=Path)


@click.command("filter", epilog="Example: comptoir community filter --evaluate data/sms_spam --json")
@click.option(
    "--evaluate", "evaluated", type=_FOLDER, multiple=True, help="A public set to measure on, held-out parts of it."
)
@click.option("--train", "is_training", is_flag=True, help="Make the shop's own filter of what people have decided.")
@click.option("--start", "started", type=_FOLDER, multiple=True, help="With --train: learn from this set as well.")
@click.option("--threshold", type=click.FloatRange(0.5, 1), default=filtering.THRESHOLD, show_default=True)
@click.option("--to", "path", type=click.Path(dir_okay=False, path_type=Path), help="With --train: where to keep it.")
@click.option("--json", "as_json", is_flag=True, help="Write the figures as JSON.")
def filter_(
    *,
    evaluated: tuple[Path, ...],
    is_training: bool,
    started: tuple[Path, ...],
    threshold: float,
    path: Path | None,
    as_json: bool,
) -> None:
    """Measure the filter for spam, or make one. Needs scikit-learn: pip install comptoir[filter]."""
    if bool(evaluated) == is_training:
        raise click.UsageError("Say either --evaluate DIR or --train.")
    try:
        if evaluated:
            _evaluate(evaluated, threshold=threshold, as_json=as_json)
        else:
            _train(started, threshold=threshold, path=path, as_json=as_json)
    except Problem as problem:
        raise click.ClickException(problem.detail or problem.title()) from None
    except ModuleNotFoundError as error:
        raise click.ClickException(f"{error.name} is missing: pip install comptoir[filter]") from None


def _evaluate(folders: tuple[Path, ...], *, threshold: float, as_json: bool) -> None:
    figures = [
        filtering.evaluate(folder.name, *filtering.read_set(folder), threshold=threshold)
        for given in folders
        for folder in filtering.sets_in(given)
    ]
    if as_json:
        click.echo(json.dumps([msgspec.to_builtins(each) for each in figures]))
        return
    for each in figures:
        click.echo(
            f"{each.set}: of {each.spam} spam it would hold {each.held_spam}, of {each.ham} others {each.held_ham}"
            f" (precision {each.precision:.3f}, recall {each.recall:.3f})"
        )


def _train(started: tuple[Path, ...], *, threshold: float, path: Path | None, as_json: bool) -> None:
    from comptoir.foundation.rooms.commands import set_up_django

    with database.server():
        set_up_django()
        from comptoir.square.stewardship.installed import own_path
        from comptoir.square.stewardship.store import find_examples

        with database.connect(OFFICE.role) as connection:
            examples = find_examples(connection)
        target = path or own_path()
    texts = [text for text, _ in examples]
    labels = [is_spam for _, is_spam in examples]
    own = len(texts)
    for given in started:
        for folder in filtering.sets_in(given):
            more, kinds = filtering.read_set(folder)
            texts += more
            labels += kinds
    if min(sum(labels), len(labels) - sum(labels)) < filtering.EXAMPLES_MIN:
        raise click.ClickException(
            f"There are {sum(labels)} posts that were found to be spam and {len(labels) - sum(labels)} that were not;"
            f" {filtering.EXAMPLES_MIN} of each are needed. Nothing was changed."
        )
    learned = ", ".join([f"{own} decisions of the shop", *(folder.name for folder in started)])
    made = filtering.train(texts, labels, learned_from=learned, threshold=threshold)
    filtering.write_filter(made, target)
    told = {"decisions": own, "texts": len(texts), "groups": len(made.groups), "to": str(target)}
    click.echo(json.dumps(told) if as_json else f"Learned from {learned}; kept in {target}.")
