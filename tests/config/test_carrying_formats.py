"""Discourse's export and the square's own archive: read, carried through the same contract, and written."""

from __future__ import annotations

import datetime as dt
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.carrying.archive import Archive
from comptoir.config.carrying.contracts import CarryingError, Source
from comptoir.config.carrying.discourse import Discourse, to_markdown
from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from support import casting, forgotten, talking
from support import shop as shops
from support.casting import ALICE, BOB, NOON, Counter
from support.shop import Shop
from support.talking import post_of, voted, wrote

EXPORT = Path(__file__).parents[1] / "data" / "category-export.json"
#: What a conversation is to whoever reads it.
THREADS = """
    select t.kind, t.topic, t.product, t.title, t.language, t.replies, t.score, t.status, t.opened_at, t.last_at,
      h.text as helped, (
        select json_agg(json_build_array(p.kind, p.text, p.html, p.language, p.published_at, p.up, p.down, p.rating,
          p.elsewhere, p.license, coalesce(n.name, m.name, p.name), q.text) order by p.number)
        from community_post p left join community_publicname n on n.id = p.author
          left join community_importedmember m on m.id = p.author left join community_post q on q.id = p.parent
        where p.thread = t.id and p.state = 'public'
      ) as posts
    from community_thread t left join community_post h on h.id = t.accepted where t.is_shown order by t.opened_at, t.id
"""


@pytest.fixture
def counter(shop: Shop) -> Iterator[Counter]:
    one = Counter(shop)
    yield one
    assert rebuild(keep=False).changed == []
    one.close()


def carried(counter: Counter, source: Source) -> list[str | None]:
    """Tell a counter everything that a source yields, in its order; return the problems."""
    said = [json.loads(entry.raw) for entry in source.events()]
    return [each.problem for each in counter.send(*said)]


def test_a_discourse_category_is_carried(shop: Shop, counter: Counter) -> None:
    source = Discourse(EXPORT, "forum.example.org", language="fr", licence="CC BY-NC-SA 4.0")
    assert set(carried(counter, source)) == {None}
    assert source.left_out == {"hidden_posts": 1, "posts_of_the_forum_itself": 1, "private_topics": 1}
    threads = shop.rows(THREADS)
    assert [(each["kind"], each["topic"], each["title"], each["language"]) for each in threads] == [
        ("question", "pain-levain", "How long does rye bread keep?", "en"),
        ("story", "pain-levain", "Notre four", "fr"),
    ]
    posts = [(each[0], each[1], each[10], each[11]) for each in threads[0]["posts"]]
    first, second = "Mine is *hard* after two days.\n\nloaf", "> wren: Mine is hard\n\nFive days in a cloth."
    assert posts == [
        ("question", first, "wren", None), ("answer", second, "Aoi", None), ("reply", "Which cloth?", "wren", second),
    ]  # fmt: skip
    assert [each[10] for each in threads[1]["posts"]] == ["Aoi", None]
    assert "anary" not in forgotten.dump(shop)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"topics": 1}', '{"topics": [{"id": 1}]}', "\ud800".encode("utf-8", "surrogatepass")]
)
def test_what_is_no_export_is_refused(tmp_path: Path, text: str | bytes) -> None:
    file = tmp_path / "export.json"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(CarryingError, match="no export"):
        Discourse(file, "forum.example.org")


def test_quotations_without_end_stay_as_they_are() -> None:
    assert to_markdown("[quote]" * 2_000) == "[quote]" * 2_000


