"""A runner's working directory with one inventory whose hosts are never reached."""

from pathlib import Path

import pytest

from remediate.cli.app import run

INVENTORY = """
environment: lab
groups:
  backend:
    hosts:
      web1: {address: 127.0.0.1, port: 1}
      web2: {address: 127.0.0.1, port: 1}
    vars:
      app: {name: lumiku-backend, root: /srv/lumiku, backend: /srv/lumiku/backend, port: 3000, user: deploy}
    database:
      url: {env_file: "{{ app.backend }}/.env", key: DATABASE_URL}
    secrets:
      token: {file: token}
  database:
    hosts:
      db1: {address: 127.0.0.1, port: 1}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.delenv("REMEDIATE_INVENTORY", raising=False)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "lab.yml").write_text(INVENTORY)
    (tmp_path / "inventory" / "token").write_text("canary-token-1\n")
    (tmp_path / "known_hosts").write_text("")
    return tmp_path


@pytest.fixture
def does(here: Path, capsys: pytest.CaptureFixture[str]):
    """Run a command line and return its exit code, standard output and standard error."""

    def line(*words: str) -> tuple[int, str, str]:
        code = run(words)
        said = capsys.readouterr()
        return code, said.out, said.err

    return line
