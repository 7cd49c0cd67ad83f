"""The small world of the tests: one database server for the whole run, a fresh shop for each test.

The server is the embedded PostgreSQL in a temporary folder, shared by all workers of pytest-xdist. The house is
migrated once, into a template; each test gets a copy, which takes a fraction of a second. What a fixture does
stands in ``tests/support``.
"""

from __future__ import annotations

import os
import re
import shutil
import socket
import tempfile
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hypothesis
import pytest

from comptoir.foundation.kernel import database, embedded
from support import shop as shops
from support.gateway import Gateway, running_gateway
from support.shop import Shop
from support.storage import object_storage

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

    from support.mailbox import Mailbox

CHROMIUM = Path("/usr/bin/chromium")
CHROMIUM_ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
_FOLDER = "COMPTOIR_DATA"
_PORTS = "TEST_PORTS"
_EXTERNAL = "COMPTOIR_TEST_DATABASE_URL"

# A copy of the template is over a thousand small files: a disk takes up to a second to make them, memory some
# hundredths. A run needs less than one GiB of it.
_MEMORY = Path("/dev/shm")  # noqa: S108 (only a folder of a random name is made in it)
_MEMORY_BYTES_MIN = 4 << 30

# A verdict depends on the content of the tree alone: the same examples every time. Whoever looks for new
# counterexamples runs `make explore`, where the seeds are random and printed.
hypothesis.settings.register_profile("suite", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.register_profile("explore", deadline=None, max_examples=2_000, print_blob=True)
hypothesis.settings.load_profile("suite")


# -- the run ------------------------------------------------------------------------------------------------------


def pytest_configure(config: pytest.Config) -> None:
    """Make the run's folder, once: the workers of pytest-xdist inherit it from the process that starts them."""
    if hasattr(config, "workerinput"):
        return
    for name in [name for name in os.environ if re.match(r"COMPTOIR_(?!TEST_)", name)]:
        del os.environ[name]  # no test may touch the shop of whoever runs it
    os.environ[_FOLDER] = tempfile.mkdtemp(prefix="comptoir-test-", dir=_memory())
    os.environ[_PORTS] = tempfile.mkdtemp(prefix="comptoir-ports-")
    os.environ["DJANGO_SETTINGS_MODULE"] = "comptoir.config.settings"
    # A test looks at a page right after it has let somebody else say something. What is kept has tests of its own.
    os.environ["COMPTOIR_PAGES_KEPT_SECONDS"] = "0"


def _memory() -> Path | None:
    """Return the machine's folder in memory, where it has one with room for the whole run."""
    if not os.access(_MEMORY, os.W_OK) or shutil.disk_usage(_MEMORY).free < _MEMORY_BYTES_MIN:
        return None
    return _MEMORY


def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """Have one worker more than processors: the tests of pages wait for a browser half of their time."""
    return (os.cpu_count() or 1) + 1


def pytest_unconfigure(config: pytest.Config) -> None:
    """Remove the run's folder; the server was stopped by the last worker that left it."""
    if not hasattr(config, "workerinput"):
        sockets = embedded.socket_folder()
        shutil.rmtree(os.environ[_FOLDER], ignore_errors=True)
        shutil.rmtree(os.environ[_PORTS], ignore_errors=True)
        shutil.rmtree(sockets, ignore_errors=True)


@pytest.fixture(scope="session", autouse=True)
def only_this_machine() -> Iterator[None]:
    """Refuse connections to other machines: a test that needs the net is a test of the net."""
    connect = socket.socket.connect

    def guarded(self: socket.socket, address: Any) -> None:
        if self.family != socket.AF_UNIX and address[0] not in {"127.0.0.1", "::1", "localhost"}:
            raise AssertionError(f"a test wanted to talk to {address[0]}")
        connect(self, address)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(socket.socket, "connect", guarded)
        yield


# -- databases ----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def server() -> Iterator[None]:
    """Have the run's database server, and the migrated template in it; the folder is this worker's from then on."""
    with database.server():
        shops.once(Path(os.environ[_FOLDER]) / "template", shops.make_template)
        with shops.folder_of_its_own():
            yield


@pytest.fixture
def shop(server: None) -> Iterator[Shop]:
    """Have a fresh shop in the run's server: a copy of the migrated template."""
    with shops.copied_from(shops.TEMPLATE) as copy:
        yield copy


@pytest.fixture
def shop_on_own_server() -> Iterator[Shop]:
    """Have a fresh shop with a server and a folder of its own, for a test that kills the server."""
    # Not pytest's own folder: another run of pytest closes that one to the server's user.
    folder = Path(tempfile.mkdtemp(prefix="shop-", dir=os.environ[_FOLDER]))
    name = "comptoir"
    with shops.environment(COMPTOIR_DATA=str(folder), COMPTOIR_DATABASE_NAME=name), database.server():
        shops.migrate(name)
        shops.close_django()
        yield Shop(database=name, folder=folder)
        shops.close_django()


@pytest.fixture(scope="session")
def bucket() -> Iterator[str]:
    """Have object storage with a bucket, the same for the whole run: a Spark keeps the address that it started with."""
    with object_storage() as made:
        yield made


@pytest.fixture(scope="session")
def external_template() -> Iterator[tuple[str, str]]:
    """Have a migrated template on a PostgreSQL beside the embedded one; skips without it. Its URL and its name."""
    url = os.environ.get(_EXTERNAL)
    if not url:
        pytest.skip(f"{_EXTERNAL} is not set: nothing was tried on another PostgreSQL server")
    name = f"{shops.TEMPLATE}_{uuid.uuid4().hex}"
    with shops.environment(COMPTOIR_DATABASE_URL=url):
        shops.migrate(name)
    yield url, name
    with shops.environment(COMPTOIR_DATABASE_URL=url):
        shops.drop(name)


@pytest.fixture
def shop_on_external_server(external_template: tuple[str, str]) -> Iterator[Shop]:
    """Have a fresh shop on the server of ``COMPTOIR_TEST_DATABASE_URL``; mark the test ``postgres15``."""
    url, template = external_template
    with shops.environment(COMPTOIR_DATABASE_URL=url), shops.copied_from(template) as copy:
        yield copy


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep what shares a thing that cannot be shared on one worker: the other server's roles, the machine's speed."""
    for item in items:
        if item.path.name == "test_console.py":
            # The console's own key lies in the folder that all workers share.
            item.add_marker(pytest.mark.xdist_group("console"))
        for name in ("postgres15", "exclusive"):
            if item.get_closest_marker(name):
                item.add_marker(pytest.mark.xdist_group(name))


def pytest_collection_finish(session: pytest.Session) -> None:
    """Make sure that groups are kept: where pytest-xdist cannot name a test's group, it forgets it without a word."""
    if not session.config.getoption("loadgroup", default=False):
        return  # not a worker, or told to share out the tests in another way
    grouped = [item.nodeid for item in session.items if item.get_closest_marker("xdist_group")]
    lost = [name for name in grouped if "@" not in name.rpartition("]")[2]]
    assert not lost, f"these tests belong to a group that pytest-xdist does not know of: {lost[:3]}"


# -- letters ------------------------------------------------------------------------------------------------------


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    """Have a mail server of one's own, to which the vault's letters go."""
    from support.mailing import mailed  # needs Django, which a module of tests sets up

    with mailed() as box:
        yield box


# -- doors --------------------------------------------------------------------------------------------------------


@pytest.fixture
def gateway(shop: Shop, tmp_path: Path) -> Iterator[Gateway]:
    """Have a real gateway process on a free port, in front of the test's shop, with the demo shop's map."""
    with running_gateway(tmp_path) as running:
        yield running


@pytest.fixture(scope="module")
def standing(server: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Gateway]]:
    """Have one shop and one gateway for all tests of a module, which have to keep out of each other's way."""
    with (
        shops.copied_from(shops.TEMPLATE) as copy,
        running_gateway(tmp_path_factory.mktemp("standing")) as running,
    ):
        yield copy, running


