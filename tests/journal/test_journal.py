import hashlib
import json
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from remediate.errors import JournalError, UsageError
from remediate.journal import Journal, default_state, new_run_id
from remediate.journal.export import Export, judge_export
from remediate.journal.store import AuditStore
from remediate.masking import Masker
from remediate.model import Confirmed, Forecast, Outcome, canonical
from remediate.questions import Read, ReadAnswer


def test_reading_an_audit_log_that_is_not_there_makes_nothing(journal: Journal, state: Path) -> None:
    assert journal.runs() == ()
    assert journal.owed("r1") == ()
    assert list(journal.entries()) == []
    assert journal.verify().whole
    assert not state.exists()


def test_what_is_written_is_for_its_owner_only(journal: Journal, state: Path, samples: Any) -> None:
    journal.begin(samples.header("r1"))
    journal._blobs.store(b"before")
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    for path in state.rglob("*"):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_way_back_is_owed_from_before_the_change_until_it_is_paid(journal: Journal, samples: Any) -> None:
    owed = journal.owe("r1", "web1", "mend .env", "r1/1.1", samples.change(), samples.undo(mode=0o640))
    assert [(one.state, one.token) for one in journal.owed("r1")] == [("intended", "r1/1.1")]
    journal.done(owed)
    assert journal.owed("r1")[0].state == "done"
    journal.paid(owed)
    assert journal.owed("r1") == ()


def test_what_is_owed_comes_last_first_and_by_host(journal: Journal, samples: Any) -> None:
    for token, host in (("a", "web1"), ("b", "web2"), ("c", "web1")):
        journal.owe("r1", host, "step", token, samples.change(), samples.undo())
    journal.owe("r2", "web1", "step", "d", samples.change(), samples.undo())
    assert [one.token for one in journal.owed("r1")] == ["c", "b", "a"]
    assert [one.token for one in journal.owed("r1", "web1")] == ["c", "a"]


def test_a_failed_and_an_unknown_change_are_still_owed_and_say_why(journal: Journal, samples: Any) -> None:
    first = journal.owe("r1", "web1", "one", "a", samples.change(), samples.undo())
    second = journal.owe("r1", "web1", "two", "b", samples.change(), samples.undo())
    journal.failed(first, "no space")
    journal.unknown(second, "the link went away")
    assert [(one.state, one.why) for one in journal.owed("r1")] == [
        ("unknown", "the link went away"),
        ("failed", "no space"),
    ]


def test_a_way_back_that_failed_is_still_owed_and_its_attempts_are_counted(
    journal: Journal, samples: Any
) -> None:
    owed = journal.owe("r1", "web1", "one", "a", samples.change(), samples.undo())
    journal.done(owed)
    journal.unpaid(owed, "read-only file system")
    journal.unpaid(owed, "read-only file system")
    (one,) = journal.owed("r1")
    assert (one.state, one.attempts, one.why) == ("done", 2, "read-only file system")


def test_change_and_undo_come_back_to_the_byte_in_another_process(
    open_journal: Callable[[], Journal], state: Path, samples: Any
) -> None:
    read = Read(path="/srv/.env")
    content = ("PASSWORD=" + samples.canary + "\n").encode() + bytes(range(256)) * 20
    made = samples.change(
        data={
            "content_bytes": "eHg=",
            "list": [1, {"deep": samples.canary}],
            "none": None,
            "text": "x" * 5000,
        },
        forecasts=(Forecast(question=read, answer=ReadAnswer(exists=True, content=content)),),
    )
    back = samples.undo(
        before=samples.canary, lines=["a", "ü" * 2000], number=3, nested={"k_bytes": ["q", "r"]}
    )
    open_journal().owe("r1", "web1", "mend", "a", made, back)
    (owed,) = open_journal().owed("r1")
    assert owed.undo == back
    assert owed.change == made


def test_a_secret_in_a_key_comes_back_too_and_is_not_in_the_log(
    journal: Journal, state: Path, samples: Any
) -> None:
    back = samples.undo(names={samples.canary: 1})
    journal.owe("r1", "web1", "mend", "a", samples.change(), back)
    assert journal.owed("r1")[0].undo == back
    assert samples.canary.encode() not in log_bytes(state)


def log_bytes(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in state.iterdir() if path.is_file())


