"""A community is carried here from another place: what is taken, what stays there, and that it can be read back."""

from __future__ import annotations

import datetime as dt
import json
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from comptoir.config.carrying.languages import language_of
from comptoir.config.carrying.markdown import NotReadable, from_html
from comptoir.config.command import main
from comptoir.config.rebuilding import rebuild
from support import drawn, talking
from support.gateway import Gateway
from support.pages import accepted
from support.shop import Shop

DUMP = Path(__file__).parents[1] / "data" / "meta.example.org"
#: The whole dump of a small site, where it is at hand.
WHOLE = Path(__file__).parents[3] / "shared" / "data" / "stackexchange_french_meta"


@pytest.fixture
def carry(gateway: Gateway) -> Iterator[Any]:
    """Run a format's command against the shop's gateway, and return what it prints."""

    def run(*arguments: str, status: int = 0) -> Any:
        options = ["--gateway", gateway.url, "--key", gateway.keys["carried"], "--json"]
        done = CliRunner().invoke(main, ["import", *arguments, *options])
        assert done.exit_code == status, done.output
        return json.loads(done.stdout) if status == 0 else done.output

    yield run
    assert rebuild(keep=False).changed == []


def test_a_dump_is_carried_with_its_names_votes_and_licence(shop: Shop, carry: Any, tmp_path: Path) -> None:
    report = tmp_path / "refused.csv"
    result = carry("stackexchange", str(DUMP), "--language", "fr", "--report", str(report))
    assert result["place"] == "meta.example.org"
    counted = {name: result[name] for name in ("questions", "answers", "replies", "accepted", "members", "topics")}
    assert counted == {"questions": 1, "answers": 2, "replies": 2, "accepted": 1, "members": 4, "topics": 1}
    assert result["left_out"] == {
        "posts_of_another_kind": 1, "users_who_wrote_nothing": 1, "votes_of_another_kind": 1,
        "votes_on_posts_that_are_not_there": 1,
    }  # fmt: skip
    assert result["refused"] == {"answers_nothing": 1, "empty": 1}
    assert report.read_text().splitlines()[1:] == ["posts/5,import,answers_nothing,,", "posts/6,import,empty,,"]
    assert (result["sent"]["accepted"], result["sent"]["refused"]) == (10, 0)
    posts = shop.rows(
        "select p.number, p.kind, m.name, p.up, p.down, p.language, p.license, p.url, p.text, t.topic"
        " from community_post p join community_importedmember m on m.id = p.author"
        " join community_thread t on t.id = p.thread order by p.number"
    )
    assert [tuple(row.values())[:7] for row in posts] == [
        (1, "question", "Benoît", 1, 0, "en", "CC BY-SA 3.0"),
        (2, "reply", "Aoi", 2, 0, "en", "CC BY-SA 3.0"),
        (3, "answer", "user99", 0, 1, "en", "CC BY-SA 3.0"),
        (4, "answer", "Aoi", 2, 0, "fr", "CC BY-SA 4.0"),
        (5, "reply", "Wren", 0, 0, "en", "CC BY-SA 4.0"),
    ]
    assert posts[0]["text"] == "How long does *rye* bread keep in a `box`?\n\n> Two days"
    assert "[Un pain](https://i.example.org/a.png)" in posts[3]["text"]
    assert posts[0]["url"] == "https://meta.example.org/questions/1"
    assert {row["topic"] for row in posts} == {"rye-bread"}
    assert shop.value("select p.number from community_thread t join community_post p on p.id = t.accepted") == 4
    kept = " ".join(shop.rows("select string_agg(data::text, ' ') as said from events_event")[0]["said"].split())
    assert not any(each in kept for each in ("canary", "31337"))


def test_carrying_the_same_again_changes_nothing(shop: Shop, carry: Any) -> None:
    carry("stackexchange", str(DUMP))
    with shop.unchanged("events_event", "community_post", "community_thread", "community_importedmember"):
        again = carry("stackexchange", str(DUMP))["sent"]
    assert (again["accepted"], again["duplicates"], again["refused"]) == (0, 10, 0)


def test_a_dry_run_needs_no_key_and_no_gateway(shop: Shop) -> None:
    with shop.unchanged("events_event"):
        done = CliRunner().invoke(main, ["import", "stackexchange", str(DUMP), "--dry-run", "--json"])
    assert json.loads(done.stdout)["posts"] == 5
    assert "nothing was sent" in done.stderr


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('<!DOCTYPE posts [<!ENTITY a "aaaaaaaaaa">]><posts><row Id="1" Body="&a;"/></posts>', "document type"),
        ('<posts><row Id="1" Body="' + "a" * 5_000_000 + '"/></posts>', "4 MiB"),
        ("<posts><row ", "Posts.xml"),
        ('<posts><row PostTypeId="1"/></posts>', "without an Id"),
    ],
    ids=["entities", "long", "broken", "nameless"],
)
def test_a_table_that_is_a_trap_is_refused(shop: Shop, carry: Any, tmp_path: Path, text: str, said: str) -> None:
    folder = tmp_path / "meta.example.org"
    shutil.copytree(DUMP, folder)
    (folder / "Posts.xml").write_text(text)
    with shop.unchanged("events_event"):
        assert said in carry("stackexchange", str(folder), status=1)


