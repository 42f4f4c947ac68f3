"""What starts, reloads and rests an app of pm2, with the real pm2: it reaches that app, and no other, ever."""

import json
import time
from collections.abc import Iterator

import pytest

from remediate.catalogue import CATALOGUE
from remediate.errors import Conflict, Failed
from remediate.model import Undo
from remediate.providers.pm2_reload import Pm2Reload
from remediate.providers.pm2_stable import Pm2Stable
from remediate.providers.pm2_start import Pm2Start, Pm2Started
from remediate.providers.pm2_stop import Pm2Stop
from remediate.steps import Check
from remediate.transport.host import SshTarget
from remediate.transport.trips import Trips

from .laws import LAWS, carry_out, fresh_token, planned
from .test_on_the_practice_ground import APP, BACKEND, Ground, way_in

pytestmark = pytest.mark.ground
START = Pm2Start(**APP, cwd=BACKEND)
LISTED = """pm2 jlist | node -e '
const apps = JSON.parse(require("fs").readFileSync(0, "utf8").trim().split("\\n").pop())
console.log(JSON.stringify(apps.map((one) => [one.name, one.pm2_env.status, one.pid])))'"""
SMALL = "mkdir -p ~/small; echo 'setInterval(() => {}, 1000)' >~/small/index.js; cd ~/small"
NEIGHBOURS = f"""{SMALL}
for name in lumiku-backend-worker lumiku lumiku-backend; do pm2 start index.js --name $name >/dev/null; done
pm2 delete lumiku-backend >/dev/null
echo "module.exports = {{ apps: [{{ name: 'never', script: 'index.js' }},
  {{ name: 'lumiku-backend', script: 'index.js' }}, {{ name: 'lumiku-backend-never', script: 'index.js' }}] }}" >two.cjs
"""
CLIENTS = "1 2 3 4"
"""What one of them has in hand may hang, for as long as the app would be away; not of each."""
CLUSTER = f"""pm2 delete lumiku-backend >/dev/null; cd {BACKEND}
pm2 start dist/index.js --name lumiku-backend -i 2 >/dev/null
until curl -sf localhost:3000/health >/dev/null; do sleep 0.1; done; touch dist/index.js
for client in {CLIENTS}; do setsid sh -c 'while [ ! -e ~/enough ]; do
  curl -s -m 2 -o /dev/null -w "%{{http_code}}\\n" localhost:3000/health; done' >>~/codes 2>&1 </dev/null & done
until [ -s ~/codes ]; do sleep 0.1; done"""
DELETED = "pm2 delete lumiku-backend >/dev/null 2>&1 || :"
NO_DAEMON = "pgrep -f 'God Daemo[n]' || echo none"


@pytest.fixture(scope="module")
def ground(practice) -> Iterator[Ground]:
    practice.reset("web1")
    host = SshTarget(way_in(practice.inventory), app="processes", secrets={}, trips=Trips())
    yield Ground(practice, host)
    host.close()
    practice.reset("web1")


@pytest.fixture
def put_back(ground) -> Iterator[None]:
    """The host as new, before and after."""
    ground.practice.reset("web1")
    yield
    ground.practice.reset("web1")


def listed(ground: Ground) -> dict[str, list[object]]:
    return {name: facts for name, *facts in json.loads(ground.sh(LISTED))}


def found(ground: Ground, check: Check):
    answers = ground.host.answer(check.ask())
    return check.judge(answers, answers)


def undo(ground: Ground, undos: list[Undo], action) -> None:
    for one in reversed(undos):
        action.undo(ground.host.scoped(fresh_token()), one)


def test_one_app_is_started_and_stopped_whatever_else_has_a_name_like_it(ground):
    ground.sh(f"pm2 delete all >/dev/null 2>&1; {NEIGHBOURS}")
    before = listed(ground)
    assert set(before) == {"lumiku-backend-worker", "lumiku"}
    assert found(ground, Pm2Started(**APP)).seen == "pm2 knows no app called lumiku-backend"
    action = START.model_copy(update={"file": "/home/deploy/small/two.cjs"})
    undos: list[Undo] = []
    carry_out(action, ground.host, undos)
    now = listed(ground)
    assert set(now) == {*before, "lumiku-backend"}
    assert now["lumiku-backend"][0] == "online"
    assert {name: now[name] for name in before} == before, "the same processes"
    undo(ground, undos, action)
    assert listed(ground) == before


