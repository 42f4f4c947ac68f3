"""What scripts call is told where it does harm, and what only looks like it is not."""

from pathlib import Path

import pytest

from remediate.lint import Weight
from remediate.lint.examples import looking, script, steps_of

from .playing import play


def rules(folder: Path, sections: str) -> set[str]:
    return {one.rule for one in play(folder, sections)}


@pytest.mark.parametrize(
    "text",
    [
        *(
            "echo $COMPASS_VERSION",
            "echo $PASSENGER_VERSION",
            "echo $TOKEN_COUNT",
            'echo "$BYPASS ${TOKENIZER}"',
        ),
        *("timeout 5 ping host", "timeout 5 tail -f x", "timeout -k 1 5 journalctl -f", "tail --help"),
        *("git stash list", "git stash show", "docker run --help", "npm ci --help", "pm2 save --help"),
        *("curl --version", "curl -V", "timeout 5 curl --version"),
    ],
)
def test_what_only_looks_like_it_is_not_told(tmp_path: Path, text: str) -> None:
    assert rules(tmp_path, looking(text)) == set()


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        *(
            (f"echo ${{{name}}}", "RM331")
            for name in ("PGPASSWORD", "DB_PASS", "DBPASS", "accessToken", "TOKEN_PROD")
        ),
        *(
            (f"echo ${name}", "RM331")
            for name in ("API_KEY", "DATABASE_URL", "STRIPE_SECRET", "PASS", "SECRETS")
        ),
        *(
            ("ping host", "RM301"),
            ("git stash", "RM337"),
            ("npx x --version", "RM302"),
            ("sudo id --help", "RM316"),
        ),
    ],
)
def test_what_does_harm_still_is(tmp_path: Path, text: str, rule: str) -> None:
    assert rule in rules(tmp_path, looking(text))


def test_a_journal_from_a_moment_on_is_no_old_log(tmp_path: Path) -> None:
    def verified(text: str) -> set[str]:
        output = f"command.output: {{script: {text}, pattern: ERROR, absent: true}}"
        return rules(
            tmp_path, steps_of("verify", "http.ok: {path: /, json: {type: object}}", "pm2.online: {}", output)
        )

    assert "RM207" not in verified("journalctl -u api --since -5min")
    assert "RM207" in verified("journalctl -u api")


def test_a_cache_of_the_build_is_no_live_build_and_has_an_action_that_clears_it(tmp_path: Path) -> None:
    (note,) = (
        one for one in play(tmp_path, script("rm -rf node_modules/.cache/babel")) if one.rule[:3] == "RM3"
    )
    assert (note.rule, note.weight, "node.clean" in note.remedy) == ("RM355", Weight.NOTE, True)
    assert rules(tmp_path, script("rm -rf node_modules/.cache dist")) >= {"RM304", "RM355"}


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("export PORT=1\npm2 restart api", True),
        ("export PORT=1\nexport HOST=a\npm2 restart api && pm2 list", True),
        ("export PORT=1\npm2 restart api --update-env", False),
        ("export PORT=1\nmake cache\npm2 restart api", False),
    ],
)
def test_an_export_before_a_restart_that_keeps_the_old_environment_is_told(
    tmp_path: Path, text: str, *, told: bool
) -> None:
    assert ("RM315" in rules(tmp_path, script(text))) is told
