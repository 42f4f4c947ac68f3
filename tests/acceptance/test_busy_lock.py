"""`missing-columns` while somebody else holds the table: it gives up, names who that is, and cures afterwards."""

from tests.operator import LOGIN, Operator, picture
from tests.practice import Practice

HOLD = r"""
export PGAPPNAME=nightly-report
setsid sh -c 'echo $$ >/var/tmp/holder
{ echo "BEGIN; SELECT count(*) FROM avatars;"; exec sleep 600; } | psql -X -q "$1"' sh "${url%%\?*}" \
  </dev/null >/dev/null 2>&1 &
held="SELECT EXISTS (SELECT FROM pg_locks AS l JOIN pg_stat_activity AS a USING (pid)
  WHERE l.relation = to_regclass('avatars') AND a.application_name = 'nightly-report')"
for look in $(seq 100); do
  ! PGAPPNAME= psql -X -At -c "$held" "${url%%\?*}" </dev/null | grep -q t || exit 0
  sleep 0.1
done
exit 1
"""
"""Opens a transaction that reads `avatars` and stays open."""
LET_GO = 'kill -- "-$(cat /var/tmp/holder)"'


def test_a_lock_that_is_not_to_be_had_is_given_up_with_its_holder_named_and_nothing_changed(
    practice: Practice, operator: Operator, web1: str
) -> None:
    practice.break_("missing-columns")
    practice.shell(web1, LOGIN + HOLD)
    broken = picture(practice)
    given_up = operator.does("run", "missing-columns", "--on", web1, "--yes")
    assert given_up.code == 1, given_up.out + given_up.err
    told = " ".join(given_up.out.split())
    assert "no lock after 5 tries of 1 s each; held by pid" in told, given_up.out
    assert "(nightly-report), idle in transaction for" in told
    assert "nothing was changed; end what blocks it, or try again later" in told
    assert picture(practice).settled == broken.settled

    practice.shell(web1, LET_GO)
    cured = operator.does("run", "missing-columns", "--on", web1, "--yes")
    assert cured.code == 0, cured.out + cured.err
    assert practice.answers(web1, "POST", body={"name": "Test"})[0] == 200
