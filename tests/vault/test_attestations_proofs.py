"""A proof from the page to the wallet and back: what is asked, what is kept, and everything that is refused.

Alice has a wallet. Mallory watches, records, and sends again.
"""

from __future__ import annotations

import datetime as dt
import json
import re
import threading
import uuid
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.test import Client

from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.addresses import origin_of
from comptoir.foundation.rooms.commands import set_up_django
from comptoir.foundation.rooms.declaration import VAULT
from support.attesting import EU_TYPE, VCT, Authority, new_key
from support.proofs import HOST, Browser, call, prove, trusted_by_the_shop, words
from support.shop import Shop
from support.wallet import Wallet

set_up_django()  # before the modules that hold models

# ruff: noqa: E402
from django.db import connections

from comptoir.counter.answers.codes import KEY_NAME, check_code
from comptoir.vault.attestations import commands
from comptoir.vault.attestations.errors import NobodyTrusted, ProofOver, ProofUnknown, TooManyProofs

NOW = dt.datetime.now(dt.UTC).replace(microsecond=0)


@pytest.fixture
def authority() -> Authority:
    return Authority(dt.datetime.now(dt.UTC).replace(microsecond=0))


@pytest.fixture
def trusting(shop: Shop, authority: Authority) -> Iterator[Shop]:
    """Have a shop that trusts the issuer for both formats."""
    with trusted_by_the_shop(authority):
        yield shop


@pytest.fixture
def wallet(authority: Authority) -> Wallet:
    return Wallet(authority, call, new_key())


def rows(shop: Shop) -> int:
    return int(shop.value("select count(*) from attestations_proofrequest"))


# -- what works ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("way", "kind"), [("eu_app", "mdoc"), ("wallet", "mdoc"), ("wallet", "sd_jwt_vc")], ids=lambda each: each
)
def test_an_age_is_proven_with_another_device(trusting: Shop, wallet: Wallet, way: str, kind: str) -> None:
    browser = Browser()
    page = browser.begin(way)
    assert "<svg" in browser.get(page).content.decode()
    asked = wallet.read(browser.link(page))
    assert (asked["response_type"], asked["aud"] if way == "wallet" else None) == (
        "vp_token", "https://self-issued.me/v2" if way == "wallet" else None,
    )  # fmt: skip
    (query,) = [
        each
        for each in asked["dcql_query"]["credentials"]
        if each["format"] == {"mdoc": "mso_mdoc", "sd_jwt_vc": "dc+sd-jwt"}[kind]
    ]
    path = [EU_TYPE, "age_over_18"] if kind == "mdoc" else ["age_over_18"]
    meta = {"doctype_value": EU_TYPE} if kind == "mdoc" else {"vct_values": [VCT]}
    assert (query["claims"], query["meta"]) == ([{"path": path, "values": [True]}], meta)
    answer = wallet.send(asked, wallet.answer(asked, wallet.shown(asked, kind), query=query["id"]))
    assert answer == (200, {})
    assert browser.get(page).headers["Location"] == "/prove/"
    assert "You are over 18" in words(browser.get("/prove/"))
    assert rows(trusting) == 0, "nothing of it is left"


def test_on_the_same_device_the_browser_brings_back_what_the_wallet_was_given(trusting: Shop, wallet: Wallet) -> None:
    browser, mallory = Browser(), Browser()
    page = browser.begin("eu_app", "this")
    assert "Open the wallet" in words(browser.get(page))
    asked = wallet.read(browser.link(page))
    status, said = wallet.send(asked, wallet.answer(asked, wallet.shown(asked)))
    assert status == 200
    back = urlsplit(said["redirect_uri"])
    assert back.path == page
    assert "through the wallet" in words(browser.get(page)), "the browser itself is not enough"
    assert "through the wallet" in words(browser.get(f"{page}?code=guessed"))
    stranger = mallory.get(f"{back.path}?{back.query}")
    assert (stranger.status_code, "Go on here" in words(stranger)) == (404, True)
    assert browser.get(f"{back.path}?{back.query}").headers["Location"] == "/prove/"
    assert "You are over 18" in words(browser.get("/prove/"))
    assert "You are over 18" not in words(mallory.get("/prove/"))


