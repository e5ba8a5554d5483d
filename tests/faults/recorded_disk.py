"""What a process did to the files of a folder, recorded by strace, and what a power cut would have left of it.

The disk is the worst that a file system may be: until a file is synced any subset of its writes may be on the platter,
each in any subset of its 512-byte sectors, and its length may be the old one or a new one; until its folder (or the
file itself) is synced its name may be missing, and a name that was removed may be back. What was synced is there.
"""

import random
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

SECTOR = 512
TRACED = "openat,pwrite64,write,fsync,fdatasync,ftruncate,unlink,rename,renameat,renameat2,mmap,pwritev"
_QUOTED = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_CALL = re.compile(r"^(\d+) +(\w+)\((.*)\) += (-?\d+|0x[0-9a-f]+)")
_DESCRIPTOR = re.compile(r"^(-?\d+|AT_FDCWD)<((?:\\x[0-9a-f]{2})*)>")


class Op(NamedTuple):
    """One change. what: make write length sync sync_folder remove tell. name: of the file in the folder."""

    what: str
    name: str = ""
    data: bytes = b""
    at: int = 0


def command(trace: Path) -> list[str]:
    """What to put before a command so that `recorded` can read what it did."""
    return ["strace", "-f", "-y", "-xx", "-s", "1000000", "-e", f"trace={TRACED}", "-o", str(trace)]


def recorded(trace: Path, folder: Path) -> list[Op]:
    """All that happened in `folder`, and what was written to standard output (`tell`), in order."""
    ops: list[Op] = []
    begun: dict[str, str] = {}
    known: set[str] = set()
    for line in trace.read_text("ascii").splitlines():
        pid, rest = line.split(" ", 1)
        if line.endswith("<unfinished ...>"):
            begun[pid] = line.removesuffix("<unfinished ...>").rstrip()
            continue
        whole = begun.pop(pid) + rest.split("resumed>", 1)[1] if "resumed>" in rest else line
        found = _CALL.match(whole)
        if found is None or found[4].startswith("-"):
            continue
        ops += _ops(found[2], found[3], folder, known)
    return ops


def _ops(call: str, arguments: str, folder: Path, known: set[str]) -> list[Op]:
    holder = _DESCRIPTOR.match(arguments)
    path = Path(_text(holder[2])) if holder else Path()
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _QUOTED.findall(arguments)]
    if call == "write" and arguments.startswith("1<"):
        return [Op("tell", data=texts[0])]
    if call in {"openat", "unlink"} or call.startswith("rename"):
        target = Path(texts[0].decode())
        if target.parent != folder:
            return []
        assert not call.startswith("rename"), "renames are not modelled"
        if call == "unlink":
            known.discard(target.name)
            return [Op("remove", target.name)]
        if "O_CREAT" not in arguments or target.name in known:
            return []
        known.add(target.name)
        return [Op("make", target.name)]
    if path == folder:
        return [Op("sync_folder")] if call.endswith("sync") else []
    if path.parent != folder or path.name.endswith((".lock", "-shm")):  # memory between processes; made anew
        return []
    if call.endswith("sync"):
        return [Op("sync", path.name)]
    if call == "ftruncate":
        return [Op("length", path.name, at=int(arguments.rsplit(",", 1)[1]))]
    if call == "pwrite64":
        return [Op("write", path.name, texts[0], int(arguments.rsplit(",", 1)[1]))]
    assert call == "mmap", f"{call} is not modelled: {arguments[:80]}"
    return []


def _text(quoted: str) -> str:
    return bytes.fromhex(quoted.replace("\\x", "")).decode()


@dataclass
class _File:
    sure: bytearray = field(default_factory=bytearray)
    waiting: list[Op] = field(default_factory=list)
    named: bool = False
    """Whether the name itself is durable."""


def after_power_cut(ops: list[Op], at: int, chance: random.Random, folder: Path) -> bytes:
    """Fill `folder` with what may be on the disk when the power goes before `ops[at]`; returns what had been told.

    chance: decides what of the unsynced got through; sometimes all of it, sometimes nothing.
    """
    files: dict[str, _File] = {}
    removed: dict[str, _File] = {}
    told = b""
    for op in ops[:at]:
        if op.what == "tell":
            told += op.data
        elif op.what == "make":
            files[op.name] = _File()
        elif op.what == "remove":
            removed[op.name] = files.pop(op.name)
        elif op.what == "sync_folder":
            removed.clear()
            for file in files.values():
                file.named = True
        elif op.what == "sync":
            file = files[op.name]
            for one in file.waiting:
                _apply(file.sure, one)
            file.waiting.clear()
            file.named = True  # ext4, xfs, btrfs and f2fs: a file that was synced is found after the cut
        else:
            files[op.name].waiting.append(op)
    share = chance.choice([0.0, 0.1, 0.5, 0.9, 1.0])
    back = {name: file for name, file in removed.items() if name not in files and chance.random() > share}
    folder.mkdir(parents=True, exist_ok=True)
    for name, file in (files | back).items():
        if not file.named and chance.random() > share:
            continue
        for one in file.waiting:
            if chance.random() < share:
                _apply(file.sure, one)
            elif one.what == "write" and chance.random() < 0.3:
                _apply_torn(file.sure, one, chance)
        (folder / name).write_bytes(file.sure)
    return told


def _apply(content: bytearray, op: Op) -> None:
    if op.what == "length":
        del content[op.at :]
        content.extend(bytes(op.at - len(content)))
        return
    if len(content) < op.at:
        content.extend(bytes(op.at - len(content)))
    content[op.at : op.at + len(op.data)] = op.data


def _apply_torn(content: bytearray, op: Op, chance: random.Random) -> None:
    at = op.at
    while at < op.at + len(op.data):
        end = min((at // SECTOR + 1) * SECTOR, op.at + len(op.data))
        if chance.random() < 0.5:
            _apply(content, Op("write", op.name, op.data[at - op.at : end - op.at], at))
        at = end
