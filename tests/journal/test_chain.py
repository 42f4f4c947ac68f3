from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from typing import Any

import pytest

from remediate.errors import JournalError
from remediate.journal.chain import START, Head, Link, fault_of, hash_of, judge_chain


def chain(length: int) -> list[Link]:
    links: list[Link] = []
    for seq in range(1, length + 1):
        previous = links[-1].hash if links else START
        link = Link(
            seq, b"r1", "wöb1".encode(), 1_800_000_000_000_000 + seq, b"note", b'{"a":1}', previous, b""
        )
        links.append(replace(link, hash=hash_of(link)))
    return links


def head_of(links: list[Link]) -> Head:
    return Head(links[-1].seq, links[-1].hash)


def flipped(value: Any) -> Iterator[Any]:
    if isinstance(value, int):
        yield from (value ^ (1 << bit) for bit in range(63))
    else:
        for index in range(len(value)):
            for bit in range(8):
                yield value[:index] + bytes([value[index] ^ (1 << bit)]) + value[index + 1 :]


def test_a_whole_chain_is_whole() -> None:
    links = chain(5)
    verdict = judge_chain(links, head_of(links))
    assert (verdict.whole, verdict.entries, verdict.head) == (True, 5, links[-1].hash.hex())
    assert judge_chain([], Head(0, START)).whole


@pytest.mark.fault(27)
@pytest.mark.parametrize("field", [field.name for field in fields(Link)])
def test_every_flipped_bit_of_every_field_of_every_entry_is_found_and_named(
    field: str, count: Callable[[str, int, int], None]
) -> None:
    links = chain(4)
    head, flips = head_of(links), 0
    for index, link in enumerate(links):
        for value in flipped(getattr(link, field)):
            bent = [*links[:index], replace(link, **{field: value}), *links[index + 1 :]]
            verdict = judge_chain(bent, head)
            assert not verdict.whole, (field, index, value)
            assert verdict.bad in {index + 1, index + 2}, (
                "the entry itself, or the one that no longer follows it"
            )
            flips += 1
    count("bits flipped", flips, flips)


@pytest.mark.parametrize("cut", [1, 2, 4])
def test_entries_cut_off_at_the_end_are_found_by_the_head(cut: int) -> None:
    links = chain(4)
    verdict = judge_chain(links[:-cut], head_of(links))
    assert (verdict.whole, verdict.bad) == (False, 4 - cut + 1)
    assert f"{cut} entries were cut off" in verdict.why


def test_entries_taken_from_the_middle_put_in_twice_or_swapped_are_found() -> None:
    links = chain(5)
    for bent in (
        [*links[:2], *links[3:]],
        [*links[:2], links[1], *links[2:]],
        [links[0], links[2], links[1], *links[3:]],
        links[1:],
    ):
        assert not judge_chain(bent, head_of(links)).whole


def test_a_field_that_slides_into_its_neighbour_is_found() -> None:
    (link,) = chain(1)
    slid = replace(link, run=b"r", host=b"1" + link.host)
    assert hash_of(slid) != link.hash


def test_a_log_written_anew_is_found_by_the_head() -> None:
    links = chain(4)
    anew = [replace(link, body=b"{}") for link in links]
    for index, link in enumerate(anew):
        link = replace(link, previous=anew[index - 1].hash if index else START)  # noqa: PLW2901
        anew[index] = replace(link, hash=hash_of(link))
    verdict = judge_chain(anew, head_of(links))
    assert (verdict.whole, verdict.bad) == (False, 4)
    assert "anew" in verdict.why


def test_a_head_that_is_behind_is_no_harm_and_is_told() -> None:
    links = chain(4)
    verdict = judge_chain(links, head_of(links[:3]))
    assert verdict.whole
    assert "1 behind" in verdict.note
    assert judge_chain(links, Head(0, START)).whole


def test_a_missing_head_is_not_whole() -> None:
    verdict = judge_chain(chain(2), None)
    assert not verdict.whole
    assert "head file is missing" in verdict.in_words


def test_a_log_that_cannot_be_read_on_is_bad_from_there() -> None:
    def broken() -> Iterator[Link]:
        yield from chain(2)
        raise JournalError("x", "malformed")

    verdict = judge_chain(broken(), Head(0, START))
    assert (verdict.whole, verdict.bad, verdict.entries) == (False, 3, 2)


def test_a_head_comes_back_from_its_line_and_from_nothing_else() -> None:
    head = Head(7, bytes(range(32)))
    assert Head.from_bytes(head.to_bytes()) == head
    for raw in (b"", head.to_bytes()[:-1], head.to_bytes() + b"x", b"x" * 86, bytes(86)):
        assert Head.from_bytes(raw) is None


def test_an_entry_with_a_right_hash_must_still_follow_the_one_before_it() -> None:
    first, second = chain(2)
    stray = replace(second, previous=bytes(32))
    assert (
        fault_of(replace(stray, hash=hash_of(stray)), Head(1, first.hash))
        == "it does not follow the entry before it"
    )
    later = replace(second, seq=3)
    assert fault_of(replace(later, hash=hash_of(later)), Head(1, first.hash)) == "entry 2 is missing"


@pytest.mark.parametrize("field", [field.name for field in fields(Link)])
@pytest.mark.parametrize("value", [None, "text", 1.5])
def test_a_field_of_another_type_is_found(field: str, value: Any) -> None:
    links = chain(2)
    verdict = judge_chain([links[0], replace(links[1], **{field: value})], head_of(links))
    assert (verdict.whole, verdict.bad) == (False, 2)