def test_a_wallet_that_sends_a_nonce_gets_it_back(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    link = browser.link(browser.begin("wallet"))
    first, second = wallet.read(link), wallet.read(link, wallet_nonce="mine")
    assert (first.get("wallet_nonce"), second["wallet_nonce"]) == (None, "mine")
    assert first["nonce"] == second["nonce"]


def test_somebody_unknown_gets_a_code_and_nothing_is_written(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    prove(browser, wallet)
    page = words(browser.get("/prove/"))
    assert "nobody to remember it for" in page
    with trusting.unchanged("events_event", "answers_answer", "answers_usedcode", "attestations_proofrequest"):
        answer = browser.send("/prove/code/", {})
    text = re.findall(r"\b[A-Z2-7]{40,}\b", words(answer))[0]
    end = check_code(text, key=shop_folder.secret(KEY_NAME), age=18, now=dt.datetime.now(dt.UTC))
    assert end <= dt.datetime.now(dt.UTC) + dt.timedelta(minutes=2)


# -- two proofs with one wallet have nothing in common --------------------------------------------------------------


def test_nothing_joins_two_proofs_with_one_wallet(trusting: Shop, wallet: Wallet) -> None:
    """T28: whatever is in any table or on any page of the one, byte for byte, is looked for in the other."""
    seen: list[set[str]] = []
    for _ in range(2):
        before = {table: set(texts) for table, texts in trusting.contents().items()}
        browser = Browser()
        page = browser.begin()
        asked = wallet.read(browser.link(page))
        presentation = wallet.shown(asked)
        wallet.send(asked, wallet.answer(asked, presentation))
        browser.get(page)
        browser.send("/prove/code/", {})
        fresh = [
            text for table, texts in trusting.contents().items() for text in texts if text not in before.get(table, ())
        ]
        seen.append(_pieces(fresh) | _pieces([json.dumps(dict(browser.session().items()), default=str)]))
        assert not any(presentation[i : i + 40] in text for text in fresh for i in range(0, len(presentation) - 40, 40))
    common = {
        piece for piece in seen[0] & seen[1] if len(piece) >= 12 and not piece.startswith(("proof_of_age", "age_"))
    }
    assert {piece for piece in common if re.search(r"\d{3}|[A-Za-z0-9_-]{20,}", piece)} == set()


def _pieces(texts: list[str]) -> set[str]:
    return {piece for text in texts for piece in re.findall(r"[A-Za-z0-9+/=_.:-]+", text)}


# -- what is refused ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changed", "name", "reason"),
    [
        ({"expires": dt.timedelta(days=-1)}, "attestation_expired", "has expired"),
        ({"shown": {"age_over_18": False}}, "predicate_not_proven", "does not say"),
        ({"shown": {"age_over_18": True, "birth_date": "1990-01-02"}}, "birth_date_disclosed", "when you were born"),
        ({"shown": {"age_over_18": True, "family_name": "Liddell"}}, "discloses_too_much", "more than was asked"),
        ({"document_type": "eu.europa.ec.eudi.pid.1"}, "attestation_type_wrong", "another document"),
        ({"spoiled": True}, "attestation_tampered", "not as its issuer"),
        ({"device": new_key()}, "presentation_retargeted", "another request"),
        ({"status": {"status_list": {"uri": "https://elsewhere.example/1", "idx": 3}}}, "attestation_status_unknown",
         "cannot be said"),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)  # fmt: skip
def test_what_proves_nothing_is_refused_and_the_person_is_told_why(
    trusting: Shop, wallet: Wallet, changed: dict[str, Any], name: str, reason: str
) -> None:
    browser = Browser()
    page = browser.begin()
    asked = wallet.read(browser.link(page))
    status, said = wallet.send(asked, wallet.answer(asked, wallet.shown(asked, **changed)))
    assert (status, said) == (
        400, {"error": "invalid_request", "error_description": "the presentation was not accepted"},
    )  # fmt: skip
    assert trusting.value("select refusal from attestations_proofrequest") == name
    for table, texts in trusting.contents().items():
        for text in texts:
            assert "1990-01-02" not in text, table
            assert "Liddell" not in text, table
    assert reason in words(browser.get(page))
    assert rows(trusting) == 0
    assert "You are over" not in words(browser.get("/prove/"))


def test_a_recorded_answer_is_refused_everywhere(trusting: Shop, wallet: Wallet) -> None:
    browser, mallory = Browser(), Browser()
    page = browser.begin()
    asked = wallet.read(browser.link(page))
    recorded = wallet.shown(asked)
    form = wallet.answer(asked, recorded)
    assert wallet.send(asked, form)[0] == 200
    with trusting.unchanged():
        status, said = wallet.send(asked, form)
    assert (status, said["type"]) == (409, "urn:comptoir:problem:proof_answered")
    other = mallory.begin()
    asked_other = wallet.read(mallory.link(other))
    assert wallet.send(asked_other, wallet.answer(asked_other, recorded))[0] == 400
    assert trusting.value("select refusal from attestations_proofrequest where refusal is not null") == (
        "presentation_retargeted"
    )
    assert browser.get(page).headers["Location"] == "/prove/"


def test_what_costs_nothing_is_checked_first(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    asked = wallet.read(browser.link(browser.begin()))
    path = asked["response_uri"].removeprefix(origin_of(VAULT))
    host, form = {"host": HOST}, "application/x-www-form-urlencoded"
    with trusting.unchanged():
        unknown = Client().post("/prove/answer/guessed/", "x=1", content_type=form, headers=host)
        large = Client().post(path, "x" * ((1 << 20) + 1), content_type=form, headers=host)
        typed = Client().post(path, "{}", content_type="application/json", headers=host)
        twice = Client().post(path, "state=a&state=b", content_type=form, headers=host)
        many = Client().post(path, "&".join(f"p{n}=1" for n in range(30)), content_type=form, headers=host)
        bytes_ = Client().post(path, b"\xff\xff=1", content_type=form, headers=host)
        missing = Client().get("/prove/request/guessed/", headers=host)
        by_value = Client().get(path.replace("/answer/", "/request/"), headers=host)
    assert [each.status_code for each in (unknown, large, typed, twice, many, bytes_, missing, by_value)] == [
        404, 413, 400, 400, 400, 400, 404, 404,
    ]  # fmt: skip
    assert large.json()["type"] == "urn:comptoir:problem:response_too_large"
    assert unknown.json()["type"] == "urn:comptoir:problem:proof_unknown"


@pytest.mark.parametrize(
    "form",
    [
        {}, {"vp_token": "x"}, {"vp_token": "{}"}, {"vp_token": '{"proof_of_age_0": ["a", "b"]}'},
        {"vp_token": '{"proof_of_age_0": ["a"], "other": ["b"]}'}, {"vp_token": '{"unasked": ["a"]}'},
        {"vp_token": "[" * 5000}, {"vp_token": '{"proof_of_age_0": ["a"]}', "state": "another"},
    ],
    ids=range(8),
)  # fmt: skip
def test_a_response_without_form_is_refused(trusting: Shop, wallet: Wallet, form: dict[str, str]) -> None:
    browser = Browser()
    asked = wallet.read(browser.link(browser.begin()))
    status, _ = wallet.send(asked, {"state": asked["state"], **form})
    assert status == 400
    assert trusting.value("select refusal from attestations_proofrequest") in {
        "response_malformed", "presentation_malformed",
    }  # fmt: skip


def test_a_response_that_is_encrypted_to_somebody_else_is_refused(trusting: Shop, wallet: Wallet) -> None:
    one, other = Browser(), Browser()
    asked = wallet.read(one.link(one.begin("wallet")))
    elsewhere = wallet.read(other.link(other.begin("wallet")))
    form = {"response": wallet.sealed(elsewhere, {"vp_token": {}, "state": asked["state"]})}
    assert wallet.send(asked, form)[0] == 400
    assert trusting.value("select refusal from attestations_proofrequest where refusal is not null") == (
        "response_malformed"
    )


def test_a_wallet_may_decline(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    page = browser.begin()
    asked = wallet.read(browser.link(page))
    assert wallet.send(asked, {"error": "access_denied", "state": asked["state"]}) == (200, {})
    assert "Nothing was shown" in words(browser.get(page))


def test_a_request_ends_after_five_minutes(trusting: Shop) -> None:
    begun = commands.begin(visit="v", age=18, way="wallet", is_same_device=False, now=NOW)
    handle = re.findall(r"request%2F([\w-]+)%2F", begun.link)[0]
    late = NOW + dt.timedelta(minutes=5)
    assert commands.request_object(handle=handle, wallet_nonce=None, now=late - dt.timedelta(seconds=1))
    with trusting.unchanged():
        with pytest.raises(ProofOver):
            commands.request_object(handle=handle, wallet_nonce=None, now=late)
        with pytest.raises(ProofOver):
            commands.receive(handle=handle, form={}, status=never, now=late)
        with pytest.raises(ProofUnknown):
            commands.look(identifier=begun.id, visit="v", now=late)
        with pytest.raises(ProofUnknown):
            commands.look(identifier=begun.id, visit="another browser", now=NOW)
    commands.begin(visit="w", age=18, way="wallet", is_same_device=False, now=late)
    assert rows(trusting) == 1, "what is over is swept away"


def never(status: object, **_more: Any) -> None:
    raise AssertionError("nobody should come this far")


def test_a_browser_has_five_open_requests(trusting: Shop) -> None:
    for _ in range(5):
        commands.begin(visit="v", age=18, way="eu_app", is_same_device=False, now=NOW)
    with trusting.unchanged(), pytest.raises(TooManyProofs):
        commands.begin(visit="v", age=18, way="eu_app", is_same_device=False, now=NOW)
    commands.begin(visit="another", age=18, way="eu_app", is_same_device=False, now=NOW)


def test_two_are_verified_at_once_and_a_third_is_told_to_wait(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    page = browser.begin()
    asked = wallet.read(browser.link(page))
    form = wallet.answer(asked, wallet.shown(asked))
    with trusting.connect("comptoir_vault") as one, trusting.connect("comptoir_vault") as two:
        for slot, connection in enumerate((one, two)):
            connection.execute("select pg_advisory_lock(%s, %s)", (commands._SLOTS, slot))
        with trusting.unchanged():
            status, said = wallet.send(asked, form)
        assert (status, said["type"]) == (503, "urn:comptoir:problem:verifier_busy")
    assert wallet.send(asked, form) == (200, {})


def test_of_two_answers_at_once_one_is_looked_at(trusting: Shop, wallet: Wallet) -> None:
    browser = Browser()
    asked = wallet.read(browser.link(browser.begin()))
    form = wallet.answer(asked, wallet.shown(asked))
    answers: list[int] = []

    def send() -> None:
        answers.append(wallet.send(asked, form)[0])
        connections.close_all()

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count(200) == 1
    assert set(answers) <= {200, 409, 503}


# -- the shop's own affairs -----------------------------------------------------------------------------------------


def test_a_shop_that_trusts_nobody_says_so(shop: Shop) -> None:
    browser = Browser()
    assert "cannot check digital documents yet" in words(browser.get("/prove/"))
    with shop.unchanged(), pytest.raises(NobodyTrusted):
        commands.begin(visit="v", age=18, way="eu_app", is_same_device=False, now=NOW)


def test_a_file_with_a_fault_closes_the_door(trusting: Shop) -> None:
    (shop_folder.folder() / "trust" / "broken.toml").write_text("title = 1")
    answer = Browser().get("/prove/")
    assert (answer.status_code, "cannot take this at present" in words(answer)) == (422, True)


def test_the_page_asks_for_the_age_of_the_shelf(
    trusting: Shop, wallet: Wallet, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPTOIR_ADULT_SHELF", "JP: alcohol, tobacco")
    browser = Browser()
    assert "over 20" in words(browser.get("/prove/"))
    asked = wallet.read(browser.link(browser.begin()))
    assert asked["dcql_query"]["credentials"][0]["claims"][0]["path"] == [EU_TYPE, "age_over_20"]
    assert wallet.send(asked, wallet.answer(asked, wallet.shown(asked)))[0] == 400, "over 18 is not over 20"


def test_nobody_begins_from_another_site(trusting: Shop) -> None:
    with trusting.unchanged("attestations_proofrequest"):
        answer = Browser().client.post("/prove/begin/", {"way": "eu_app", "device": "other"}, headers={"host": HOST})
    assert answer.status_code == 403
    assert Browser().get(f"/prove/{uuid.uuid4()}/").status_code == 404
