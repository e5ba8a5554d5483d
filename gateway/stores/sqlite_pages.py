"""The bytes of an SQLite file without SQLite: records out of single pages, however broken the rest is.

Source: "Database File Format", sqlite.org/fileformat2.html, sections 1.6 (b-tree pages), 2.1 (records) and
4.1 to 4.2 (write-ahead log). Nothing here vouches for what it reads: the caller checks each record by its own checksum.
"""

from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from typing import Final

Value = int | bytes | None
Page = Callable[[int], bytes]

_LEAF_OF_TABLE: Final = 0x0D
_MOST_PAYLOAD: Final = 256 * 1024 * 1024
_INT_BYTES: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
_WAL_HEAD: Final = Struct(">8I")
_FRAME_HEAD: Final = Struct(">6I")
_WAL_MAGIC: Final = {0x377F0682: "<", 0x377F0683: ">"}


def records(path: Path, page_bytes: int) -> Iterator[tuple[int, list[Value]]]:
    """Every record that stands whole in a table leaf of the file or its log: (rowid, columns), pages in file order."""
    log = _committed(path.with_name(path.name + "-wal"), page_bytes)
    with path.open("rb") as file:
        pages = max(file.seek(0, 2) // page_bytes, max(log, default=0))

        def page(number: int) -> bytes:
            if number in log:
                return log[number]
            file.seek((number - 1) * page_bytes)
            return file.read(page_bytes)

        for number in range(1, pages + 1):
            yield from _leaf(page(number), 100 if number == 1 else 0, page_bytes, page)


def _leaf(data: bytes, start: int, page_bytes: int, page: Page) -> Iterator[tuple[int, list[Value]]]:
    if len(data) < page_bytes or data[start] != _LEAF_OF_TABLE:
        return
    cells = int.from_bytes(data[start + 3 : start + 5])
    for index in range(min(cells, page_bytes // 4)):
        pointer = start + 8 + 2 * index
        try:
            yield _cell(data, int.from_bytes(data[pointer : pointer + 2]), page_bytes, page)
        except (IndexError, ValueError):
            continue  # this cell is broken; its neighbours need not be


def _cell(data: bytes, at: int, page_bytes: int, page: Page) -> tuple[int, list[Value]]:
    size, at = _varint(data, at)
    rowid, at = _varint(data, at)
    if not 0 < size <= _MOST_PAYLOAD:
        raise ValueError(f"a record of {size} bytes")
    local, least = page_bytes - 35, (page_bytes - 12) * 32 // 255 - 23
    if size <= local:
        return rowid, _columns(data[at : at + size])
    kept = least + (size - least) % (page_bytes - 4)
    kept = kept if kept <= local else least
    payload = bytearray(data[at : at + kept])
    following = int.from_bytes(data[at + kept : at + kept + 4])
    while len(payload) < size:
        spilled = page(following) if following else b""
        if len(spilled) < page_bytes:
            raise ValueError("the chain of overflow pages is cut")
        payload += spilled[4 : 4 + size - len(payload)]
        following = int.from_bytes(spilled[:4])
    return rowid, _columns(bytes(payload))


def _columns(payload: bytes) -> list[Value]:
    """Integers, blobs (texts as their bytes) and nulls of a record; what else there is counts as null."""
    head, at = _varint(payload, 0)
    body, columns = head, list[Value]()
    while at < head:
        serial, at = _varint(payload, at)
        if serial in _INT_BYTES:
            size = _INT_BYTES[serial]
            columns.append(int.from_bytes(payload[body : body + size], signed=True))
        elif serial in (8, 9):
            size = 0
            columns.append(serial - 8)
        elif serial >= 12:
            size = (serial - 12) // 2
            columns.append(payload[body : body + size])
        else:
            size = 8 if serial == 7 else 0
            columns.append(None)
        body += size
        if body > len(payload):
            raise ValueError("the record is cut")
    return columns


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = 0
    for _ in range(8):
        value = value << 7 | data[at] & 0x7F
        at += 1
        if data[at - 1] < 0x80:
            return value, at
    value = value << 8 | data[at]
    return value - (1 << 64) if value >> 63 else value, at + 1


def _committed(wal: Path, page_bytes: int) -> dict[int, bytes]:
    """The newest committed version of each page in the log, up to the first frame whose checksum is wrong."""
    try:
        data = wal.read_bytes()
    except FileNotFoundError:
        return {}
    if len(data) < _WAL_HEAD.size:
        return {}
    magic, _format, size, _sequence, salt_1, salt_2, sum_1, sum_2 = _WAL_HEAD.unpack_from(data)
    order = _WAL_MAGIC.get(magic)
    if order is None or size != page_bytes or _summed(data[:24], order, (0, 0)) != (sum_1, sum_2):
        return {}
    running, committed, pending = (sum_1, sum_2), dict[int, bytes](), dict[int, bytes]()
    for at in range(_WAL_HEAD.size, len(data) - _FRAME_HEAD.size - page_bytes + 1, _FRAME_HEAD.size + page_bytes):
        number, commit, frame_1, frame_2, *sums = _FRAME_HEAD.unpack_from(data, at)
        page = data[at + _FRAME_HEAD.size : at + _FRAME_HEAD.size + page_bytes]
        running = _summed(data[at : at + 8] + page, order, running)
        if (frame_1, frame_2) != (salt_1, salt_2) or running != tuple(sums):
            break
        pending[number] = page
        if commit:
            committed |= pending
            pending.clear()
    return committed


def _summed(data: bytes, order: str, start: tuple[int, int]) -> tuple[int, int]:
    first, second = start
    words = Struct(f"{order}{len(data) // 4}I").unpack(data)
    for one, other in zip(words[::2], words[1::2], strict=True):
        first = (first + one + second) & 0xFFFFFFFF
        second = (second + other + first) & 0xFFFFFFFF
    return first, second
