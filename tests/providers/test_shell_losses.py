"""Commands that would lose data: found as people write them, and refused outside of development whatever is said."""

import json
from pathlib import Path

import pytest
from pydantic import ValidationError

from remediate.inventory import Policy
from remediate.model import Change, Plan, PlannedFix
from remediate.policy import refusals
from remediate.providers.command import CommandOutput, CommandRun, Script
from remediate.providers.node import NodeBuild
from remediate.providers.node_packages import NodeCi
from remediate.providers.shell_losses import said_by
from remediate.questions import Answers, ReadAnswer
from tests.laws.command import CommandTarget
from tests.laws.laws import planned

TARGET = CommandTarget()
LOSES = (
    ("npx prisma migrate reset --force", []),
    ("npx prisma db push --accept-data-loss", []),
    ("npx prisma db push --force-reset", []),
    ("npx prisma 'migrate' \"reset\"", []),
    ("npx prisma migrate\\\n  reset", []),
    ("npx prisma migrate$IFS${IFS}reset", []),
    ('npx prisma migrate "$1"', ["reset"]),
    ('npx prisma "$@"', ["migrate", "reset"]),
    ('psql "$DATABASE_URL" -c "drop table avatars"', []),
    ("echo 'TRUNCATE avatars' | psql", []),
    ('psql -c "$1"', ['DELETE FROM "avatars"']),
    ("psql <<'END'\nDROP SCHEMA public CASCADE;\nEND", []),
    ("dropdb lumiku", []),
    ("pg_restore -d lumiku --clean dump", []),
    ("pg_restore -cd lumiku dump", []),
    ("pg_restore -d lumiku -Oc dump", []),
    ('Q="DROP TABLE a"; psql -c "$Q"', []),
    ('{ echo "DROP TABLE a"; } | psql', []),
    ('(echo "TRUNCATE a") | psql', []),
    ('psql <<< "DROP TABLE a"', []),
    ('echo "DROP TABLE a" > f; psql -f f', []),
    ("awk 'BEGIN{system(\"prisma migrate reset\")}'", []),
    ("# a comment \\\nnpx prisma migrate reset -f", []),
    ('psql -c "DELETE FROM a"; psql -c "SELECT 1 WHERE true"', []),
    ('psql -c "DELETE FROM a" && echo where', []),
    ('psql -c "DELETE FROM a WHERE true"', []),
    ("npx prisma migrate --schema x reset", []),
    ('psql -c "DROP/**/TABLE a"', []),
    ('psql -c "ALTER TABLE a DROP b"', []),
)
HARMLESS = (
    "npx prisma migrate deploy",
    "npx prisma db push",
    "pg_restore -Fc -d x dump",
    "echo 'nobody runs migrate reset here'",
    "echo 'never migrate reset' >&2",
    "echo 'never migrate reset' 2>/dev/null; ps -e | grep node | wc -l || true",
    "# never: prisma migrate reset\nnpx prisma migrate status",
    "truncate -s 0 /srv/app/log",
    "psql -c \"DELETE FROM avatars WHERE id = 'a'\"",
    "echo reset migrate; drop_caches=1",
    "npm prune --omit=dev",
    "npm rebuild",
    "npm dedupe; npm rm x; npm pkg get name; yarn upgrade",
    "pm2 start npm --name app -- start",
    "echo npm is done",
    "apt-get install npm nodejs",
    "systemctl restart yarn app",
    "npx prisma migrate status # not migrate reset",
    "psql <<'END'\n-- drop table a\nSELECT 1;\nEND",
    "psql -c \"SELECT 'drop table x'\"",
    '! grep -q "migrate reset" package.json',
    'grep -rlE "DROP TABLE|TRUNCATE TABLE" /srv/app',
)


def command(script: str, args: list[str], **more: object) -> CommandRun:
    base = {
        "what": "x",
        "about": ["file:/x"],
        "unless": Script(script="false"),
        "undo": Script(script="true"),
    }
    return CommandRun.model_validate({**base, "script": script, "args": args, **more})


def refused(*changes: Change, development: bool = False) -> tuple[str, ...]:
    fix = PlannedFix(step="fix", action="command.run", parameters={}, changes=changes)
    plan = Plan(playbook="p", playbook_digest="", environment="e", host="web1", findings=(), fixes=(fix,))
    return refusals([plan], Policy(), "", development=development)


@pytest.mark.parametrize(("script", "args"), LOSES)
def test_a_command_that_loses_data_is_refused_outside_development(script: str, args: list[str]) -> None:
    changes = planned(command(script, args), TARGET)
    (line,) = refused(*changes)
    assert "refused outside `development: true`" in line
    assert refused(*changes, development=True) == ()


@pytest.mark.parametrize("script", HARMLESS)
def test_a_command_that_only_looks_like_it_is_not(script: str) -> None:
    assert said_by(script) == ""
    assert refused(*planned(command(script, []), TARGET)) == ()


