"""The map can be looked at: as SVG, in the terminal, through the command."""

from __future__ import annotations

import datetime as dt
import io
import json
import re
import time
import uuid
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from comptoir.config import registry
from comptoir.config.command import main
from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.foundation.touchpoints import store
from comptoir.foundation.touchpoints.contracts import TouchpointMap
from comptoir.foundation.touchpoints.freshness import Recorder, Stage
from comptoir.foundation.touchpoints.picture import delay, duration, render_svg
from comptoir.foundation.touchpoints.queries import ArmFigures, MapFigures, RefusalFigures, StageFigures
from comptoir.foundation.touchpoints.reading import load_map
from comptoir.foundation.touchpoints.store import BreachRow
from comptoir.foundation.touchpoints.terminal import render_terminal
from support.shop import Shop

NOW = dt.datetime(2026, 5, 1, 12, tzinfo=dt.UTC)
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(scope="module")
def demo() -> TouchpointMap:
    return registry.shop_map(registry.example_map_path())


@pytest.fixture(scope="module")
def measured() -> MapFigures:
    stage = StageFigures(events=5000, p50_seconds=0.02, p99_seconds=0.085, promised_seconds=1, within=0.999)
    late = BreachRow(uuid.uuid4(), "webshop", "sale.closed", "late_ours", NOW, 3.0, 1.0, None, "")
    arms = (
        ArmFigures("till", "sale.closed", 482.4, NOW, ours=stage),
        ArmFigures("webshop", "sale.closed", 12.0, NOW, ours=stage, breaches=(late,)),
        ArmFigures("app", "points.balance", 40.0, NOW, visible=stage),
    )
    refusals = (RefusalFigures("till", "undeclared_field", 3, NOW),)
    return MapFigures(NOW, NOW, {(arm.touchpoint, arm.data): arm for arm in arms}, refusals, (late,))


@pytest.mark.parametrize("is_narrow", [False, True])
@pytest.mark.parametrize("language", ["en", "ja", "fr", "fr-CA", "xx"])
@pytest.mark.parametrize("is_live", [False, True])
def test_the_drawing_is_well_formed_strict_and_says_everything_in_words(
    demo: TouchpointMap, measured: MapFigures, language: str, is_narrow: bool, is_live: bool
) -> None:
    text = render_svg(demo, measured if is_live else None, language, is_narrow=is_narrow)
    assert not re.search(r"<style|style=|<script|\son\w+=|href(?!=\"#map-)", text)
    root = ET.fromstring(text)  # noqa: S314 - our own text
    title, description = root.find(f"{SVG}title"), root.find(f"{SVG}desc")
    assert title is not None
    assert description is not None
    assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
    assert title.text == "The demo shop"
    for touchpoint in demo.touchpoints:
        for name in [send.type for send in touchpoint.sends] + [need.data for need in touchpoint.needs]:
            assert name in (description.text or "")
    width, height = float(root.get("width", "")), float(root.get("height", ""))
    assert width == (390 if is_narrow else 1180)
    for shape in root.iter(f"{SVG}rect"):
        place = {name: float(shape.get(name, "0")) for name in ("x", "y", "width", "height")}
        assert 0 <= place["x"] <= place["x"] + place["width"] <= width
        assert 0 <= place["y"] <= place["y"] + place["height"] <= height


def test_live_figures_stand_in_the_drawing(demo: TouchpointMap, measured: MapFigures) -> None:
    text = render_svg(demo, measured)
    assert "482/min · 99 % within 85 ms" in text
    assert text.count("▲ late") == 1
    assert "494/min" in text
    assert "nothing lately" in text
    assert "nothing lately" not in render_svg(demo)


