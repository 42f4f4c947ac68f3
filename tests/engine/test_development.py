"""What is for development alone is done in no other environment, also where a run goes on that began in one."""

import pytest

from remediate.errors import Declined
from remediate.model import Confirmed
from remediate.providers.files_text import FilesReplace
from remediate.resumption import Resumption

from .conftest import Rehearsal


def test_a_run_whose_environment_is_no_longer_for_development_does_not_go_on(
    rehearsal: Rehearsal, monkeypatch: pytest.MonkeyPatch
) -> None:
    look = rehearsal.host_run().look()
    confirmed = Confirmed(digest=look.plan.digest, fixes=look.plan.outline)
    before = rehearsal.world.fingerprint()
    monkeypatch.setattr(FilesReplace, "development_only", True)
    with pytest.raises(Declined, match=r"“set the colour” .* is for development alone, and lab is none"):
        Resumption(rehearsal.host_run(), confirmed).carry_on()
    with pytest.raises(Declined, match="for development alone"):
        rehearsal.host_run().look()
    with pytest.raises(Declined, match="for development alone"):
        rehearsal.host_run().carry_out(look)
    assert rehearsal.world.fingerprint() == before