def test_a_folder_that_does_not_say_whose_it_is_is_asked_for_the_place(carry: Any, tmp_path: Path) -> None:
    folder = tmp_path / "dump"
    shutil.copytree(DUMP, folder)
    assert "--place" in carry("stackexchange", str(folder), status=2)
    assert "name of a host" in carry("stackexchange", str(folder), "--place", "../x", status=1)
    assert carry("stackexchange", str(folder), "--place", "a.example")["place"] == "a.example"


@pytest.mark.skipif(not WHOLE.is_dir(), reason="the dump is not at hand")
def test_a_whole_site_reads_back_as_its_dump_says(shop: Shop, carry: Any) -> None:
    result = carry("stackexchange", str(WHOLE), "--language", "fr")
    assert result["sent"]["refused"] == 0
    rows = {name: result[f"rows_{name}"] for name in ("posts", "users", "votes", "badges")}
    assert rows == {"posts": 781, "users": 1703, "votes": 4349, "badges": 4002}
    posts = [each.attrib for each in ET.parse(WHOLE / "Posts.xml").getroot()]  # noqa: S314 - a file that we brought
    said = {each["Id"]: each for each in posts if each["PostTypeId"] in "12"}
    votes = [each.attrib for each in ET.parse(WHOLE / "Votes.xml").getroot()]  # noqa: S314
    for name, kind in (("up", "2"), ("down", "3")):
        there = sum(1 for each in votes if each["VoteTypeId"] == kind and each["PostId"] in said)
        assert shop.value(f"select sum({name}) from community_post where kind <> 'reply'") == there
    accepted = {each["AcceptedAnswerId"] for each in said.values() if "AcceptedAnswerId" in each}
    here = shop.rows("select p.url from community_thread t join community_post p on p.id = t.accepted")
    assert {row["url"].rsplit("/", 1)[1] for row in here} == accepted
    scores = {row["url"].rsplit("/", 1)[1]: row["score"] for row in shop.rows(
        "select url, up - down as score from community_post where kind <> 'reply'"
    )}  # fmt: skip
    assert scores == {number: int(each["Score"]) for number, each in said.items()}
    assert shop.value("select count(*) from community_importedmember") == result["members"]


@pytest.mark.parametrize(
    ("html", "markdown"),
    [
        ("<p>a</p>\n\n<ul>\n<li>b</li>\n<li>c</li>\n</ul>", "a\n\n- b\n- c"),
        ("<pre><code>x = 1\n</code></pre>", "```\nx = 1\n```"),
        (
            '<p><a href="https://a.example">here</a> 2*3*4 snake_case</p>',
            "[here](https://a.example) 2\\*3\\*4 snake\\_case",
        ),
        ('<p><img src="data:x" alt="[a]"></p>', "a"),
        ("", ""),
    ],
)
def test_html_becomes_markdown(html: str, markdown: str) -> None:
    assert from_html(html) == markdown


def test_html_without_end_is_refused() -> None:
    with pytest.raises(NotReadable, match="too_deep"):
        from_html("<blockquote>" * 5_000)
    with pytest.raises(NotReadable, match="too_long"):
        from_html("a" * 200_001)


def test_a_language_is_guessed() -> None:
    assert language_of("どのくらい持ちますか。", default="en") == "ja"
    assert language_of("Le pain n'est pas dans la boîte", default="en") == "fr"
    assert language_of("The bread is not in the box", default="fr") == "en"
    assert language_of("42", default="fr") == "fr"


def test_pictures_are_carried_along_and_drawn_anew(shop: Shop, carry: Any, gateway: Gateway, tmp_path: Path) -> None:
    picture = drawn.kept(shop, alt="Our oven")
    now = dt.datetime.now(dt.UTC)
    told = talking.staff_wrote("Our oven.", kind="story", title="Our oven", pictures=[picture], at=now)
    accepted(gateway.post([told], touchpoint="console"))
    folder = tmp_path / "square"
    done = CliRunner().invoke(main, ["community", "export", str(folder), "--place", "old.example", "--json"])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["pictures"] == 1
    assert (folder / "pictures" / f"{picture['digest']}.webp").read_bytes()[8:12] == b"WEBP"
    # Here it is another shop's: the post has another id, the second picture is not in the archive, the third leads out.
    lines = (folder / "posts.jsonl").read_text().replace(talking.post_of(told), talking.new())
    line = json.loads(lines)
    line["pictures"] += [{**picture, "digest": "0" * 64}, {**picture, "digest": "../../../../etc/hostname"}]
    (folder / "posts.jsonl").write_text(json.dumps(line) + "\n")
    result = carry("community", str(folder))
    assert result["pictures"] == 1
    assert result["left_out"] == {"pictures": 2}
    assert result["sent"]["refused"] == 0
    carried = shop.value("select pictures from community_post where place = 'old.example'")
    assert [each["alt"] for each in carried] == ["Our oven"]
    assert shop.value("select count(*) from community_picture where digest = %s", carried[0]["digest"]) == 1
