"""The gateway describes itself as OpenAPI 3.1, and does what it says: judged by schemathesis."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest
from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

from comptoir.counter.assembly import EVENT_TYPES, PRODUCTS
from comptoir.doors.gateway import limits, openapi
from comptoir.doors.gateway.reading import Envelope
from comptoir.foundation.kernel.problem import Problem
from comptoir.foundation.touchpoints.reading import load_map
from support import casting
from support.door import Standing
from support.gateway import EXAMPLES, written

#: Problems of these packages that no request meets: they are about what the shop has written down.
ELSEWHERE = {
    "uploads_enough",
    "template_invalid",
    "template_failed",
    "template_unknown",
    "decision_invalid",
    "lake_empty",
    "lake_place_taken",
    "engine_missing",
    "house_without_key",
    "gateway_away",
    "house_not_in_map",
    "audit_entry_invalid",
    "thresholds_invalid",
    "cooling_invalid",
    "programme_invalid",
    "programme_too_late",
    "terms_policy_invalid",
    "relay_invalid",
    "touchpoint_not_in_map",
    "taxes_invalid",
    "delivery_invalid",
    "not_delivered_there",
    "basket_moved",
}
PACKAGES = re.compile(
    r"comptoir\.(doors\.gateway|counter\.\w+|foundation\.(events|rooms|touchpoints)|square\.(catalog|stock))\.errors"
)


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    declared = load_map(EXAMPLES / "touchpoints.toml", types=EVENT_TYPES, products=PRODUCTS)
    found: dict[str, Any] = json.loads(openapi.document(declared))
    return found


def schema(document: dict[str, Any], name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}", "components": document["components"]}


def validator(document: dict[str, Any], name: str) -> jsonschema.Draft202012Validator:
    return jsonschema.Draft202012Validator(schema(document, name))


def test_it_is_openapi(document: dict[str, Any]) -> None:
    OPENAPI_31_VALIDATOR.validate(document)
    for each in document["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(each)


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    references = set(re.findall(r'"\$ref": "#/components/schemas/([^"]+)"', json.dumps(document)))
    assert references == set(document["components"]["schemas"])


def test_it_has_an_example_of_every_problem(document: dict[str, Any]) -> None:
    def below(kind: type[Problem]) -> set[type[Problem]]:
        return {kind}.union(*(below(each) for each in kind.__subclasses__()))

    known = {kind.name: kind for kind in below(Problem) - {Problem} if PACKAGES.fullmatch(kind.__module__)}
    shown: dict[str, int] = {}
    for path in document["paths"].values():
        for operation in path.values():
            for status, response in operation["responses"].items() if isinstance(operation, dict) else ():
                examples = response["content"].get("application/problem+json", {}).get("examples", {})
                for name, example in examples.items():
                    validator(document, "Problem").validate(example["value"])
                    assert example["value"]["type"] == f"urn:comptoir:problem:{name}"
                    assert example["value"]["status"] == int(status) == known[name].status
                    shown[name] = int(status)
    assert set(shown) == set(known) - ELSEWHERE


def test_its_examples_are_what_it_describes(document: dict[str, Any]) -> None:
    content = document["paths"]["/v1/events"]["post"]["requestBody"]["content"]
    (single,) = content[openapi.SINGLE]["examples"].values()
    (batch,) = content[openapi.BATCH]["examples"].values()
    validator(document, "Event").validate(single["value"])
    assert batch["value"] == [single["value"]]


def test_the_envelope_is_the_one_that_is_read(document: dict[str, Any]) -> None:
    read = {field.encode_name: field for field in msgspec.structs.fields(Envelope)}
    for name, each in document["components"]["schemas"].items():
        if name.startswith("event."):
            assert set(each["properties"]) == set(read) - {"data_base64"}
            assert set(each["required"]) == {field for field, one in read.items() if one.required} | {"data"}


def test_every_type_that_somebody_sends_has_its_schema(document: dict[str, Any]) -> None:
    declared = load_map(EXAMPLES / "touchpoints.toml", types=EVENT_TYPES, products=PRODUCTS)
    sent = {send.type for touchpoint in declared.touchpoints for send in touchpoint.sends}
    schemas = document["components"]["schemas"]
    assert {name.removeprefix("event.") for name in schemas if name.startswith("event.")} == sent
    valid = validator(document, "Event").is_valid
    for event in (
        casting.sale("r", 100), casting.goods_back("b", sale="r", lines=[(1, 1, 1)]), casting.redeem(5),
        casting.reserve(5, "x"), casting.post("x"), casting.void("x"), casting.adjust(-5), casting.reviewed(),
        casting.link(casting.ALICE, casting.BOB), casting.unlink(casting.ALICE, casting.BOB), casting.subscribed(),
    ):  # fmt: skip
        event = json.loads(written(event))  # noqa: PLW2901 - as it is sent, with the code that is shown
        assert valid(event), event
        assert not valid({**event, "data": {**event["data"], "birth_date": "x"}}), event
    assert schemas["data.sale.closed.SaleClosed"]["properties"]["lines"]["maxItems"] > 0


def test_it_is_served_to_everybody(standing: Standing, document: dict[str, Any]) -> None:
    _, gateway = standing
    answer = gateway.client.get("/openapi.json")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == document
    batch = answer.json()["paths"]["/v1/events"]["post"]["requestBody"]["content"][openapi.BATCH]["schema"]
    assert batch["maxItems"] == limits.BATCH_EVENTS_MAX


@pytest.mark.parametrize("touchpoint", ["till", "webshop"])
def test_the_running_gateway_does_what_it_says(standing: Standing, tmp_path: Path, touchpoint: str) -> None:
    """Hundreds of generated requests, good and bad; a stream never ends, so it is tried elsewhere."""
    _, gateway = standing
    (tmp_path / "schemathesis.toml").write_text(
        "[checks]\npositive_data_acceptance.enabled = false\n"
        'negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "409", "413", "415", "422"]\n'
    )
    program = Path(sys.executable).parent / "schemathesis"
    done = subprocess.run(
        [
            *(str(program), "--config-file", str(tmp_path / "schemathesis.toml"), "run", f"{gateway.url}/openapi.json"),
            *("-H", f"Authorization: Bearer {gateway.keys[touchpoint]}", "--exclude-path", "/v1/stream"),
            *("--phases", "examples,coverage,fuzzing", "--mode", "all", "--max-examples", "8", "--no-shrink"),
            *("--generation-deterministic", "--continue-on-failure", "--no-color"),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env={**os.environ, "PYTHONWARNINGS": "ignore"},
    )
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:]
    counted = re.search(r"Selected: (\d+)/(\d+)\s+Tested: (\d+)", done.stdout)
    assert counted is not None, done.stdout[-2000:]
    selected, all_of_them, tested = map(int, counted.groups())
    assert tested == selected == all_of_them - 1
    assert gateway.client.get("/health").is_success
    assert "Traceback" not in gateway.log.read_text()
