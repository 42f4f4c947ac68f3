"""Tells from a write-ahead log's bytes whether its last write was cut short. Opens no database and changes nothing.

SQLite leaves such a tail out by itself; here it is only told apart from a tail that is whole. Source of the layout and
of the checksum: SQLite, Database File Format, section 4, The Write-Ahead Log.
"""

import struct
from array import array

HEADER, FRAME = 32, 24
"""Bytes of the file's header, and of the header before each page."""
_BIG_ENDIAN_SUMS = 0x377F0683
_MAGIC = {0x377F0682, _BIG_ENDIAN_SUMS}


def is_torn(raw: bytes) -> bool:
    """Return whether something stands after the last whole commit that belongs to the same generation of the file.

    Args:
        raw: The file, as it is; frames of an earlier generation at its end are no tear.
    """
    if len(raw) < HEADER:
        return bool(raw)
    magic, _, page, _, *salts = struct.unpack(">6I", raw[:24])
    if magic not in _MAGIC or page <= 0:
        return True
    big = magic == _BIG_ENDIAN_SUMS
    rest = raw[_end_of_commits(raw, page, big=big) :]
    own = struct.pack(">2I", *salts)
    return 0 < len(rest) < FRAME + page or rest[8:16] == own


def _end_of_commits(raw: bytes, page: int, *, big: bool) -> int:
    """Return where the last commit ends whose frames are all whole."""
    size = FRAME + page
    sums = _summed((0, 0), raw[:24], big=big)
    end = HEADER
    for start in range(HEADER, len(raw) - size + 1, size):
        frame = raw[start : start + size]
        sums = _summed(_summed(sums, frame[:8], big=big), frame[FRAME:], big=big)
        if frame[8:16] != raw[16:24] or struct.unpack(">2I", frame[16:24]) != sums:
            return end
        if frame[4:8] != bytes(4):  # the database's size after a commit; nothing in frames before its last
            end = start + size
    return end


def _summed(sums: tuple[int, int], data: bytes, *, big: bool) -> tuple[int, int]:
    words = array("I", data)
    if big != (struct.pack("=I", 1) == struct.pack(">I", 1)):
        words.byteswap()
    first, second = sums
    for index in range(0, len(words), 2):
        first = (first + words[index] + second) & 0xFFFFFFFF
        second = (second + words[index + 1] + first) & 0xFFFFFFFF
    return first, second
