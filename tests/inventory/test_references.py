import sys
import time
from pathlib import Path

import pytest

from remediate.errors import UsageError
from remediate.inventory import references
from remediate.inventory.references import Reference


def reference(folder: Path, **given: object) -> Reference:
    return Reference(name="secret token", where="inventory/lab.yml:9:14", folder=str(folder), **given)


def test_a_secret_comes_from_where_it_is_kept(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("tök en\n")
    assert reference(tmp_path, env="TOKEN").reveal({"TOKEN": "abc"}) == "abc"
    assert reference(tmp_path, file=str(tmp_path / "token")).reveal({}) == "tök en"
    printing = (sys.executable, "-c", "import os, sys; print(os.getcwd(), sys.argv[1:])", "$HOME; id")
    assert reference(tmp_path, command=printing).reveal({}) == f"{tmp_path} ['$HOME; id']"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"env": "TOKEN"}, "inventory/lab.yml:9:14: secret token: $TOKEN is empty or not set; set it"),
        ({"file": "/none"}, "secret token: /none cannot be read (No such file or directory)"),
        ({"command": ("/none/pass", "show")}, "secret token: the command `/none/pass` cannot be started"),
        ({"command": (sys.executable, "-c", "print('s3cret'); raise SystemExit(3)")}, "exited with 3"),
        ({"command": (sys.executable, "-c", "")}, "is empty or not set"),
        ({"command": (sys.executable, "-c", "import os; os.write(1, b's3cret\\xff')")}, "not UTF-8"),
    ],
)
def test_a_secret_that_cannot_be_had_is_one_line_without_it(
    tmp_path: Path, given: dict[str, object], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        reference(tmp_path, **given).reveal({})
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    shown: BaseException | None = caught.value
    while shown is not None:
        assert "s3cret" not in repr(shown).replace(repr(given), "")
        shown = shown.__cause__ or (None if shown.__suppress_context__ else shown.__context__)


def test_a_command_that_never_ends_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(references, "PATIENCE", 0.2)
    slow = (sys.executable, "-c", "import time; print('s3cret', flush=True); time.sleep(60)")
    begun = time.monotonic()
    with pytest.raises(UsageError, match="took longer than 0 s"):
        reference(tmp_path, command=slow).reveal({})
    assert time.monotonic() - begun < 1
