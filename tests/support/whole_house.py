"""A whole house for a test: every part in a process of its own, a mail server, a receiver, a folder of its own.

Also the people in it: a customer who goes through every feature, a neighbour who stays, a member of staff, and the
places in which something of them could lie. Not here: what must be found where.
"""

from __future__ import annotations

import base64
import contextlib
import datetime as dt
import json
import re
import tempfile
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx
from click.testing import CliRunner

from comptoir.config.command import main
from comptoir.config.equipping import prepare_house
from comptoir.config.serving import NAMES, House
from comptoir.foundation.kernel import shop as shop_folder
from comptoir.foundation.rooms.addresses import host_of
from comptoir.foundation.rooms.declaration import COUNTER, OFFICE, SQUARE, VAULT
from support import forgotten
from support.attesting import Authority, new_key
from support.gateway import EXAMPLES, issue_keys, written
from support.mailbox import Mailbox, running_mailbox
from support.processes import free_port
from support.relay import SECRET, Receiver, receiving
from support.shop import Shop, environment
from support.vault import Visitor, ticket_in
from support.wallet import Wallet
from support.wire import Wire

_LIST: Final = """
    [list]
    name = "{name}"
    [[identifiers]]
    column = "Number"
    kind = "{kind}"
    [contact]
    given_name = "Given"
    family_name = "Family"
    email = "Mail"
    phone = "Phone"
    lines = ["Street"]
    postcode = "Postcode"
    city = "Town"
    country = "FR"
    [[consents]]
    purpose = "marketing"
    channel = "mail"
    column = "News"
    given = ["yes"]
    at = "Since"
    format = "%Y-%m-%d"
    zone = "Europe/Paris"
    how = "paper form at the till"
"""
_LIST_HEADING: Final = "Number,Given,Family,Mail,Phone,Street,Postcode,Town,News,Since"
_DEVICE_GRANT: Final = "urn:ietf:params:oauth:grant-type:device_code"


