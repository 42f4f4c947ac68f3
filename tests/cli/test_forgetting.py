"""The command forget, as far as it comes without a host."""

import pytest

USAGE = 2


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--now"], "--now: wants a --reason"),
        (["--now", "--reason", " "], "--now: wants a --reason"),
        (["--older-than", "0d"], "--older-than 0d: wants a --reason, for rows are kept 30d"),
        (["--older-than", "719h"], "--older-than 719h: wants a --reason"),
        (["--older-than", "0d", "--reason", "asked for"], "r1: there is no such run"),
        (["--older-than", "soon"], "--older-than soon: is no age; write 30d, 12h or 90m"),
        (["--older-than", "-1d"], "is no age"),
        (["--older-than", "30d"], "r1: there is no such run"),
    ],
)
def test_what_is_not_meant_is_a_wrong_command_line(does, words: list[str], said: str) -> None:
    code, _, err = does("forget", "r1", *words)
    assert code == USAGE
    assert said in err
    assert len(err.strip().splitlines()) == 1
