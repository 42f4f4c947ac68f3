"""The host reboots in the middle of a fix: its jobs are gone, and nobody can say how far they came."""

import os
import subprocess

import pytest

from tests.faults.small import GOOD_BUILD, HOST, Build
from tests.operator import Operator
from tests.practice import Practice

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root is a lab host's administrator")
HALF_A_BUILD = "mkdir -p dist; echo half >dist/index.js; echo begun; sleep 300"
REBOOT = r"""
cd /home/deploy/.remediate/jobs
for job in */leader; do
  job=${job%/leader}
  read -r leader _ <"$job/leader"
  read -r session _ <"$job/session"
  kill -KILL "$leader" || true
  pkill -KILL -s "$session" || true
  echo 00000000-0000-4000-8000-000000000000 >"$job/boot"
done
pkill -KILL -f '[s]shd: deploy' || true
"""
"""What a reboot leaves: the jobs' directories, which carry another boot's id, and none of their processes."""


@pytest.mark.fault(4)
def test_what_ran_when_the_host_rebooted_is_unknown_and_put_back(
    practice: Practice, operator: Operator, build: Build
) -> None:
    build.lay(HALF_A_BUILD)
    before = build.listing()
    ended = build.until("output", lambda _: practice.as_root(HOST, REBOOT))
    assert ended.code == 1, ended.out
    assert "cut short by a reboot or a kill; how far it came is unknown" in ended.out
    assert "everything is as it was" in ended.out
    kinds = [one["kind"] for one in operator.does("audit", "export", operator.last_run).lines]
    assert kinds.count("unknown") == 1, "it was never taken for done"
    assert build.listing() == before


@pytest.mark.fault(4)
@pytest.mark.parametrize(("command", "code"), [("rollback", 0), ("resume", 1)])
def test_a_runner_that_died_and_a_host_that_rebooted_leave_nothing_half_done(
    practice: Practice, operator: Operator, build: Build, command: str, code: int
) -> None:
    def both(process: subprocess.Popen[str]) -> None:
        process.kill()
        practice.as_root(HOST, REBOOT)

    build.lay(HALF_A_BUILD)
    before = build.listing()
    assert build.until("output", both).code == -9
    ended = operator.does(command, operator.last_run, "--yes")
    assert ended.code == code, ended.out + ended.err
    assert "everything is as it was" in ended.out
    assert build.listing() == before
    build.says(GOOD_BUILD)
    assert operator.does(*build.words).code == 0, "the lock is free, and it cures"
