"""Frames: whatever is printed arrives as it was, cut at whatever places."""

from hypothesis import given
from hypothesis import strategies as st

from remediate.transport.frames import Frame, Kept, Stream

NONCE = b"0123456789abcdef0123456789abcdef"


def framed(content, nonce=NONCE, words=b" 0"):
    return nonce + b">\n" + content + nonce + b"<" + words + b"\n"


def pieces(data, sizes):
    at = 0
    for size in sizes:
        yield data[at : at + size]
        at += size
    yield data[at:]


tricky = st.lists(
    st.sampled_from([b"\n", NONCE[:7], NONCE, NONCE + b">", b"\n" + NONCE, b"<", b"\0", b"\xff", b"x"]),
    max_size=12,
).map(b"".join)


@given(
    contents=st.lists(st.binary(max_size=200) | tricky, max_size=4),
    sizes=st.lists(st.integers(0, 50), max_size=60),
)
def test_every_content_arrives_as_it_was_however_it_is_cut(contents, sizes):
    stream, frames, data = Stream(), [], b"a banner\n"
    for number, content in enumerate(contents):
        nonce = b"%032x" % (number + 2**100)
        frames.append(Frame(nonce, Kept()))
        stream.expect(frames[-1])
        data += framed(content, nonce, b" %d" % number) + b"noise"
    for piece in pieces(data, sizes):
        stream.feed(piece)
    assert [frame.kept.content for frame in frames] == contents
    assert [frame.words for frame in frames] == [(str(number),) for number in range(len(contents))]


@given(
    content=tricky.filter(lambda content: NONCE + b"<" not in content + NONCE),
    sizes=st.lists(st.integers(0, 9), max_size=60),
)
def test_what_looks_almost_like_a_frame_is_content(content, sizes):
    stream, frame = Stream(), Frame(NONCE, Kept())
    stream.expect(frame)
    for piece in pieces(framed(content), sizes):
        stream.feed(piece)
    assert frame.kept.content == content


@given(st.lists(st.binary(max_size=300), max_size=30), st.integers(0, 200), st.integers(0, 200))
def test_head_and_tail_are_kept_and_the_middle_is_counted(given_pieces, head, tail):
    kept, whole = Kept(head, tail), b"".join(given_pieces)
    for piece in given_pieces:
        kept.add(piece)
    rest = whole[head:]
    assert kept.head == whole[:head]
    assert kept.tail == rest[max(0, len(rest) - tail) :]
    assert kept.left_out == len(whole) - len(kept.content)


def test_noise_outside_all_frames_is_dropped_but_its_end_is_remembered():
    stream = Stream()
    stream.feed(b"x" * 10_000 + b"sudo: a password is required\n")
    stream.flush()
    assert stream.noise.content.endswith(b"sudo: a password is required\n")
    assert len(stream.noise.content) <= 4096


def test_a_line_is_told_when_it_is_there():
    told = []
    stream, frame = Stream(), Frame(NONCE, Kept(listener=told.append))
    stream.expect(frame)
    stream.feed(NONCE + b">\none\n")
    assert told == [b"one\n"]
