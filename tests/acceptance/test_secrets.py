"""A canary on the screen, in the JSON, in the audit log and on the host: no secret is anywhere it need not be."""

import subprocess
from pathlib import Path

import pytest

from tests.operator import Operator
from tests.practice import BACKEND, Practice


@pytest.mark.fault(19)
def test_a_build_that_prints_the_env_file_shows_no_secret(
    practice: Practice, operator: Operator, web1: str, tmp_path: Path
) -> None:
    practice.break_("named-import")
    practice.shell(web1, f"""cd {BACKEND} && sed -i 's#"build": "#&cat .env; exit 1; #' package.json""")
    env = practice.shell(web1, f"cat {BACKEND}/.env")
    written = env.split("//", 1)[1].split(":", 1)[1].split("@", 1)[0]
    token = (practice.state / "token").read_text().strip()
    for words in ([], ["--json"]):
        ended = operator.does("run", "prisma-import", "--on", web1, "--yes", *words)
        said = ended.out + ended.err
        assert ended.code == 1, said
        assert "DATABASE_URL" in said, "the build's own output is shown"
        assert written not in said
        assert token not in said
    kept = subprocess.run(
        ["grep", "-rlaF", "-e", written, "-e", token, tmp_path], capture_output=True, text=True, check=False
    )
    assert kept.stdout == "", "the audit log and what lies beside it"