@pytest.fixture(autouse=True)
def no_loop_of_the_browsers(request: pytest.FixtureRequest) -> Iterator[None]:
    """Let tests without a browser run loops of their own.

    Playwright's synchronous interface leaves its loop marked as running in the worker's thread, from the first test
    that asks for the browser to the end of the run. Nobody else may run one then, unless the mark is taken away.
    """
    if "browser" in request.fixturenames:
        yield
        return
    with shops.without_a_loop():
        yield


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Have Debian's Chromium. Without it, a build fails and everybody else is told."""
    if not CHROMIUM.exists():
        message = f"{CHROMIUM} is missing: no page was looked at (apt-get install chromium fonts-noto-cjk)"
        if os.environ.get("CI"):
            pytest.fail(message)
        pytest.skip(message)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        # Playwright keeps an event loop in this thread; Django takes that for a view that blocks one.
        os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(CHROMIUM_ARGUMENTS))
        yield chromium
        chromium.close()


@pytest.fixture
def photograph(tmp_path: Path) -> Callable[[Page, str], list[Path]]:
    """Return what takes pictures of a page at 390 and at 1280 points' width: it is given the page and a name.

    The pictures go to ``COMPTOIR_TEST_IMAGES`` (``make screenshots`` says ``docs/images``), or else nowhere that lasts.
    The wide one is called by its name alone.
    """
    folder = Path(os.environ.get("COMPTOIR_TEST_IMAGES") or tmp_path)
    folder.mkdir(parents=True, exist_ok=True)

    def take(page: Page, name: str) -> list[Path]:
        taken = []
        for width, height, suffix in ((390, 844, "-390"), (1280, 800, "")):
            page.set_viewport_size({"width": width, "height": height})
            path = folder / f"{name}{suffix}.png"
            page.screenshot(path=path, animations="disabled")
            taken.append(path)
        return taken

    return take


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Have a fresh page of 390 points' width, as a telephone has it; its errors fail the test."""
    context = browser.new_context(viewport={"width": 390, "height": 844})
    errors: list[str] = []
    fresh = context.new_page()
    fresh.on("pageerror", lambda error: errors.append(str(error)))
    yield fresh
    context.close()
    assert errors == []
