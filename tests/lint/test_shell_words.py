"""Scripts are taken apart as a shell does it, as far as a linter needs: calls, quotes, pipes, what runs what."""

import pytest

from remediate.lint.shell_words import calls_of


def words(script: str) -> list[tuple[str, ...]]:
    return [call.words for call in calls_of(script)]


@pytest.mark.parametrize(
    ("script", "said"),
    [
        ("echo 'a b' \"c d\" e\\ f", [("echo", "a b", "c d", "e f")]),
        ("a; b && c || d | e & f\ng", [("a",), ("b",), ("c",), ("d",), ("e",), ("f",), ("g",)]),
        ("pm2 \\\n  save", [("pm2", "save")]),
        ("# pm2 save\ntrue # pm2 save", [("true",)]),
        ("echo 'pm2 save; npx x'", [("echo", "pm2 save; npx x")]),
        ("x=$(pm2 jlist)", [(), ("pm2", "jlist")]),
        ('echo "$(pm2 jlist) `id -u`"', [("echo", "$(pm2 jlist) `id -u`"), ("pm2", "jlist"), ("id", "-u")]),
        ("echo '$(pm2 jlist)'", [("echo", "$(pm2 jlist)")]),
        ("if test -e x; then rm x; fi", [("test", "-e", "x"), ("rm", "x"), ("fi",)]),
        ("./node_modules/.bin/prisma generate", [("prisma", "generate")]),
        ("NODE_ENV=test env A=b timeout -k 2 10 sudo -u app npm ci", [("npm", "ci")]),
        ("sh -c 'pm2 save'", [("sh", "-c", "pm2 save"), ("pm2", "save")]),
        ("cat <<END >x\npm2 save\nEND\ntrue", [("cat",), ("true",)]),
        ("cat <<'A' <<-B\npm2 save\nA\n\tnpx\n\tB\ntrue", [("cat",), ("true",)]),
        ("echo ${#x} $# a#b", [("echo", "${#x}", "$#", "a#b")]),
        ("echo 'never ends", [("echo", "'", "never", "ends")]),
        ("", []),
    ],
)
def test_a_script_makes_these_calls(script: str, said: list[tuple[str, ...]]) -> None:
    assert words(script) == said


def test_a_call_knows_what_is_around_it() -> None:
    first, second = calls_of("A=1 timeout 5 curl -fsS x 2>/dev/null | grep y >out")
    assert (first.program, first.around, first.given, first.after) == ("curl", ("timeout",), ("A=1",), "|")
    assert first.redirects == ((">", "/dev/null"),)
    assert (second.before, second.redirects) == ("|", ((">", "out"),))
    assert first.has("-f", "--fail")
    assert not first.has("-m")


def test_a_call_stands_where_it_stands() -> None:
    script = "true\n  sh -c 'x && pm2 save'"
    call = next(call for call in calls_of(script) if call.program == "pm2")
    assert script[call.start : call.end] == "pm2 save"
