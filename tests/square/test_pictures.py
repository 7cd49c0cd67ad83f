"""Pictures: drawn anew with nothing else in them, shown by posts, and gone with the last post that shows them."""

from __future__ import annotations

import datetime as dt
import io
import subprocess
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from comptoir.foundation.kernel import database
from comptoir.foundation.kernel.connection import Connection
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.rooms.declaration import COUNTER
from comptoir.square.community import jobs, pictures
from comptoir.square.community.developing import PIXELS_MAX
from support import drawn, forgotten, talking
from support.casting import ALICE, Counter
from support.drawn import encoded, kept, loaf
from support.forgotten import forget
from support.shop import Shop
from support.talking import later, post_of, wrote


def seen(content: bytes) -> Image.Image:
    return Image.open(io.BytesIO(content))


def refusal(content: bytes) -> str:
    with pytest.raises(Problem) as refused:
        pictures.develop(content, field="picture2")
    assert refused.value.field == "picture2"
    return refused.value.name


# -- what is kept of a file ---------------------------------------------------------------------------------------


def test_nothing_is_left_of_a_file_but_what_can_be_seen() -> None:
    sent = drawn.told()
    assert b"Telltale" in sent
    assert b"my kitchen" in sent
    made = pictures.develop(sent, field="picture1")
    for content in (made.large, made.small):
        for trace in (b"Telltale", b"my kitchen", b"<script", b"EXIF", b"Exif", b"ICCP", b"XMP"):
            assert trace not in content
        assert not seen(content).getexif()
    # It stands upright: what lay on its side is taller than wide, and what was below is left.
    assert (made.width, made.height) == seen(made.large).size == (1_200, 1_600)
    assert seen(made.small).size == (480, 640)
    left = seen(made.large).convert("RGB").getpixel((100, 800))
    assert isinstance(left, tuple)
    assert left[2] > left[0]


def test_colours_of_another_profile_are_brought_to_the_common_one() -> None:
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("XYZ")).tobytes()
    plain = pictures.develop(encoded(loaf(), "PNG"), field="picture1")
    other = pictures.develop(encoded(loaf(), "PNG", icc_profile=profile), field="picture1")
    assert b"ICCP" not in other.large
    assert plain.digest == pictures.develop(encoded(loaf(), "PNG"), field="picture1").digest


def test_what_is_transparent_stays_so_and_every_kind_of_picture_is_read() -> None:
    for mode in ("1", "L", "LA", "P", "RGB", "RGBA", "I;16"):
        made = pictures.develop(encoded(Image.new(mode, (60, 40)), "PNG"), field="picture1")
        assert (made.width, made.height) == (60, 40)
    for kind in ("JPEG", "WEBP", "MPO"):
        assert pictures.develop(encoded(loaf(60, 40), kind), field="picture1").width == 60
    clear = pictures.develop(encoded(Image.new("RGBA", (60, 40), (1, 2, 3, 0)), "PNG"), field="picture1")
    assert seen(clear.large).convert("RGBA").getpixel((5, 5))[3] == 0  # type: ignore[index]


def test_bad_files_are_refused_by_name() -> None:
    assert refusal(drawn.bomb()) == "picture_too_large"
    assert refusal(encoded(loaf())[: pictures.BYTES_MAX] + b"\0" * pictures.BYTES_MAX) == "picture_too_large"
    assert refusal(drawn.moving()) == "picture_moving"
    assert refusal(encoded(loaf())[:-3_000]) == "picture_unreadable"
    assert refusal(b"\xff\xd8\xff" + b"<html>" * 50) == "picture_unreadable"
    for foreign in (
        b"<svg onload=alert(1)>",
        b"GIF89a....",
        b"\0\0\0\x18ftypheic....",
        b"%PDF-1.7",
        b"<!doctype html>",
    ):
        assert refusal(foreign) == "picture_format_foreign"