@settings(max_examples=30)
@given(st.text(st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1, max_size=200))
def test_whatever_a_shop_calls_its_things_is_text_and_fits(name: str) -> None:
    told = json.dumps(name, ensure_ascii=False)
    text = (
        f"title = {told}\n[touchpoint.a]\ntitle = {told}\nchannel = 'web'\nsystem = {told}\nsource = '/a'\n"
        "[touchpoint.a.sends.'points.void']\npurpose = 'points'\ntiming = 'live'\nfields.reservation = 'points'\n"
        f"[[touchpoint.a.needs]]\ndata = 'points.balance'\ntiming = 'live'\nmeanwhile = {told}\n"
    )
    declared = load_map(text, types=EVENT_TYPES, products=PRODUCTS)
    root = ET.fromstring(render_svg(declared, is_narrow=True))  # noqa: S314 - our own text
    title = root.find(f"{SVG}title")
    assert title is not None
    assert title.text == name
    Console(width=80, file=io.StringIO()).print(render_terminal(declared, columns=80))


@pytest.mark.parametrize(("seconds", "text"), [(259_200, "72 h"), (300, "5 min"), (90, "90 s"), (864_000, "10 days")])
def test_durations(seconds: float, text: str) -> None:
    assert duration(seconds) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "1 ms"), (0.085, "85 ms"), (1.234, "1.2 s"), (59, "59 s"), (204, "3.4 min"), (93_600, "26 h"), (1e6, "12 d")],
)
def test_delays(seconds: float, text: str) -> None:
    assert delay(seconds) == text


@pytest.mark.parametrize("columns", [60, 140])
def test_the_terminal_shows_the_same(demo: TouchpointMap, measured: MapFigures, columns: int) -> None:
    console = Console(width=columns, record=True, file=io.StringIO())
    console.print(render_terminal(demo, measured, columns=columns))
    text = console.export_text()
    for word in ("Tills", "sale.closed", "points.balance", "COUNTER", "late ours since 12:00", "3 refused", "live"):
        assert word in text
    assert max(map(len, text.splitlines())) <= columns


def test_check_says_that_all_is_well() -> None:
    result = CliRunner().invoke(main, ["map", "check", str(registry.example_map_path())])
    assert result.exit_code == 0
    assert "no contradictions. 10 touchpoints" in result.output


def test_check_names_file_line_field_and_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "touchpoints.toml"
    text = registry.example_map_path().read_text().replace('fields.store = "place"', 'fields.birth_date = "place"')
    path.write_text(text)
    result = CliRunner().invoke(main, ["map", "check", str(path)])
    assert result.exit_code == 1
    line = text.splitlines().index('fields.birth_date = "place"') + 1
    assert f"{path}:{line}: touchpoint.till" in result.stderr
    assert "data_instead_of_answer" in result.stderr
    assert "over_18" in result.stderr

    assert result.stderr.rstrip().endswith("30 faults; docs/touchpoints.md explains each name.")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["map", "check", str(tmp_path / "gone.toml")])
    assert result.exit_code == 1
    assert "cannot be read" in result.stderr
    assert "Traceback" not in result.output


def test_show_draws_into_a_file(tmp_path: Path) -> None:
    path = tmp_path / "map.svg"
    arguments = ["map", "show", str(registry.example_map_path()), "--svg", str(path), "--language", "fr", "--narrow"]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 0, result.output
    assert "sale.closed" in result.output
    assert "Envoient" in path.read_text()


def test_asyncapi_prints_json() -> None:
    result = CliRunner().invoke(
        main, ["map", "asyncapi", str(registry.example_map_path()), "--host", "counter.example"]
    )
    assert result.exit_code == 0
    document = json.loads(result.output)
    assert (document["asyncapi"], document["servers"]["gateway"]["host"]) == ("3.0.0", "counter.example")


def test_show_has_live_figures_while_the_shop_is_open(shop: Shop) -> None:
    recorder = Recorder()
    recorder.record("till", "sale.closed", Stage.OURS, delay_seconds=0.08, at=time.time(), count=160)
    with shop.connect() as connection:
        store.flush(connection, recorder.take())
    result = CliRunner().invoke(main, ["map", "show", str(registry.example_map_path())])
    assert result.exit_code == 0, result.output
    assert re.search(r"10\.\d/min, 99 % within 80 ms", result.output)
