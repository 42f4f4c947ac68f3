"""What healing came to, where its texts hold secrets: none is left, however it is shown, and names stay."""

import json

import pytest

from remediate.healing.healed import Healed, HostEnd, Treated
from remediate.healing.history import Fingerprint
from remediate.healing.masked import masked
from remediate.healing.page import healed_lines, healed_markdown
from remediate.healing.verdict import Condition, ruled
from remediate.masking import Masker
from remediate.model import Outcome

SECRET = "canary-t@ken#number_4711"
CUT = "x" * 285 + SECRET
"""A page shows three hundred characters of it."""


def healed(text: str) -> Healed:
    ruling = ruled([Condition(name="switch is on", holds=False, said=text)])
    fault = Treated(
        fingerprint=Fingerprint(environment="lab", target="web1", playbook="colour"),
        title=text,
        hosts=("web1",),
        seen=(text,),
        evidence=((text, text),),
        ruling=ruling,
        why=text,
        todo=text,
        output=text,
        since=0.0,
    )
    ends = {"web1": HostEnd(outcome=Outcome.NO_CURE, why=text)}
    return Healed(
        environment="lab", run="run", began=0.0, seconds=1.0, rounds=1, faults=(fault,), hosts=ends, reasons=(text,)
    )  # fmt: skip


@pytest.mark.parametrize("text", [SECRET, CUT, f"before {SECRET} and after"])
def test_no_piece_of_a_secret_stands_on_a_page_or_in_a_line(text: str) -> None:
    clear = masked(healed(text), Masker([SECRET]).text)
    shown = healed_markdown(clear) + "".join(line.text for line in healed_lines(clear))
    shown += json.dumps(clear.model_dump(mode="json"))
    assert "canary" not in shown
    assert "4711" not in shown


def test_a_secret_that_is_a_common_word_masks_no_name() -> None:
    clear = masked(healed("the switch of web1"), Masker(["switch", "web1", "colour"]).text)
    (fault,) = clear.faults
    assert fault.why == "the *** of ***"
    assert str(fault.fingerprint) == "colour on web1 (lab)"
    assert fault.ruling.deciding is fault.ruling.conditions[0], "a condition's name is a key of the table"
    assert list(clear.hosts) == ["web1"]
