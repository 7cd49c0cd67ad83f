"""Whom the shop trusts: files that can be used, files with a fault, and what the doctor says of both."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import pytest

from comptoir.foundation.kernel import shop as shop_folder
from comptoir.vault.attestations import offer, trust
from comptoir.vault.attestations.contracts import Kind
from comptoir.vault.attestations.errors import TrustListInvalid
from support.attesting import EU_TYPE, VCT, Authority

NOW = dt.datetime(2026, 11, 26, 9, 0, tzinfo=dt.UTC)


@pytest.fixture
def folder(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("COMPTOIR_DATA", str(tmp_path))
    found = shop_folder.folder() / "trust"
    found.mkdir()
    return found


@pytest.fixture(scope="module")
def authority() -> Authority:
    return Authority(NOW)


def test_a_file_names_what_somebody_issues(authority: Authority) -> None:
    mdoc = trust.read_issuer("france", authority.trusted_for("mdoc").encode())
    assert (mdoc.name, mdoc.title, mdoc.certificates) == ("france", "Age of Nowhere", (authority.root,))
    assert mdoc.kind == Kind("mdoc", EU_TYPE, (EU_TYPE, "age_over_NN"))
    assert mdoc.kind.path_for(20) == [EU_TYPE, "age_over_20"]
    nested = authority.trusted_for("sd_jwt_vc", path=["age_equal_or_over", "NN"])
    assert trust.read_issuer("x", nested.encode()).kind == Kind("sd_jwt_vc", VCT, ("age_equal_or_over", "NN"))


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        (("title = ", "titel = "), "x"),
        (('format = "mdoc"', 'format = "paper"'), "x"),
        (("BEGIN CERTIFICATE", "BEGIN NOTHING"), "x"),
        (('type = "eu.europa.ec.av.1"', 'type = "eu.europa.ec.eudi.pid.1"'), "x.type"),
        (('type = "eu.europa.ec.av.1"', 'type = "org.iso.18013.5.1.mDL"'), "x.type"),
        (('type = "eu.europa.ec.av.1"', 'type = "eu.europa.ec.av.1"\npath = ["age_over_NN"]'), "x.path"),
        (('type = "eu.europa.ec.av.1"', 'type = "eu.europa.ec.av.1"\npath = ["a", "over_18"]'), "x.path"),
        (('type = "eu.europa.ec.av.1"', 'type = "eu.europa.ec.av.1"\npath = ["NN", "NN"]'), "x.path"),
        (('type = "eu.europa.ec.av.1"', 'type = ""'), "x"),
        (('type = "eu.europa.ec.av.1"', 'status_lists = ["http://issuer.example/"]'), "x"),
        (('type = "eu.europa.ec.av.1"', "accepts_anything = true"), "x"),
    ],
)  # fmt: skip
def test_a_file_with_a_fault_is_refused_by_its_key(authority: Authority, changed: tuple[str, str], field: str) -> None:
    text = authority.trusted_for("mdoc")
    assert changed[0] in text
    with pytest.raises(TrustListInvalid) as caught:
        trust.read_issuer("x", text.replace(*changed).encode())
    problem = caught.value
    assert problem.field in {field, f"{field}.certificates"}


def test_bytes_that_are_no_file(authority: Authority) -> None:
    for content in (b"\xff", b"= = =", b"#" * 70_000, b""):
        with pytest.raises(TrustListInvalid):
            trust.read_issuer("x", content)


def test_the_list_is_read_again_when_it_changes(folder: Path, authority: Authority) -> None:
    assert trust.trusted_issuers() == ()
    (folder / "a.toml").write_text(authority.trusted_for("mdoc"))
    (folder / "notes.txt").write_text("not a file of ours")
    assert [each.name for each in trust.trusted_issuers()] == ["a"]
    (folder / "b.toml").write_text(authority.trusted_for("sd_jwt_vc"))
    assert [each.name for each in trust.trusted_issuers()] == ["a", "b"]
    assert [kind.format for kind in offer.present_offer().kinds()] == ["mdoc", "sd_jwt_vc"]
    (folder / "a.toml").unlink()
    assert [each.name for each in trust.trusted_issuers()] == ["b"]


def test_more_files_than_a_shop_has_friends(folder: Path, authority: Authority) -> None:
    text = authority.trusted_for("mdoc")
    for number in range(trust.FILES_MAX + 1):
        (folder / f"{number}.toml").write_text(text)
    with pytest.raises(TrustListInvalid, match="more than"):
        trust.trusted_issuers()


def test_without_the_extra_an_mdoc_is_not_offered_and_that_is_said(
    folder: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in ("mdoc", "sd_jwt_vc"):
        (folder / f"{kind}.toml").write_text(authority.trusted_for(kind))
    assert not offer.present_offer().lacks_mdoc
    monkeypatch.setattr(offer, "has_mdoc", lambda: False)
    present = offer.present_offer()
    assert (present.lacks_mdoc, [kind.format for kind in present.kinds()], present.kinds("mdoc")) == (
        True, ["sd_jwt_vc"], [],
    )  # fmt: skip
    assert offer.faults_in_trust(NOW) == ["trust/mdoc.toml: documents of the kind mdoc need the extra of that name"]


def test_the_doctor_says_what_keeps_attestations_from_being_verified(folder: Path, authority: Authority) -> None:
    (folder / "a.toml").write_text(authority.trusted_for("mdoc"))
    assert offer.faults_in_trust(NOW) == []
    (folder / "b.toml").write_text("title = 1")
    found = offer.faults_in_trust(NOW + dt.timedelta(days=400))
    assert [sentence.split(":")[0] for sentence in found] == ["trust/a.toml", "trust/b.toml"]
    assert "is over since" in found[0]