def test_a_heic_picture_is_refused_with_advice() -> None:
    with pytest.raises(Problem) as refused:
        pictures.develop(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", field="picture1")
    assert refused.value.detail is not None
    assert "Most Compatible" in refused.value.detail


@pytest.mark.parametrize("what", ["os.abort()", "bytearray(3 << 30)", "open('WRITTEN', 'w').write('x' * 10)"])
def test_a_file_that_breaks_its_decoder_breaks_nothing_else(
    what: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    # A decoder that aborts, wants all memory, or would write a file, in the very process that reads pictures.
    broken = (
        "import os, runpy; from PIL import Image\n"
        f"Image.open = lambda *a, **k: {what.replace('WRITTEN', str(tmp_path / 'written'))}\n"
        "runpy.run_module('comptoir.square.community.developing', run_name='__main__')"
    )
    run = subprocess.run

    def run_broken(command: list[str], **more: Any) -> Any:
        assert command[-2:] == ["-m", "comptoir.square.community.developing"]
        return run([*command[:-2], "-c", broken], **more)

    monkeypatch.setattr(subprocess, "run", run_broken)
    assert refusal(encoded(loaf(60, 40))) in {"picture_unreadable", "picture_too_large"}
    written = tmp_path / "written"
    assert not written.exists() or written.stat().st_size == 0


@given(st.integers(1, 30_000), st.integers(1, 30_000))
def test_sizes_fit_and_keep_the_shape(width: int, height: int) -> None:
    for fit, bounds in ((pictures.large_size, (1_280, 1_920)), (pictures.small_size, (480, 720))):
        wide, high = fit(width, height)
        assert 1 <= wide <= min(width, bounds[0])
        assert 1 <= high <= min(height, bounds[1])
        assert abs(wide * height - high * width) <= max(width, height)
        assert (wide, high) == (width, height) or wide == bounds[0] or high == bounds[1]
    assert PIXELS_MAX == 40_000_000


@settings(max_examples=15, deadline=None)
@given(
    st.binary(min_size=1, max_size=300), st.sampled_from([b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n", b"RIFF0000WEBP", b""])
)
def test_whatever_is_sent_is_refused_by_name(content: bytes, head: bytes) -> None:
    assert refusal(head + content).startswith("picture_")


# -- what posts show ----------------------------------------------------------------------------------------------


def test_a_post_shows_pictures_that_are_kept(shop: Shop, counter: Counter, wren: str) -> None:
    picture = kept(shop)
    asked = wrote(wren, pictures=[picture])
    assert counter.tell(asked).problem is None
    assert shop.value("select pictures from community_post") == [picture]
    for wrong in ({"digest": "0" * 64}, {"width": picture["width"] - 1}):
        with shop.unchanged("community_post", "community_thread", "community_picture"):
            outcome = counter.tell(wrote(wren, pictures=[picture, {**picture, **wrong}]))
        assert outcome.problem == "picture_unknown"
    assert counter.tell(wrote(wren, pictures=[{**picture, "alt": "\u202eabc"}])).problem == "text_unfit"
    for unfit in ([picture] * 5, [{**picture, "alt": ""}], [{**picture, "digest": "../../x"}]):
        with pytest.raises(AssertionError, match="field_invalid"):
            counter.tell(wrote(wren, pictures=unfit))


def test_a_picture_goes_with_the_last_post_that_shows_it(shop: Shop, counter: Counter, wren: str, finch: str) -> None:
    first, second = kept(shop), kept(shop, loaf(900, 300))
    asked = wrote(wren, pictures=[first, second])
    also = wrote(finch, "The same loaf.", pictures=[first])
    for event in (asked, also):
        assert counter.tell(event).problem is None
    edited = {"persona": wren, "post": post_of(asked), "version": 1, "text": "Without.", "title": "Without"}
    assert counter.tell(talking.said("post.edited", {**edited, "pictures": [first]}, at=later(1))).problem is None
    assert shop.value("select array_agg(digest) from community_picture") == [first["digest"]]
    again = {**edited, "version": 2, "text": "Other words."}
    assert counter.tell(talking.said("post.edited", again, at=later(2))).problem is None
    assert shop.value("select pictures from community_post where id = %s", post_of(asked)) == [first]
    withdrawn = {"persona": wren, "post": post_of(asked)}
    assert counter.tell(talking.said("post.withdrawn", withdrawn, at=later(3))).problem is None
    assert shop.value("select count(*) from community_picture") == 1
    withdrawn = {"persona": finch, "post": post_of(also)}
    assert counter.tell(talking.said("post.withdrawn", withdrawn, at=later(4))).problem is None
    assert shop.value("select count(*) from community_picture") == 0


def test_pictures_go_with_whoever_is_forgotten(shop: Shop, counter: Counter, wren: str) -> None:
    picture = kept(shop, alt="My own kitchen")
    assert counter.tell(wrote(wren, pictures=[picture])).problem is None
    assert counter.tell(forget(ALICE)).problem is None
    assert shop.value("select count(*) from community_picture") == 0
    assert shop.value("select pictures from community_post") is None
    assert forgotten.found_in(forgotten.dump(shop), [picture["digest"], "My own kitchen"]) == []


def test_what_was_left_behind_in_a_form_goes_after_a_day(shop: Shop, counter: Counter, wren: str) -> None:
    shown, left = kept(shop), kept(shop, loaf(900, 300))
    assert counter.tell(wrote(wren, pictures=[shown])).problem is None
    now = dt.datetime.now(dt.UTC)
    with Connection.connect(database.conninfo(COUNTER.role)) as connection:
        assert jobs.drop_unused_pictures(connection, now=now + dt.timedelta(hours=23)) == 0
        assert jobs.drop_unused_pictures(connection, now=now + dt.timedelta(hours=25)) == 1
    assert shop.value("select array_agg(digest) from community_picture") == [shown["digest"]]
    assert left["digest"] != shown["digest"]