def test_so_is_what_takes_a_command_back() -> None:
    undo = Script(script='npx prisma migrate "$1"', args=["reset"])
    assert refused(*planned(command("true", [], undo=undo), TARGET))


@pytest.mark.parametrize(("script", "args"), LOSES)
def test_a_look_that_loses_data_is_no_look(script: str, args: list[str]) -> None:
    with pytest.raises(ValidationError, match="a look must change nothing"):
        CommandOutput(script=script, args=args)
    with pytest.raises(ValidationError, match="a look must change nothing"):
        command("true", [], unless=Script(script=script, args=args))


def package(folder: Path, **scripts: str) -> Path:
    (folder / "package.json").write_text(json.dumps({"scripts": scripts}))
    return folder


@pytest.mark.parametrize(
    "runs",
    [
        "cd {0} && npm run db:new",
        "ssh web2 'cd {0} && npm run db:new'",
        "npm --prefix {0} run db:new",
        "yarn --cwd {0} db:new",
    ],
)
def test_a_script_of_package_json_is_read_wherever_it_leads(tmp_path: Path, runs: str) -> None:
    script = runs.format(tmp_path)
    package(tmp_path, **{"db:new": "npm run -s db:wipe && tsc", "db:wipe": "prisma migrate reset --force"})
    (line,) = refused(*planned(command(script, []), TARGET))
    assert "migrate reset (by 'db:wipe' of package.json)" in line
    package(tmp_path, **{"db:new": "tsc", "predb:new": "prisma db push --accept-data-loss"})
    assert refused(*planned(command(script, []), TARGET))
    package(tmp_path, **{"db:new": "npm run db:new", "postdb:new": "tsc"})
    assert refused(*planned(command(script, []), TARGET)) == ()


def test_a_script_of_a_package_json_that_nobody_can_find_is_refused(tmp_path: Path) -> None:
    (line,) = refused(*planned(command("cd back && npm run db:new", []), TARGET))
    assert "of a package.json that it does not name" in line
    assert refused(*planned(command(f"cd {package(tmp_path)} && npm run db:new", []), TARGET))
    assert refused(*planned(command("npm ci --ignore-scripts && npx tsc", []), TARGET)) == ()


def test_a_build_script_that_loses_data_is_refused_too() -> None:
    action = NodeBuild(backend="/srv/app")
    for scripts, stops in (
        ({"build": "tsc"}, 0),
        ({"prebuild": "prisma migrate reset -f", "build": "tsc"}, 1),
    ):
        content = json.dumps({"scripts": scripts}).encode()
        answers = Answers(
            {action.package: ReadAnswer(exists=True, kind_of_file="file", content=content)}, "web1"
        )
        assert len(action.hazards(answers)) == stops


@pytest.mark.parametrize(
    "runs",
    [
        "run-s db:wipe",
        "node --run db:wipe",
        "npm --prefix . run db:wipe",
        "npm run -w . db:wipe",
        "run-p db:*",
    ],
)
def test_a_script_that_another_runs_is_found_however_it_is_called(tmp_path: Path, runs: str) -> None:
    package(tmp_path, **{"build": runs, "db:wipe": "prisma migrate reset --force"})
    (line,) = refused(*planned(command(f"npm run --prefix {tmp_path} build", []), TARGET))
    assert "migrate reset (by 'db:wipe' of package.json)" in line
    package(tmp_path, build="tsc")
    assert refused(*planned(command(f"npm run --prefix {tmp_path} build", []), TARGET)) == ()
    package(tmp_path, build="npm run gone")
    (line,) = refused(*planned(command(f"npm run --prefix {tmp_path} build", []), TARGET))
    assert f"unread-script: `gone` is no script of {tmp_path}/package.json" in line


@pytest.mark.parametrize("install", ["npm ci", "npm i", "yarn", "pnpm install"])
def test_what_an_installation_runs_is_read(tmp_path: Path, install: str) -> None:
    package(tmp_path, postinstall="prisma migrate reset -f")
    assert refused(*planned(command(f"cd {tmp_path} && {install}", []), TARGET))
    assert refused(*planned(command(f"cd {tmp_path} && {install} --ignore-scripts", []), TARGET)) == ()
    package(tmp_path, postinstall="prisma generate")
    assert refused(*planned(command(f"cd {tmp_path} && {install}", []), TARGET)) == ()


def test_a_look_runs_no_script_of_package_json() -> None:
    with pytest.raises(ValidationError, match=r"runs `db:reset` of a package\.json"):
        CommandOutput(script="cd /srv/app && npm run db:reset")


@pytest.mark.parametrize(("scripts", "stops"), [(True, 1), (False, 0)])
def test_an_installation_that_runs_scripts_is_asked_what_they_say(scripts: bool, stops: int) -> None:
    action = NodeCi(backend="/srv/app", scripts=scripts)
    content = json.dumps({"scripts": {"postinstall": "prisma migrate reset -f"}}).encode()
    answers = Answers({action.package: ReadAnswer(exists=True, content=content)}, "web1")
    assert len(action.hazards(answers)) == stops
    assert (action.package in action.ask()) is scripts
