"""Destinations as a shop declares them, signatures, and how long to wait: what needs no database."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from comptoir.config.relaying import shop_destinations
from comptoir.foundation.events.destinations import Destination, load_destinations, read_destinations
from comptoir.foundation.events.errors import RelayInvalid
from comptoir.foundation.events.relay import Backoff
from comptoir.foundation.events.webhooks import signature
from support.gateway import EXAMPLES
from support.relay import SECRET
from support.shop import environment

GOOD = {"kind": '"webhook"', "url": '"https://crm.example/hook"', "secret": '"crm.secret"'}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "crm.secret").write_text(f"whsec_{SECRET}\n\n{SECRET}\n")
    (tmp_path / "short.secret").write_text("whsec_" + base64.b64encode(b"short").decode())
    (tmp_path / "odd.secret").write_text("my secret")
    return tmp_path


def toml(name: str = "crm", **changes: str | None) -> str:
    fields = {**GOOD, **changes}
    lines = [f"{key} = {value}" for key, value in fields.items() if value is not None]
    return "\n".join([f"[destination.{name}]", *lines])


def test_the_known_vector_of_standard_webhooks_is_signed_as_it_should() -> None:
    signed = signature(
        [base64.b64decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        message_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )
    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_a_secret_that_is_being_replaced_signs_beside_the_new_one() -> None:
    known = {"message_id": "msg_1", "timestamp": 1, "body": b"[]"}
    old, new = (signature([secret], **known) for secret in (b"a" * 24, b"b" * 24))  # type: ignore[arg-type]
    assert signature([b"b" * 24, b"a" * 24], **known) == f"{new} {old}"  # type: ignore[arg-type]


def test_waits_double_and_are_spread_and_end_at_their_maximum() -> None:
    backoff = Backoff(first_seconds=1, seconds_max=300)
    assert [backoff.seconds(failures, chance=1) for failures in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]
    assert backoff.seconds(3, chance=0) == 2


def test_a_beginning_with_a_star_is_a_beginning_of_words() -> None:
    wanting = Destination("a", "webhook", "https://a.example/", types=("points.*", "sale.closed"))
    wanted = [name for name in ("points.redeem", "pointsofsale", "sale.closed", "sale.returned") if wanting.wants(name)]
    assert wanted == ["points.redeem", "sale.closed"]


def test_a_declaration_is_read_with_all_its_secrets(folder: Path) -> None:
    (read,) = read_destinations(toml(types='["sale.closed", "points.*"]', touchpoint='"newsletter"'), folder=folder)
    assert read == Destination(
        "crm", "webhook", "https://crm.example/hook", (base64.b64decode(SECRET),) * 2, ("sale.closed", "points.*"),
        "newsletter",
    )  # fmt: skip
    assert load_destinations(folder / "there-is-none.toml") == []


@pytest.mark.parametrize(
    ("text", "at"),
    [
        (toml(kind='"carrier pigeon"'), "destination.crm.kind"),
        (toml(kind=None), "destination.crm.kind"),
        (toml(colour='"red"'), "destination.crm.colour"),
        (toml(url='"http://crm.example/hook"'), "destination.crm.url"),
        (toml(url='"https://me:word@crm.example/"'), "destination.crm.url"),
        (toml(url='"crm.example"'), "destination.crm.url"),
        (toml(url='"https://crm.example:high/"'), "destination.crm.url"),
        (toml(secret=None), "destination.crm.secret"),
        (toml(secret='"missing.secret"'), "destination.crm.secret"),  # noqa: S106 - names of files
        (toml(secret='"short.secret"'), "destination.crm.secret"),  # noqa: S106 - as above
        (toml(secret='"odd.secret"'), "destination.crm.secret"),  # noqa: S106 - as above
        (toml(types='["Sale closed"]'), "destination.crm.types[0]"),
        (toml(types='"sale.closed"'), "destination.crm.types"),
        (toml(stream='"S"'), "destination.crm.stream"),
        (toml("Crm"), "destination.Crm"),
        (toml("nats", kind='"nats"', secret=None), "destination.nats.url"),
        (toml("nats", kind='"nats"', secret=None, url='"nats://b"', subject='"a b"'), "destination.nats.subject"),
        ("[relay]\n", "relay"),
        ("destination = 1\n", "destination"),
        ("[destination", None),
    ],
)
def test_a_wrong_declaration_names_its_field(folder: Path, text: str, at: str | None) -> None:
    with pytest.raises(RelayInvalid) as caught:
        read_destinations(text, folder=folder)
    assert caught.value.field == at
    assert caught.value.detail


@pytest.mark.parametrize(
    ("touchpoint", "is_right"), [("newsletter", True), ("nobody", False)], ids=["in the map", "in no map"]
)
def test_a_touchpoint_gets_only_what_it_needs_in_the_map(folder: Path, touchpoint: str, is_right: bool) -> None:
    path = folder / "relay.toml"
    path.write_text(toml(touchpoint=f'"{touchpoint}"'))
    with environment(COMPTOIR_MAP=str(EXAMPLES / "touchpoints.toml")):
        if is_right:
            assert [each.touchpoint for each in shop_destinations(path)] == ["newsletter"]
        else:
            with pytest.raises(RelayInvalid, match="has no touchpoint") as caught:
                shop_destinations(path)
            assert caught.value.field == "destination.crm.touchpoint"