@dataclass
class World:
    """The running house and what stands around it."""

    shop: Shop
    house: House
    mailbox: Mailbox
    receiver: Receiver
    keys: Mapping[str, str]
    logs: Path
    temporary: Path
    outside: Path
    wires: contextlib.ExitStack
    secrets: dict[str, str] = field(default_factory=dict)

    def visitor(self, **more: Any) -> Visitor:
        """Return somebody with a browser."""
        return Visitor(client=self.wires.enter_context(Wire(self.house.port)), **more)

    def gateway(self, path: str, content: Any = None, *, touchpoint: str = "till", kind: str = "json") -> Any:
        """Ask the gateway something with a touchpoint's key."""
        headers = {"Authorization": f"Bearer {self.keys[touchpoint]}", "Content-Type": f"application/{kind}"}
        url = f"http://127.0.0.1:{self.house.gateway_port}{path}"
        if content is None:
            return httpx.get(url, headers=headers, timeout=30)
        return httpx.post(url, content=content, headers=headers, timeout=30)

    def tell(self, event: Mapping[str, Any], *, touchpoint: str = "till") -> dict[str, Any]:
        """Send an event; returns its outcome."""
        answer = self.gateway("/v1/events", written(event), touchpoint=touchpoint, kind="cloudevents+json")
        told: dict[str, Any] = answer.json()
        return told

    def customer_of(self, kind: str, value: str) -> str:
        """Return the opaque id of an identifier."""
        answer = self.gateway("/v1/customers/resolve", json.dumps({"kind": kind, "value": value}))
        return str(answer.json()["customer"])

    def keep_secret(self, name: str, value: str) -> str:
        """Remember something that opens something: it has to be in nobody's records."""
        self.secrets[name] = value
        return value

    # -- where something could lie

    def tables(self) -> dict[str, bytes]:
        """Return the whole database as text, by table; what belongs to no table stands under an empty name."""
        found: dict[str, list[str]] = {"": []}
        table = ""
        for line in forgotten.dump(self.shop).splitlines():
            if begins := re.match(r"COPY public\.(\S+) ", line):
                table = begins[1].strip('"')
            found.setdefault(table, []).append(line)
            if line == "\\.":
                table = ""
        return {name: "\n".join(lines).encode() for name, lines in found.items()}

    def files(self) -> dict[str, bytes]:
        """Return every file of the shop's folder but the database's own, and every temporary file of the house."""
        found = {}
        for root in (self.shop.folder, self.temporary):
            for path in root.rglob("*"):
                inside = path.relative_to(root)
                if path.is_file() and not inside.parts[0].startswith("postgres"):
                    found[str(inside)] = path.read_bytes()
        return found

    def files_of_database(self) -> Iterator[tuple[str, bytes]]:
        """Yield the database's own files: tables, indexes, the write-ahead log, what the server wrote down."""
        for path in (self.shop.folder / "postgres").rglob("*"):
            with contextlib.suppress(FileNotFoundError):  # the server tidies up while we look
                if path.is_file():
                    yield path.name, path.read_bytes()

    def written(self) -> dict[str, bytes]:
        """Return what every process has written into its log."""
        return {path.name: path.read_bytes() for path in self.logs.iterdir()}

    def measured(self) -> bytes:
        """Return the figures of every process that has some: of the gateway alone."""
        return httpx.get(f"http://127.0.0.1:{self.house.gateway_port}/metrics", timeout=30).content

    def exported(self, staff: Visitor) -> dict[str, bytes]:
        """Return what leaves the house: to other systems, as documents, and what staff see without a customer's number.

        There is no export to files for analysis yet; whoever adds one adds it here.
        """
        pages = {path: staff.get(path, room=OFFICE).content for path in ("/", "/ledger", "/keys", "/ledger?q=0")}
        documents = {
            name: run("map", name, *more).encode()
            for name, more in (("asyncapi", ()), ("personal", ("--json",)), ("show", ()))
        }
        openapi = {"/openapi.json": self.gateway("/openapi.json").content}
        return pages | documents | openapi | self.public()

    def public(self) -> dict[str, bytes]:
        """Return what everybody reads of the square, and what it is carried along as."""
        reader = self.visitor()
        pages = {
            path: reader.get(path, room=SQUARE).content
            for path in ("/en/", "/en/ideas", "/en/feed.atom", "/en/moderation", "/moderation.json", "/en/honest")
        }
        folder = self.outside / f"square-{uuid.uuid4().hex}"
        run("community", "export", str(folder))
        archive = {f"archive {path.name}": path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        return pages | archive


def run(*arguments: str) -> str:
    """Do one of the operator's verbs."""
    done = CliRunner().invoke(main, list(arguments))
    assert done.exit_code == 0, (arguments, done.output, done.exception)
    return done.stdout


@contextlib.contextmanager
def whole_house(shop: Shop, outside: Path) -> Iterator[World]:
    """Have every part of the house running for a shop with a server and a folder of its own."""
    port, gateway_port = free_port(), free_port()
    temporary = Path(tempfile.mkdtemp(prefix="temporary-", dir=shop.folder.parent))
    logs = outside / "logs"
    for name in ("touchpoints", "programme", "terms"):
        (shop.folder / f"{name}.toml").write_text((EXAMPLES / f"{name}.toml").read_text())
    with receiving() as receiver, running_mailbox() as mailbox:
        _declare_relay(shop.folder, receiver)
        with environment(
            COMPTOIR_PORT=str(port),
            COMPTOIR_GATEWAY_URL=f"http://127.0.0.1:{gateway_port}",
            COMPTOIR_MAIL_URL=f"smtp+plain://127.0.0.1:{mailbox.port}",
            COMPTOIR_ADULT_SHELF="FR: alcohol",
            TMPDIR=str(temporary),
        ):
            prepare_house(lambda _line: None)
            keys = issue_keys(shop.folder / "touchpoints.toml")
            with (
                House(NAMES, port=port, gateway_port=gateway_port, log_folder=logs) as house,
                contextlib.ExitStack() as wires,
            ):
                yield World(shop, house, mailbox, receiver, keys, logs, temporary, outside, wires)


def _declare_relay(folder: Path, receiver: Receiver) -> None:
    (folder / "keys").mkdir(exist_ok=True)
    (folder / "keys" / "crm.webhook").write_text(f"whsec_{SECRET}\n")
    (folder / "relay.toml").write_text(
        f'[destination.crm]\nkind = "webhook"\nurl = "{receiver.url}"\nsecret = "keys/crm.webhook"\n'
    )


# -- people -------------------------------------------------------------------------------------------------------


def import_list(world: World, name: str, kind: str, row: str) -> dict[str, Any]:
    """Bring a customer list in, as the operator does it; returns what came of it."""
    path, mapping = world.outside / f"{name}.csv", world.outside / f"{name}.toml"
    path.write_text(f"{_LIST_HEADING}\n{row}\n", encoding="utf-8")
    mapping.write_text(_LIST.format(name=name, kind=kind), encoding="utf-8")
    gateway = f"http://127.0.0.1:{world.house.gateway_port}"
    said = run(
        "import", "customers", str(path), "--mapping", str(mapping), "--json", "--send", "--gateway", gateway,
        "--key", world.keys["lists"], "--report", str(world.outside / f"{name}-report.csv"),
    )  # fmt: skip
    found: dict[str, Any] = json.loads(said.splitlines()[-1])
    return found


def staff_member(world: World) -> Visitor:
    """Return a member of staff who has come by the operator's link, with a visit in the office."""
    link = run("staff", "add", "camille@shop.example", "--name", "Camille").strip().splitlines()[-1]
    staff = world.visitor()
    path = urlsplit(world.keep_secret("one-time link", link)).path
    assert staff.send(path, {}).status_code == 302
    ticket = ticket_in(staff.get("/continue/office/?next=/"))
    assert staff.post("/arrive/", {"ticket": ticket}, room=OFFICE).status_code == 302
    return staff


def opened_card(world: World, visitor: Visitor, customer: str) -> str:
    """Let somebody open their card's link at the counter; returns the link's path."""
    from comptoir.doors.storefront.links import card_token

    token = world.keep_secret("card link", card_token(uuid.UUID(customer)))
    assert visitor.get(f"/card/{token}", room=COUNTER).status_code == 302
    return f"/card/{token}"


def proven_age(world: World, visitor: Visitor) -> None:
    """Let somebody prove with a wallet that they are over 18, show it at a till, and have it remembered."""
    authority = Authority(dt.datetime.now(dt.UTC).replace(microsecond=0))
    folder = shop_folder.folder() / "trust"
    folder.mkdir(exist_ok=True)
    (folder / "mdoc.toml").write_text(authority.trusted_for("mdoc"))

    def call(method: str, address: str, form: Mapping[str, str] | None) -> tuple[int, str, bytes]:
        parts = urlsplit(address)
        url = f"http://127.0.0.1:{world.house.port}{parts.path}"
        answer = httpx.request(method, url, data=form, headers={"Host": parts.netloc}, timeout=30)
        return answer.status_code, answer.headers["content-type"], answer.content

    wallet = Wallet(authority, call, new_key())
    waiting = visitor.send("/prove/", {"way": "eu_app", "device": "this"}, to="/prove/begin/")
    page = visitor.get(waiting.headers["Location"]).content.decode()
    link = re.search(r'href="(av:[^"]+)"', page)
    assert link is not None, page
    asked = wallet.read(link[1].replace("&amp;", "&"))
    status, said = wallet.send(asked, wallet.answer(asked, wallet.shown(asked)))
    assert status == 200, said
    back = urlsplit(said["redirect_uri"])
    assert visitor.get(f"{back.path}?{back.query}").status_code == 302
    page = visitor.send("/prove/", {}, to="/prove/code/").content.decode()
    code = re.search(r'class="secret small">([A-Z2-7]+)<', page)
    assert code is not None, page
    shown = json.dumps({"code": world.keep_secret("age code", code[1]), "predicate": "age_over_18"})
    answer = world.gateway("/v1/answers/check", shown)
    assert answer.json().get("proven") is True, answer.text
    assert visitor.send("/prove/", {}, to="/prove/remember/").status_code == 302


def paired_device(world: World, visitor: Visitor) -> Mapping[str, str]:
    """Let somebody pair a reader of their own with themselves, which reads; returns its tokens."""
    said = run(
        "device", "register", "Reader", "--store", "/stores/7", "--own",
        *("--scope", "points:read", "--scope", "answers:read"),
    )  # fmt: skip
    number, key = re.findall(r"^(?:number|key): +(\S+)$", said, re.MULTILINE)
    shown = base64.b64encode(f"{number}:{key}".encode()).decode()
    headers = {"host": host_of(VAULT), "authorization": f"Basic {shown}"}
    at = f"http://127.0.0.1:{world.house.port}/devices"
    codes = httpx.post(f"{at}/oauth/code", headers=headers, data={"scope": "points:read"}).json()
    page = visitor.send("/devices/code/", {"code": codes["user_code"]})
    form = {"code": codes["user_code"], "answer": "allow"}
    assert visitor.send("/devices/code/", form, to="/devices/decide/", answer=page).status_code == 302
    answer = httpx.post(
        f"{at}/oauth/token",
        headers=headers,
        data={"grant_type": _DEVICE_GRANT, "device_code": codes["device_code"]},
    )
    assert answer.status_code == 200, answer.text
    tokens: dict[str, str] = answer.json()
    for name in ("access_token", "refresh_token"):
        world.keep_secret(name, tokens[name])
    for name in ("user_code", "device_code"):
        world.keep_secret(name, codes[name])
    assert read_by_device(world, tokens).status_code == 200
    return tokens


def read_by_device(world: World, tokens: Mapping[str, str]) -> httpx.Response:
    """Let a device read somebody's points."""
    headers = {"host": host_of(VAULT), "authorization": f"Bearer {tokens['access_token']}"}
    return httpx.get(f"http://127.0.0.1:{world.house.port}/devices/read/points", headers=headers)
