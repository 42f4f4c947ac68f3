"""`remediate check`: exit codes, text, JSON and SARIF, what is allowed, and that no secret is shown."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from remediate.cli.examining import TOOLS
from remediate.lint import RULES
from remediate.lint.examples import migrating, whole

Does = Callable[..., tuple[int, str, str]]
SAVE = RULES["RM308"].bad
LATE = "within: 2h\n"


@pytest.fixture
def book(here: Path) -> Callable[[str], str]:
    """Write a playbook with these sections, and return its name."""
    (here / "playbooks").mkdir()

    def write(sections: str) -> str:
        (here / "playbooks" / "example.yml").write_text(whole(sections))
        return "playbooks/example.yml"

    return write


def results(out: str) -> list[dict[str, Any]]:
    (run,) = json.loads(out)["runs"]
    found: list[dict[str, Any]] = run["results"]
    return found


def test_a_file_in_order_is_told_as_such(does: Does, book) -> None:
    assert does("check", book("")) == (0, "playbooks/example.yml: ok\n", "")


def test_an_error_ends_with_2_and_a_warning_only_where_it_is_wanted(does: Does, book) -> None:
    assert does("check", book(SAVE))[0] == 2
    name = book(LATE)
    assert does("check", name)[0] == 0
    assert does("check", name, "--strict")[0] == 2
    note = book(RULES["RM210"].bad)
    assert does("check", note, "--strict")[0] == 0
    assert "note RM210" in does("check", note)[1]


def test_a_remark_shows_its_line_with_a_caret_below_it_why_and_what_to_do(does: Does, book) -> None:
    name = book(SAVE)
    _, out, _ = does("check", name)
    head, source, caret, why, todo = out.splitlines()
    number = next(n for n, line in enumerate(whole(SAVE).splitlines(), 1) if "pm2 save" in line)
    assert head.startswith(f"{name}:{number}:9: error RM308 pm2-save: ")
    assert source.endswith("pm2 save")
    assert source.index("pm2 save") == caret.index("^")
    assert caret.endswith("^~~~~~~~")
    assert why.startswith("    why: `pm2 save` saves every app")
    assert todo.startswith("    do:  `pm2.save`")
    assert "\x1b" not in out


def test_a_line_that_is_long_is_shown_around_what_is_meant(does: Does, book) -> None:
    _, out, _ = does("check", book(f"notes: {'x' * 400} Bearer 0123456789abcdef0123 {'y' * 400}\n"))
    _, source, caret, *_ = out.splitlines()
    assert max(len(source), len(caret)) < 130
    assert source[caret.index("^") - 1] == " "
    assert source[caret.index("^")] == "*"


def test_several_files_end_with_a_count(does: Does, here: Path, book) -> None:
    _, out, _ = does("check", book(LATE), "inventory/lab.yml")
    assert out.splitlines()[-1] == "2 files: 0 errors, 1 warning, 0 notes"


def test_every_file_is_one_object_for_machines(does: Does, book) -> None:
    name = book(SAVE)
    code, out, _ = does("check", name, "inventory/lab.yml", "--json")
    wrong, well = map(json.loads, out.splitlines())
    assert code == 2
    assert (well["file"], well["ok"], well["problem"], well["remarks"]) == ("inventory/lab.yml", True, "", [])
    assert not wrong["ok"]
    (remark,) = wrong["remarks"]
    assert (remark["rule"], remark["severity"], remark["column"]) == ("RM308", "error", 9)
    assert wrong["problem"].startswith(f"{name}:{remark['line']}:9: ")
    assert does("check", name, "--format", "json")[1] == does("check", name, "--json")[1]


def test_a_comment_with_a_reason_allows_one_rule_on_its_line_or_the_one_below(does: Does, book) -> None:
    reason = "remediate: allow RM205 the export takes that long"
    for text in (f"# {reason}\n{LATE}", f"within: 2h  # {reason}\n", f"# {reason}\n# and more\n{LATE}"):
        code, out, _ = does("check", book(text), "--strict")
        assert (code, out) == (0, "playbooks/example.yml: ok\n")
    (remark,) = json.loads(does("check", book(f"# {reason}\n{LATE}"), "--json")[1])["remarks"]
    assert remark["allowed"] == "the export takes that long"


def test_a_comment_within_a_script_allows_what_the_script_does_there(does: Does, book) -> None:
    allowed = SAVE.replace("pm2 save", "pm2 save # remediate: allow RM308 the host has one app")
    assert does("check", book(allowed), "--strict")[0] == 0


def test_a_comment_allows_no_other_rule_and_no_other_line(does: Does, book) -> None:
    other = "# remediate: allow RM204 it is so\n"
    code, out, _ = does("check", book(other + LATE), "--strict")
    assert code == 2
    assert "RM205" in out
    assert "RM903" in out
    far = book(f"# remediate: allow RM205 it is so\nstable: 4s\n{LATE}")
    assert {"RM205", "RM903"} <= {
        one["rule"] for one in json.loads(does("check", far, "--json")[1])["remarks"]
    }


def test_what_is_wrong_in_a_part_is_told_there_and_once(does: Does, here: Path, book) -> None:
    name = book("fix:\n  - use: saving\n")
    (here / "playbooks" / "parts").mkdir()
    part = here / "playbooks" / "parts" / "saving.yml"
    part.write_text(SAVE.removeprefix("fix:\n").replace("\n  ", "\n")[2:])
    second = here / "playbooks" / "other.yml"
    second.write_text((here / name).read_text().replace("name: example", "name: other"))
    _, out, _ = does("check", name, "playbooks/other.yml")
    (line,) = (line for line in out.splitlines() if "RM308 pm2-save" in line)
    number = part.read_text().splitlines().index("      pm2 save") + 1
    assert line.startswith(f"playbooks/parts/saving.yml:{number}:7: ")
    part.write_text(part.read_text().replace("pm2 save", "true # remediate: allow RM308 it was so"))
    assert "RM903" not in does("check", name)[1], "another playbook may use the part"
    assert "RM903" in does("check")[1]


def test_no_secret_is_shown_wherever_its_line_is(does: Does, book) -> None:
    script = 'psql postgres://app:canary-4711@db/app -c "SELECT 1"'
    for sections in (
        RULES["RM301"].bad.replace("pm2 logs api --lines 10", script),
        "notes: Use postgres://app:canary-4711@db/app.\n",
        "vars: {admin_password: {type: str, default: canary-4711}}\n",
    ):
        name = book(sections)
        for how in ("text", "json", "sarif"):
            code, out, _ = does("check", name, "--format", how)
            assert code == 2
            assert "RM50" in out
            assert "canary" not in out


def test_every_playbook_that_uses_a_broken_part_is_wrong_though_the_part_is_told_once(
    does: Does, here: Path, book
) -> None:
    name = book("fix:\n  - use: broken\n")
    (here / "playbooks" / "parts").mkdir()
    part = here / "playbooks" / "parts" / "broken.yml"
    (here / "playbooks" / "other.yml").write_text(
        (here / name).read_text().replace("name: example", "name: other")
    )
    for text, rule in (("- name: x\n  no.such: {}\n", "RM001"), (SAVE.removeprefix("fix:\n"), "RM308")):
        part.write_text(text)
        code, out, _ = does("check", name, "playbooks/other.yml", "--json")
        assert (code, [json.loads(line)["ok"] for line in out.splitlines()]) == (2, [False, False])
        assert all(
            rule in line and "parts/broken.yml" in json.loads(line)["problem"] for line in out.splitlines()
        )
        _, told, _ = does("check", name, "playbooks/other.yml")
        assert "playbooks/other.yml: as told above, playbooks/parts/broken.yml:" in told
        assert ": ok" not in told
        assert "2 files: 1 error, " in told
        assert len(results(does("check", name, "playbooks/other.yml", "--format", "sarif")[1])) == 1
    assert does("check", "playbooks/other.yml")[0] == 2


NOTED = 'notes: "{}"  # remediate: allow RM{}\n'


@pytest.mark.parametrize(
    ("sections", "rule"),
    [
        (NOTED.format("postgres://app:canary-4711@db/app", "501"), "RM902"),
        (NOTED.format("postgres://app:canary-4711@db/app", "999"), "RM901"),
        (NOTED.format("PGPASSWORD=canary-4711", "205 it takes long"), "RM903"),
        ("vars: {admin_password: {type: str, default: canary-4711}}  # remediate: allow RM204\n", "RM902"),
        (RULES["RM301"].bad.replace("api --lines 10", "; curl -u admin:canary-4711 localhost"), "RM332"),
        (RULES["RM301"].bad.replace("api --lines 10", "; curl -u 'admin:my canary-4711' localhost"), "RM332"),
        (
            RULES["RM301"].bad.replace("api --lines 10", "; curl -H 'X-Api-Key: canary-4711' localhost"),
            "RM332",
        ),
        (RULES["RM301"].bad.replace("api --lines 10", "; redis-cli -a canary-4711"), "RM301"),
        (migrating("ALTER ROLE lumiku PASSWORD 'a''canary-4711';"), "RM414"),
        (migrating("ALTER ROLE lumiku PASSWORD\n  'canary-4711'; -- remediate: allow RM414"), "RM902"),
        ("notes: Use postgres://u:p@canary-4711@host now.\n", "RM501"),
        ("notes: Use postgres://u:p4/canary-4711@host now.\n", "RM501"),
        ("within: 2h  # remediate: allow RM205 not postgres://app:canary-4711@db\n", "RM501"),
    ],
)
def test_no_remark_shows_a_secret_whatever_it_is_about(does: Does, book, sections: str, rule: str) -> None:
    name = book(sections)
    for how in ("text", "json", "sarif"):
        out = does("check", name, "--format", how)[1]
        assert rule in out
        assert "canary" not in out
        assert "4711" not in out.replace("backend(4711)", ""), "the example of a rule has a number, too"


def test_what_only_names_a_secret_is_shown(does: Does, book) -> None:
    for text in ("curl -u $LOGIN localhost", "curl http://localhost:3000/@scope/x"):
        assert text in does("check", book(RULES["RM301"].bad.replace("api --lines 10", f"; {text}")))[1]


def test_what_is_refused_is_one_line_and_shows_nothing_else_of_the_file(does: Does, book) -> None:
    code, out, _ = does("check", book("within: soon, canary-4711\n"))
    assert code == 2
    assert len(out.splitlines()) == 1
    assert "error RM001 refused: " in out


def test_sarif_has_what_code_scanning_wants(does: Does, here: Path, book) -> None:
    name = book(SAVE + LATE)
    code, out, _ = does("check", name, "--format", "sarif")
    log = json.loads(out)
    assert code == 2
    assert log["version"] == "2.1.0"
    assert log["$schema"].endswith("sarif-schema-2.1.0.json")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert [rule["id"] for rule in rules] == list(RULES)
    assert all(
        rule["shortDescription"]["text"] and rule["help"]["text"] and rule["help"]["markdown"]
        for rule in rules
    )
    assert not any("helpUri" in rule for rule in rules), "the standard takes no relative one"
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in {"error", "warning", "note"}
        (location,) = result["locations"]
        place = location["physicalLocation"]
        assert place["artifactLocation"] == {"uri": name, "uriBaseId": "%SRCROOT%"}
        region = place["region"]
        assert region["startLine"] >= 1
        assert 1 <= region["startColumn"] < region["endColumn"]
    assert {result["ruleId"] for result in run["results"]} == {"RM308", "RM205"}


def test_sarif_links_to_the_page_where_one_is_named(does: Does, book) -> None:
    _, out, _ = does("check", book(""), "--format", "sarif", "--docs", "https://docs.example/LINT.md")
    (run,) = json.loads(out)["runs"]
    assert (
        run["tool"]["driver"]["rules"][2]["helpUri"]
        == "https://docs.example/LINT.md#rm101-restart-before-edit"
    )
    assert run["results"] == []


def test_a_remark_keeps_its_fingerprint_when_lines_move_and_loses_it_when_its_line_changes(
    does: Does, book
) -> None:
    def prints(sections: str) -> list[str]:
        _, out, _ = does("check", book(sections), "--format", "sarif")
        return [result["partialFingerprints"]["remediateRemark/v1"] for result in results(out)]

    first = prints(SAVE)
    assert prints(f"notes: Some lines\n{SAVE}") == first
    assert prints(SAVE.replace("pm2 save", "pm2 save --force")) != first
    twice = prints(SAVE.replace("pm2 save\n", "pm2 save\n        pm2 save\n"))
    assert len(set(twice)) == len(twice) == 3


def test_what_is_allowed_is_in_no_sarif(does: Does, book) -> None:
    name = book(f"# remediate: allow RM205 the export takes that long\n{LATE}")
    assert results(does("check", name, "--format", "sarif")[1]) == []


def test_the_rules_are_listed_and_each_is_explained_by_its_id_or_its_name(does: Does) -> None:
    code, out, _ = does("check", "--rules")
    assert code == 0
    assert [line.split()[0] for line in out.splitlines()] == list(RULES)
    told = [does("check", "--explain", word)[1] for word in ("RM101", "rm101", "restart-before-edit")]
    assert len(set(told)) == 1
    assert "RM101 restart-before-edit (error)" in told[0]
    assert json.loads(does("check", "--explain", "RM101", "--json")[1])["bad"] == RULES["RM101"].bad
    code, _, err = does("check", "--explain", "RM110")
    assert code == 2
    assert "there is no such rule" in err


@pytest.fixture
def surrounded(here: Path) -> Callable[[str], str]:
    """Write an inventory with these sections, and return its name; the shipped playbooks are beside it."""

    def write(sections: str) -> str:
        path = here / "inventory" / "lab.yml"
        path.write_text(path.read_text() + sections)
        return "inventory/lab.yml"

    return write


NOT_THERE = [
    (
        "alerts: {X: {on: [nohost]}}",
        "RM709",
        "--on nohost: inventory/lab.yml has no such host or group; known: ",
    ),
    ("alerts: {X: {on: [web1, '!web1']}}", "RM709", "--on web1,!web1: no host is left"),
    ("alerts: {X: {playbooks: [stale-proces]}}", "RM710", "`stale-proces`; did you mean `stale-process`?"),
    ("alerts: {X: {playbooks: [stale-process, health]}}", "RM710", "`health` is a tool: it cures nothing"),
    ("rules: {health: {tool: nope}}", "RM710", "there is no playbook `nope`"),
    ("rules: {health: {tool: vacuum}}", "RM710", "`vacuum` is no tool"),
    ("schedule: {x: {playbook: vacuumm, cron: '0 3 * * *'}}", "RM710", "did you mean `vacuum`?"),
    ("schedule: {x: {playbook: vacuum, cron: '0 3 * * *', on: [nohost]}}", "RM709", "--on nohost: "),
    (
        "schedule: {x: {playbook: vacuumm, cron: '0 3 * * *', on: [nohost]}}",
        "RM709",
        "--on nohost: ",
    ),
    (
        "schedule: {x: {playbook: vacuum, cron: '0 3 * * *', on: [web1, db1]}}",
        "RM709",
        "vacuum is for backend, and that is not the group of db1",
    ),
]


@pytest.mark.parametrize(("watched", "rule", "says"), NOT_THERE, ids=[one for one, _, _ in NOT_THERE])
def test_what_watch_would_refuse_of_an_inventory_is_an_error_at_its_place(
    does: Does, surrounded, watched: str, rule: str, says: str
) -> None:
    name = surrounded(f"watch:\n  {watched}\n")
    code, out, _ = does("check", name, "--json")
    (told,) = (one for one in json.loads(out)["remarks"] if one["rule"] == rule)
    assert (code, told["severity"], says in told["what"]) == (2, "error", True), told
    assert told["line"] == (Path(name).read_text().splitlines().index(f"  {watched}") + 1)
    code, _, said = does("watch", "--once")
    assert (code, said.count("\n")) == (2, 1), "and so does watch"


def test_a_tool_that_is_no_command_and_a_playbook_that_is_refused_cannot_be_scheduled(
    does: Does, here: Path, surrounded, book
) -> None:
    book("within: soon\n")
    mine = here / "playbooks" / "mine.yml"
    mine.write_text(
        "name: mine\ntitle: Mine\nkind: tool\non: backend\ndiagnose:\n  - {name: it runs, pm2.online: {}}\n"
    )
    assert does("check", "playbooks/mine.yml")[0] == 0
    due = "cron: '0 3 * * *'"
    name = surrounded(
        f"watch:\n  schedule: {{a: {{playbook: mine, {due}}}, b: {{playbook: example, {due}}}}}\n"
    )
    code, out, _ = does("check", name, "--json")
    assert (code, [one["what"] for one in json.loads(out)["remarks"]]) == (
        2,
        [
            "`mine` is a tool that is no command; these are: " + ", ".join(sorted(TOOLS)),
            "the playbook `example` is refused itself; check it",
        ],
    )


def test_of_what_nobody_wrote_into_an_inventory_nothing_is_said(does: Does, book) -> None:
    book("")  # the folder has no `health`, which a rule that is on by itself asks for
    assert does("check", "inventory/lab.yml", "--strict") == (0, "inventory/lab.yml: ok\n", "")


QUERIES = "{{prometheus: {{url: {{env: A}}}}, requests: {{prometheus: {{total: '{}', failed: '1', seconds: '1'}}}}}}"


@pytest.mark.parametrize(
    ("sections", "rule"),
    [
        ("contacts:\n  - {level: 1, name: A, how: by telephone}\n", "RM706"),
        ("contacts:\n  - {level: 1, name: A, for: [database], notify: [{env: A}]}\n", "RM707"),
        (
            "contacts:\n  - {level: 1, name: A, notify: [{env: A}]}\n  - {level: 2, name: B, for: [dba]}\n",
            "RM708",
        ),
        ("watch: {every: 10s, jitter: 11s}\n", "RM712"),
        ("watch:\n  requests: {log: '{{ nope }}'}\n", "RM713"),
        (f"watch: {QUERIES.format('{{ host.x }}')}\n", "RM713"),
    ],
)
def test_what_may_be_meant_so_in_an_inventory_is_a_warning(
    does: Does, surrounded, sections: str, rule: str
) -> None:
    name = surrounded(sections)
    code, out, _ = does("check", name, "--json")
    (told,) = json.loads(out)["remarks"]
    assert (code, told["rule"], told["severity"]) == (0, rule, "warning")
    assert does("check", name, "--strict")[0] == 2


@pytest.mark.parametrize(
    "sections",
    [
        "contacts: [{level: 1, name: A, notify: [{env: A}]}, {level: 2, name: B, for: [security, application]}]\n",
        f"watch: {QUERIES.format('x{{ app.name }}{{ window }}')}\n",
        "watch:\n  requests: {log: '/var/log/{{ app.name }}.log'}\n",  # db1 has no app, and no log of one
        "watch:\n  rules: {errors: null, slow: null}\n  requests: {log: '{{ nope }}'}\n",
        "watch:\n  alerts: {X: {on: ['web*'], playbooks: [./mine.yml]}}\n",
        "watch: {rules: {cpu: null, health: {tool: health}}, alerts: {X: {on: [backend]}}}\n",
    ],
)
def test_what_is_in_order_in_an_inventory_is_told_as_such(does: Does, surrounded, sections: str) -> None:
    assert does("check", surrounded(sections), "--strict") == (0, "inventory/lab.yml: ok\n", "")
