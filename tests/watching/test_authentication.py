"""Only who knows the key is believed, for five minutes, and once."""

import hashlib
import hmac

import pytest

from remediate.watching import authentication
from remediate.watching.authentication import Denied, Gatekeeper, Key, signature

NOW = 1_700_000_000
TOKEN, KEY = "a-token-of-the-lab-1234", "a-key-of-staging-567890"
BODY = b'{"alert": "HighErrorRate"}'


@pytest.fixture
def gate() -> Gatekeeper:
    return Gatekeeper((Key("lab", "bearer", TOKEN), Key("staging", "hmac", KEY)))


def signed(body: bytes = BODY, key: str = KEY, at: int = NOW) -> dict[str, str]:
    return {"x-remediate-signature": f"t={at},v1={signature(key, f'{at}.'.encode() + body)}"}


def test_a_signature_is_an_hmac_as_everybody_makes_it() -> None:
    assert signature(KEY, b"1.x") == hmac.digest(KEY.encode(), b"1.x", hashlib.sha256).hex()


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_a_token_lets_speak_of_its_own_environment(gate: Gatekeeper, scheme: str) -> None:
    assert gate.bearing({"authorization": f"{scheme} {TOKEN}"}) == {"lab"}


@pytest.mark.parametrize(
    "said",
    [f"Basic {TOKEN}", TOKEN, "Bearer", "Bearer ", f"Bearer {TOKEN}x", f"Bearer {KEY}", "Bearer \udcff"],
)
def test_anything_else_does_not(gate: Gatekeeper, said: str) -> None:
    assert gate.bearing({"authorization": said}) == frozenset()


def test_a_key_signs_for_its_own_environment_and_once(gate: Gatekeeper) -> None:
    assert gate.signed(signed(), BODY, NOW) == {"staging"}
    assert gate.signed(signed(), BODY, NOW + 1) is Denied.REPLAYED
    assert gate.signed(signed(at=NOW + 1), BODY, NOW + 1) == {"staging"}


@pytest.mark.parametrize(("at", "allowed"), [(-301, False), (-300, True), (300, True), (301, False)])
def test_a_signature_counts_for_five_minutes(gate: Gatekeeper, at: int, allowed: bool) -> None:
    told = gate.signed(signed(at=NOW + at), BODY, NOW)
    assert told == (frozenset({"staging"}) if allowed else Denied.EXPIRED)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"x-remediate-signature": ""},
        {"x-remediate-signature": f"t={NOW}"},
        {"x-remediate-signature": f"t={NOW},v1={'0' * 64}"},
        {"x-remediate-signature": f"t=,v1={signature(KEY, b'.' + BODY)}"},
        signed(key=TOKEN),  # another environment's secret
        signed(body=BODY + b" "),
        {"x-remediate-signature": signed()["x-remediate-signature"].replace(f"t={NOW}", f"t={NOW + 1}")},
        {"x-remediate-signature": signed()["x-remediate-signature"] + ",v1=" + "0" * 64},
        {"x-remediate-signature": signed()["x-remediate-signature"].replace("v1", "v0")},
    ],
)
def test_a_signature_over_anything_else_is_wrong(gate: Gatekeeper, headers: dict[str, str]) -> None:
    assert gate.signed(headers, BODY, NOW) is Denied.WRONG


def test_what_is_remembered_has_an_end(gate: Gatekeeper, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(authentication, "REMEMBERED", 3)
    bodies = [f"{number}".encode() for number in range(4)]
    told = [gate.signed(signed(one), one, NOW) for one in bodies]
    assert told == [{"staging"}] * 3 + [Denied.BUSY]
    later = NOW + 601
    assert gate.signed(signed(bodies[3], at=later), bodies[3], later) == {"staging"}
    assert gate.signed(signed(bodies[0]), bodies[0], later) is Denied.EXPIRED, (
        "forgotten, and no use any more"
    )


def test_what_was_seen_before_all_was_read_anew_is_refused_after_it(gate: Gatekeeper) -> None:
    gate.signed(signed(), BODY, NOW)
    anew = Gatekeeper(gate.keys)
    anew.succeeds(gate)
    assert anew.signed(signed(), BODY, NOW) is Denied.REPLAYED


def test_a_key_is_in_no_text_of_it(gate: Gatekeeper) -> None:
    assert KEY not in repr(gate)
    assert TOKEN not in repr(gate)
