"""Where namespaces are forbidden the lab is plain processes, and still a lab."""

import pytest

from tests.ground.conftest import processes_naming
from tests.practice import done, new_practice, put_away


@pytest.fixture(scope="module")
def plain():
    ground = new_practice(REMEDIATE_LAB_MODE="plain")
    try:
        said = ground.up("--hosts", "1", "--light", "1").stderr
        assert "plain mode" in said
        yield ground
    finally:
        put_away(ground)


def test_it_has_one_login_and_the_app_on_a_port_of_its_own(plain):
    status = plain.status()
    web1 = status["hosts"][0]
    assert status["mode"] == "plain"
    assert status["logins"] == [status["deploy"]]
    assert web1["projects"] == 200
    assert f"port: {web1['app_port']}" in plain.inventory.read_text()
    said = done(plain.lab("ssh", "web1", "--", "command -v pm2; pm2 pid lumiku-backend")).stdout.split()
    assert said[0].startswith(str(plain.state))
    assert int(said[1]) > 0
    assert done(plain.lab("ssh", "light1", "--", "echo in")).stdout == "in\n"


def test_it_breaks_and_is_reset(plain):
    done(plain.lab("break", "missing-columns"))
    assert plain.answers("web1", "POST", body={"name": "Test"})[0] == 500
    done(plain.lab("reset", "web1", "--database"))
    assert plain.answers("web1", "POST", body={"name": "Test"})[0] == 200


def test_down_ends_everything_it_started(plain):
    assert processes_naming(str(plain.state))
    done(plain.lab("down"))
    assert processes_naming(str(plain.state)) == []
    assert not plain.state.exists()


def test_a_mode_that_does_not_exist_is_refused():
    ground = new_practice(REMEDIATE_LAB_MODE="docker")
    try:
        refused = ground.lab("up")
        assert (refused.returncode, len(refused.stderr.splitlines())) == (2, 1)
        assert "plain or namespaces" in refused.stderr
    finally:
        put_away(ground)
