"""What pm2 saved for the next boot, with the real pm2: brought up to date for one app, and taken back to the byte."""

import json
from collections.abc import Iterator

import pytest

from remediate.errors import Conflict
from remediate.model import Undo
from remediate.providers.pm2_saved import Pm2Save
from remediate.transport.host import SshTarget
from remediate.transport.trips import Trips

from .laws import carry_out, fresh_token, planned
from .test_on_the_practice_ground import APP, Ground, way_in

pytestmark = pytest.mark.ground
SAVE = Pm2Save(**APP)
GIVEN = "EXTRA=%s pm2 restart lumiku-backend --update-env >/dev/null"
SAVED = """
mkdir -p ~/small; echo 'setInterval(() => {}, 1000)' >~/small/index.js
pm2 start ~/small/index.js --name lumiku-backend-worker >/dev/null
pm2 save >/dev/null; chmod 640 ~/.pm2/dump.pm2; touch -d '2026-01-02 03:04:05' ~/.pm2/dump.pm2
pm2 stop lumiku-backend-worker >/dev/null
"""
AS_IT_IS = (
    "stat -c '%a %U %y' ~/.pm2/dump.pm2; sha256sum <~/.pm2/dump.pm2; ls ~/.pm2/*remediate* 2>/dev/null || :"
)
ENTRIES = r"""node -e '
const saved = JSON.parse(require("fs").readFileSync(process.env.HOME + "/.pm2/dump.pm2"))
console.log(JSON.stringify(saved.map((one) => [one.name, one.status, one.env.EXTRA || ""])))'"""
APP_AND = "lumiku-backend", "lumiku-backend-worker"


@pytest.fixture
def ground(practice) -> Iterator[Ground]:
    """A host on which two apps were saved, one of them was stopped since, and the other given another environment."""
    practice.reset("web1")
    host = SshTarget(way_in(practice.inventory), app="saved", secrets={}, trips=Trips())
    ground = Ground(practice, host)
    practice.shell("web1", SAVED + GIVEN % "new")
    yield ground
    host.close()
    practice.reset("web1")


def entries(ground: Ground) -> dict[str, list[str]]:
    return {name: rest for name, *rest in json.loads(ground.sh(ENTRIES))}


def saved(ground: Ground) -> Undo:
    undos: list[Undo] = []
    carry_out(SAVE, ground.host, undos)
    (undo,) = undos
    return undo


def undone(ground: Ground, undo: Undo) -> None:
    SAVE.undo(ground.host.scoped(fresh_token()), undo)


def test_one_app_is_saved_as_it_runs_and_of_others_the_dump_keeps_what_it_has(ground: Ground) -> None:
    app, worker = APP_AND
    before, as_it_was = entries(ground), ground.sh(AS_IT_IS)
    assert before == {app: ["online", ""], worker: ["online", ""]}
    undo = saved(ground)
    assert entries(ground) == {app: ["online", "new"], worker: ["online", ""]}
    assert "640 deploy" in ground.sh(AS_IT_IS)
    assert planned(SAVE, ground.host) == ()
    undone(ground, undo)
    assert ground.sh(AS_IT_IS) == as_it_was
    undone(ground, undo)
    assert ground.sh(AS_IT_IS) == as_it_was


def test_what_is_saved_is_what_a_boot_brings_back(ground: Ground) -> None:
    saved(ground)
    ground.practice.shell("web1", "pm2 kill >/dev/null; pm2 resurrect >/dev/null")
    runs = "tr '\\0' '\\n' </proc/$(pm2 pid lumiku-backend)/environ | grep '^EXTRA='"
    assert ground.sh(runs) == "EXTRA=new\n"
    assert planned(SAVE, ground.host) == (), "it is what runs"


def test_what_somebody_else_saved_since_is_kept_or_told(ground: Ground) -> None:
    app, worker = APP_AND
    undo = saved(ground)
    ground.sh("pm2 save >/dev/null")
    undone(ground, undo)
    assert entries(ground) == {app: ["online", ""], worker: ["stopped", ""]}, "theirs, but for what we saved"
    undo = saved(ground)
    ground.practice.shell("web1", GIVEN % "theirs" + "; pm2 save >/dev/null")
    as_it_is = ground.sh(AS_IT_IS)
    with pytest.raises(Conflict, match="saved otherwise by somebody else"):
        undone(ground, undo)
    assert ground.sh(AS_IT_IS) == as_it_is


def test_where_nothing_that_can_be_read_was_saved_nothing_is_done(ground: Ground) -> None:
    assert len(planned(SAVE, ground.host)) == 1
    for broken_by in ("echo '[{' >~/.pm2/dump.pm2", ": >~/.pm2/dump.pm2", "rm ~/.pm2/dump.pm2"):
        ground.sh(broken_by)
        assert planned(SAVE, ground.host) == (), broken_by