def test_no_secret_is_in_the_log_nor_a_hash_it_could_be_guessed_from(
    journal: Journal, state: Path, samples: Any
) -> None:
    journal.begin(
        samples.header("r1", argv=("run", f"--var=x={samples.canary}"), reason=f"because {samples.canary}")
    )
    journal.append("r1", "web1", "note", {"text": samples.canary, "data": {samples.canary: [samples.canary]}})
    owed = journal.owe(
        "r1",
        "web1",
        f"step {samples.canary}",
        "a",
        samples.change(
            what=samples.canary, diff=f"-{samples.canary}", script=samples.canary, data={"k": samples.canary}
        ),
        samples.undo(before=samples.canary),
    )
    journal.failed(owed, f"refused {samples.canary}")
    journal.unpaid(owed, samples.canary)
    journal.ended("r1", "web1", Outcome.STUCK, samples.canary)
    raw = log_bytes(state)
    assert samples.canary.encode() not in raw
    assert hashlib.sha256(samples.canary.encode()).hexdigest().encode() not in raw
    assert samples.canary not in "".join(journal.export())


def every_word(value: Any) -> set[str]:
    """Return all that a JSON value is made of: its texts and its fields' names."""
    if isinstance(value, dict):
        return {*value, *(word for inner in value.values() for word in every_word(inner))}
    if isinstance(value, list):
        return {word for inner in value for word in every_word(inner)}
    return {value} if isinstance(value, str) else set()


def test_secrets_that_are_the_words_of_our_own_log_leave_it_readable_and_its_runs_to_be_put_back(
    state: Path, samples: Any
) -> None:
    header = samples.header("r1", environment="staging", reason="the staging user")
    forecasts = (Forecast(question=Read(path="/srv/.env"), answer=ReadAnswer(exists=True, content=b"x")),)
    made, back = samples.change(data={"user": "staging"}, forecasts=forecasts), samples.undo(user="staging")
    confirmed = Confirmed(digest="d" * 64, login={"user": "ada"}, machine="m1", found={"a": 1}, fixes=())
    words = every_word([one.model_dump(mode="json") for one in (header, made, back, confirmed)])
    words.remove(header.reason)
    words |= {
        "undo",
        "exact",
        "aside",
        "change",
        "step",
        "owed",
        "why",
        "outcome",
        "stuck",
        "staging",
        "user",
    }
    with Journal.open(state, Masker(words)) as journal:
        journal.begin(header)
        journal.confirm("r1", "web1", confirmed)
        journal.owe("r1", "web1", "a step", "r1/1.1", made, back)
        journal.ended("r1", "web1", Outcome.STUCK, "the staging user")
        (summary,), (owed,) = journal.runs(), journal.owed("r1")
        assert journal.confirmed("r1", "web1") == confirmed
        bodies = [entry.body for entry in journal.entries()]
    assert summary.header == header.model_copy(update={"reason": "the *** ***"})
    assert (summary.outcomes, summary.owed) == ({"web1": Outcome.STUCK}, 1)
    assert (owed.undo, owed.change.data, owed.change.target) == (back, made.data, made.target)
    assert bodies[-1] == {"outcome": "stuck", "why": "the *** ***"}


@pytest.mark.parametrize("written", ["now", "by an older version"])
def test_bytes_that_are_no_utf8_make_no_log_unreadable(
    journal: Journal, state: Path, samples: Any, written: str
) -> None:
    half = "disk \udce4"
    header = samples.header("r1", reason=half, argv=("--reason", half), variables={"name": half})
    if written == "now":
        journal.begin(header)
    else:
        with closing(AuditStore(state, lambda: 1.0)) as store:
            store.append("r1", "", "begun", canonical(header.model_dump(mode="json")))
    back = samples.undo(before=half, long=half * 1000)
    journal.owe("r1", "web1", half, "a", samples.change(what=half, data={"text": half}), back)
    journal.ended("r1", "web1", Outcome.STUCK, half)
    (summary,), (owed,) = journal.runs(), journal.owed("r1")
    assert summary.header.reason == "disk \\udce4"
    assert summary.header.variables == {"name": "disk \\udce4"}
    assert (owed.change.what, owed.undo) == ("disk \\udce4", back)
    assert summary.model_dump_json()
    assert journal.verify().whole
    export = Export(journal.entries(), journal.witness("a@b"))
    lines = [*export.lines(), canonical(export.head.model_dump(mode="json")).decode()]
    assert judge_export(line.encode() for line in lines).verdict.whole


def test_a_secret_is_kept_under_another_hash_each_time(journal: Journal, samples: Any) -> None:
    for token in ("a", "b"):
        journal.owe("r1", "web1", "step", token, samples.change(), samples.undo(before=samples.canary))
    first, second = (entry.body["aside"][0][1] for entry in journal.entries())
    assert first != second


