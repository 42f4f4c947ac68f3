"""After a reset a host is what it was when it was new, to the byte."""

import pytest

from tests.practice import BACKEND, done

# Names, sizes, modes and owners of everything; content of everything that is not a package of somebody else's.
TREE = f"""cd {BACKEND}
find . -printf '%p %y %s %m %u:%g %l\\n' | sort | sha256sum
find . -type f -not -path './node_modules/[^.]*' -print0 | sort -z | xargs -0 sha256sum | sha256sum"""
DUMP = "pg_dump -h /run/postgresql -U postgres lumiku | grep -v '^.\\(un\\)\\?restrict '"


@pytest.fixture
def new_web1(practice):
    done(practice.lab("reset", "web1"))


def snapshot(practice):
    return practice.shell("web1", TREE), practice.shell("web1", DUMP)


def test_reset_puts_a_host_back_to_the_byte(practice, new_web1):
    tree, dump = snapshot(practice)
    assert "COPY public.avatars" in dump
    done(practice.lab("break", "missing-columns"))
    practice.shell(
        "web1", f"rm -r {BACKEND}/dist && touch /tmp/left /home/deploy/left && echo PORT=1 >> {BACKEND}/.env"
    )
    practice.shell("web1", "psql -h /run/postgresql -U postgres -c 'drop table avatars' lumiku")
    done(practice.lab("reset", "web1"))
    assert snapshot(practice) == (tree, dump)
    assert practice.shell("web1", "ls /tmp /home/deploy").count("left") == 0
    assert practice.answers("web1")[0] == 200


def test_reset_of_the_database_puts_back_the_database_and_nothing_else(practice, new_web1, web1):
    _, dump = snapshot(practice)
    practice.answers(web1, "POST", body={"name": "Surplus"})
    done(practice.lab("break", "missing-columns"))
    practice.on(web1, "touch", "kept")
    done(practice.lab("reset", web1, "--database"))
    assert practice.shell(web1, DUMP) == dump
    assert practice.answers(web1, "POST", body={"name": "Works again"})[0] == 200
    practice.on(web1, "test", "-e", "kept")


def test_reset_revives_a_host_that_died(practice):
    practice.shell("web1", "pm2 kill; pkill -9 postgres || true")
    done(practice.lab("reset", "web1"))
    assert practice.status()["hosts"][0]["projects"] == 200