def lively(counter: Counter) -> dict[str, str]:
    """Let two members and the shop say something of every kind; return what must not come along."""
    names = {}
    for name, who in (("Wren", ALICE), ("Finch", BOB)):
        chosen = casting.persona(name, of=who)
        counter.tell(chosen)
        names[name] = str(chosen["data"]["persona"])
    wren, finch = names.values()
    later = iter(NOON - dt.timedelta(minutes=minute) for minute in range(59, 0, -1))
    counter.tell(talking.opened("bread", ja="パン", kind="product", reference="0412"))
    asked = wrote(wren, topic="bread", at=next(later))
    thread = post_of(asked)
    answer = wrote(finch, "**Five** days.", kind="answer", thread=thread, elsewhere="The mill in Arles", at=next(later))
    reply = wrote(wren, "布で？", kind="reply", thread=thread, parent=post_of(answer), language="ja", at=next(later))
    held = wrote(finch, "A canary, held", kind="reply", thread=thread, held="new_member", at=next(later))
    under = wrote(wren, "Under what waits", kind="reply", thread=thread, parent=post_of(held), at=next(later))
    review = wrote(finch, "Good crust", kind="review", product="0412", rating=4, at=next(later))
    idea = wrote(wren, "Half loaves", kind="idea", at=next(later))
    gone = wrote(wren, "A canary, taken back", kind="story", at=next(later))
    staff = talking.staff_wrote("In the morning.", thread=thread, at=next(later))
    said: list[casting.Event] = [
        asked,
        answer,
        reply,
        held,
        under,
        review,
        idea,
        gone,
        staff,
        voted(wren, post_of(answer)),
    ]
    said.append(talking.said("answer.accepted", {"persona": wren, "thread": thread, "answer": post_of(answer)}))
    step = {**talking.STAFF, "idea": post_of(idea), "status": "doing", "reason": "From May on."}
    said.append(talking.said("idea.moved", step, source=talking.CONSOLE, at=next(later)))
    said.append(talking.said("post.withdrawn", {"persona": wren, "post": post_of(gone)}))
    assert {each.problem for each in counter.send(*said)} == {None}
    assert carried(counter, Discourse(EXPORT, "forum.example.org"))
    return names


def exported(folder: Path) -> Any:
    done = CliRunner().invoke(main, ["community", "export", str(folder), "--place", "shop.example", "--json"])
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def test_an_archive_gives_the_same_conversations_and_no_way_to_a_persona(
    shop: Shop, counter: Counter, tmp_path: Path
) -> None:
    personas = lively(counter)
    folder = tmp_path / "square"
    result = exported(folder)
    assert result == {
        "place": "shop.example",
        "topics": 2,
        "members": 5,
        "posts": 12,
        "steps": 1,
        "threads": 5,
        "pictures": 0,
    }
    written = "".join(path.read_text() for path in sorted(folder.iterdir()))
    customers = {casting.identify(who) for who in (ALICE, BOB)}
    assert set(re.findall(r"T\d\d:\d\d:(\d\d[.\d]*)", written)) == {"00"}, "no time is finer than a minute"
    assert not any(each in written for each in {*personas.values(), *customers, "camille", "canary"})
    described = [json.loads(line) for line in (folder / "threads.jsonl").read_text().splitlines()]
    kinds = [each["@type"] for each in described]
    assert sorted(kinds) == ["DiscussionForumPosting", "DiscussionForumPosting", "QAPage", "QAPage", "Review"]
    asked = described[kinds.index("QAPage")]["mainEntity"]
    assert (asked["acceptedAnswer"]["text"], asked["answerCount"]) == ("Five days.", 2)
    before = shop.rows(THREADS)
    with shops.copied_from(shops.TEMPLATE) as other:
        second = Counter(other)
        assert set(carried(second, Archive(folder))) == {None}
        after = other.rows(THREADS)
        assert [set(carried(second, Archive(folder)))] == [{None}], "the same again changes nothing"
        assert other.rows(THREADS) == after
        assert other.value("select ja from community_topic where slug = 'bread'") == "パン"
        assert rebuild(keep=False).changed == []
        second.close()
    for thread in before:
        for post in thread["posts"]:
            post[11] = None if post[11] == "A canary, held" else post[11]
    assert after == before


def test_an_archive_gets_a_folder_of_its_own(shop: Shop, tmp_path: Path) -> None:
    (tmp_path / "there").touch()
    done = CliRunner().invoke(main, ["community", "export", str(tmp_path)])
    assert done.exit_code == 1
    assert "not empty" in done.output


@pytest.mark.parametrize("line", ["{", "[]", '{"post": 1}', "x" * (1 << 20) + "x"], ids=["cut", "list", "type", "long"])
def test_a_line_that_cannot_be_read_is_named(shop: Shop, counter: Counter, tmp_path: Path, line: str) -> None:
    exported(tmp_path / "a")
    with (tmp_path / "a" / "posts.jsonl").open("a") as file:
        file.write(line + "\n")
    with pytest.raises(CarryingError, match=r"posts\.jsonl, line 1"):
        list(Archive(tmp_path / "a").events())