def test_what_is_not_secret_beside_a_secret_can_still_be_read_in_the_log(
    journal: Journal, samples: Any
) -> None:
    journal.owe("r1", "web1", "step", "a", samples.change(), samples.undo(before=samples.canary, mode=0o640))
    (entry,) = journal.entries()
    assert entry.body["exact"]["undo"]["data"] == {"before": None, "mode": 0o640}


def test_the_list_of_runs_tells_who_why_where_and_how_it_ended(journal: Journal, samples: Any) -> None:
    journal.begin(samples.header("r1", hosts=("web1", "web2")))
    journal.ended("r1", "web1", Outcome.FIXED)
    journal.begin(samples.header("r2"))
    journal.owe("r2", "web1", "step", "a", samples.change(), samples.undo())
    journal.ended("r2", "web1", Outcome.STUCK, "no way back")
    second, first = journal.runs()
    assert (first.header.operator.user, first.header.reason, first.outcomes) == (
        "ada",
        "INC-1",
        {"web1": Outcome.FIXED},
    )
    assert first.ended is None, "web2 has no outcome yet"
    assert (second.header.run, second.owed, second.outcomes) == ("r2", 1, {"web1": Outcome.STUCK})
    assert second.ended is not None
    assert second.ended > second.started


def test_a_later_roll_back_is_the_outcome_that_counts(journal: Journal, samples: Any) -> None:
    journal.begin(samples.header("r1"))
    journal.ended("r1", "web1", Outcome.FIXED)
    journal.ended("r1", "web1", Outcome.ROLLED_BACK)
    assert journal.runs()[0].outcomes == {"web1": Outcome.ROLLED_BACK}


def test_a_run_is_found_by_the_beginning_of_its_id(journal: Journal, samples: Any) -> None:
    journal.begin(samples.header("20261122-101530-k3f9"))
    journal.begin(samples.header("20261122-101530-k3zz"))
    assert journal.find("20261122-101530-k3f") == "20261122-101530-k3f9"
    with pytest.raises(UsageError, match="2 runs begin like this"):
        journal.find("20261122")
    with pytest.raises(UsageError, match="there is no such run; did you mean `20261122-101530-k3f9`"):
        journal.find("20261122-101530-k4f9")
    with pytest.raises(UsageError):
        journal.find("")


def test_an_id_that_begins_another_one_is_still_found(journal: Journal, samples: Any) -> None:
    journal.begin(samples.header("r1"))
    journal.begin(samples.header("r10"))
    assert journal.find("r1") == "r1"


def test_run_ids_sort_by_time_and_are_of_letters_that_nobody_misreads() -> None:
    ids = [new_run_id(moment) for moment in (0.0, 1_800_000_000.0, 1_800_000_001.0)]
    assert ids == sorted(ids)
    assert new_run_id(1_795_342_530.0, lambda letters: letters[0]) == "20261122-101530-aaaa"
    assert not {"0", "1", "o", "l", "i"} & set("".join(new_run_id(0.0)[16:] for _ in range(200)))


def test_the_export_can_be_checked_by_anybody_with_a_json_parser_and_sha256(
    journal: Journal, samples: Any
) -> None:
    journal.begin(samples.header("r1", reason="größer → besser"))
    journal.append("r1", "web1", "note", {"b": 1.5, "a": [None, True]})
    previous = bytes(32)
    for line in journal.export():
        entry = json.loads(line)
        body = json.dumps(entry["body"], sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        at = str(round(entry["at"] * 1_000_000))
        fields = (str(entry["seq"]), entry["run"], entry["host"], at, entry["kind"], body)
        hashed = hashlib.sha256()
        for field in (*(text.encode() for text in fields), previous):
            hashed.update(len(field).to_bytes(8, "big") + field)
        assert entry["previous"] == previous.hex()
        assert entry["hash"] == hashed.hexdigest()
        previous = hashed.digest()


def test_an_export_of_one_run_has_only_its_entries(journal: Journal, samples: Any) -> None:
    journal.begin(samples.header("r1"))
    journal.begin(samples.header("r2"))
    assert [json.loads(line)["run"] for line in journal.export("r2")] == ["r2"]


def test_reporting_on_what_was_never_owed_is_refused(journal: Journal, samples: Any) -> None:
    begun = journal.begin(samples.header("r1"))
    with pytest.raises(JournalError, match="owes nothing"):
        journal.paid(begun)


def test_the_state_directory_follows_the_xdg_specification() -> None:
    home = Path("/home/ada")
    assert default_state({}, home) == Path("/home/ada/.local/state/remediate")
    assert default_state({"XDG_STATE_HOME": "/var/lib/x"}, home) == Path("/var/lib/x/remediate")
    assert default_state({"XDG_STATE_HOME": "relative"}, home) == Path("/home/ada/.local/state/remediate")