def test_what_somebody_else_started_since_is_not_deleted(ground):
    ground.sh(f"{SMALL}; {DELETED}")
    undos: list[Undo] = []
    action = START.model_copy(update={"script": "index.js", "cwd": "/home/deploy/small"})
    carry_out(action, ground.host, undos)
    ground.sh(
        "pm2 delete lumiku-backend >/dev/null; cd ~/small; pm2 start index.js --name lumiku-backend >/dev/null"
    )
    with pytest.raises(Conflict, match="by somebody else"):
        undo(ground, undos, action)
    assert "lumiku-backend" in listed(ground)
    ground.sh("pm2 delete lumiku-backend >/dev/null")


def test_an_app_that_the_file_does_not_name_is_not_started(ground):
    ground.sh(f"{SMALL}; {DELETED}; echo 'module.exports = {{ apps: [] }}' >none.cjs")
    before = listed(ground)
    with pytest.raises(Failed, match="names no app called lumiku-backend"):
        carry_out(START.model_copy(update={"file": "/home/deploy/small/none.cjs"}), ground.host, [])
    assert listed(ground) == before


def test_pm2_itself_is_started_only_where_the_step_says_so_and_ended_again(ground):
    ground.sh("pm2 kill >/dev/null")
    with pytest.raises(Failed, match="daemon: true"):
        planned(START, ground.host)
    assert ground.sh(NO_DAEMON) == "none\n"
    action = START.model_copy(update={"daemon": True})
    undos: list[Undo] = []
    carry_out(action, ground.host, undos)
    assert list(listed(ground)) == ["lumiku-backend"]
    assert planned(action, ground.host) == ()
    undo(ground, undos, action)
    assert ground.sh(NO_DAEMON) == "none\n"


@pytest.mark.usefixtures("put_back")
def test_somebody_answers_while_a_cluster_is_reloaded_though_what_is_in_hand_may_be_lost(ground):
    ground.sh(CLUSTER)
    (change,) = planned(Pm2Reload(**APP), ground.host)
    assert "each process answers until its successor does; requests in hand can be lost" in change.notes[1]
    before = json.loads(ground.sh(LISTED))
    carry_out(Pm2Reload(**APP), ground.host, [])
    ground.sh("touch ~/enough")
    after = json.loads(ground.sh(LISTED))
    assert not {pid for *_, pid in before} & {pid for *_, pid in after}, "every process is another one"
    codes = ground.sh("cat ~/codes").split()
    assert len(codes) > 5
    assert set(codes) <= {"200", "000"}
    in_hand = len(before) * len(CLIENTS.split())
    assert codes.count("000") <= in_hand, "no more than what each process had in hand of each client"
    assert planned(Pm2Reload(**APP), ground.host) == ()


@pytest.mark.usefixtures("put_back")
def test_an_app_that_dies_is_known_at_one_look_with_its_reason_and_rests_until_it_is_started(ground):
    ground.practice.break_("crash-loop")
    finding = found(ground, Pm2Stable(**APP))
    assert not finding.healthy
    assert finding.facts["reason"] == "Error: worker pool: out of slots"
    assert finding.facts["codes"] == [1]
    assert found(ground, Pm2Started(**APP)).healthy, "pm2 tries to run it"
    undos: list[Undo] = []
    carry_out(Pm2Stop(**APP), ground.host, undos)
    time.sleep(1)
    assert listed(ground)["lumiku-backend"][0] == "stopped"
    assert found(ground, Pm2Stable(**APP)).healthy
    undo(ground, undos, Pm2Stop(**APP))
    assert not found(ground, Pm2Stable(**APP)).healthy


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_every_law_holds_of_a_start_on_a_real_host(law, ground):
    law(START, ground.broken(DELETED), CATALOGUE)
