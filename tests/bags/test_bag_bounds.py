"""Bags that unpack to much more than they are: refused or read as far as goes, in little memory and on little disk."""

from __future__ import annotations

import sqlite3
import struct
import sys
from pathlib import Path

import lz4.frame
import pytest
from bag_writing import BagWriter, joint_state
from bounded import run_bounded
from rosbags.rosbag2 import StoragePlugin

from speech_gesture_pkg.bags import unpacking
from speech_gesture_pkg.bags.reader import Bag
from speech_gesture_pkg.bags.unpacking import Budget, TooLargeError, bound_rosbags, spending, unpack, unpack_part
from speech_gesture_pkg.errors import InputError, MissingDependencyError

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

MAGIC = b"\x89MCAP0\r\n"
BIG = 600 << 20
COUNT = "import sys\nfrom speech_gesture_pkg.bags.reader import Bag\nfrom speech_gesture_pkg.errors import InputError\n"


def packed_zeros(count: int, kind: str = "zstd", before: bytes = b"") -> bytes:
    """`before` and `count` zeros, compressed piece by piece."""
    zeros = bytes(1 << 20)
    if kind == "zstd":
        packer = zstd.ZstdCompressor()
        parts = [packer.compress(before), *(packer.compress(zeros) for _ in range(count >> 20)), packer.flush()]
    else:
        packer = lz4.frame.LZ4FrameCompressor()
        parts = [packer.begin(), packer.compress(before), *(packer.compress(zeros) for _ in range(count >> 20))]
        parts.append(packer.flush())
    return b"".join(parts)


def text(value: bytes) -> bytes:
    return struct.pack("<I", len(value)) + value


def record(code: int, content: bytes) -> bytes:
    return struct.pack("<BQ", code, len(content)) + content


HEADER = record(1, text(b"ros2") + text(b"test"))
SCHEMA = record(3, struct.pack("<H", 1) + text(b"std_msgs/msg/String") + text(b"ros2msg") + text(b"string data\n"))
CHANNEL = record(4, struct.pack("<HH", 1, 1) + text(b"/words") + text(b"cdr") + text(b""))
MESSAGE = record(5, struct.pack("<HIQQ", 1, 0, 7, 7) + b"\x00\x01\x00\x00" + struct.pack("<I", 2) + b"a\x00")


def chunk(packed: bytes, size: int, kind: bytes = b"zstd") -> bytes:
    content = struct.pack("<QQQI", 7, 7, size, 0) + text(kind) + struct.pack("<Q", len(packed)) + packed
    return record(6, content)


def unindexed(body: bytes) -> bytes:
    return MAGIC + HEADER + SCHEMA + CHANNEL + body + record(2, bytes(20)) + MAGIC


def indexed(packed: bytes, size: int, times: int) -> bytes:
    """One chunk, named `times` times by the index."""
    before = MAGIC + HEADER
    one = chunk(packed, size)
    entry = record(
        8,
        struct.pack("<QQQQ", 7, 7, len(before), len(one))
        + struct.pack("<IHQ", 10, 1, len(before) + len(one))
        + struct.pack("<Q", 31)
        + text(b"zstd")
        + struct.pack("<QQ", len(packed), size),
    )
    messages = record(7, struct.pack("<H", 1) + struct.pack("<IQQ", 16, 7, 0))
    count = struct.pack("<QHIIIIQQ", times, 1, 1, 0, 0, times, 7, 7) + struct.pack("<IHQ", 10, 1, times)
    body = before + one + messages
    return (
        body
        + SCHEMA
        + CHANNEL
        + entry * times
        + record(11, count)
        + record(2, struct.pack("<QQI", len(body), 0, 0))
        + MAGIC
    )


def bag_of(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    assert path.stat().st_size < 5_000_000
    return path


def test_small_bags_of_this_kind_are_read(tmp_path):
    """The bombs below differ in sizes only."""
    inner = SCHEMA + CHANNEL + MESSAGE
    for name, data in (
        ("zstd.mcap", unindexed(chunk(zstd.compress(inner), len(inner)))),
        ("lz4.mcap", unindexed(chunk(lz4.frame.compress(inner), len(inner), b"lz4"))),
        ("indexed.mcap", indexed(zstd.compress(inner), len(inner), 1)),
        ("cut.mcap", MAGIC + HEADER + chunk(zstd.compress(inner), len(inner))),
    ):
        with Bag(bag_of(tmp_path / name, data)) as bag:
            assert [m.data for _, _, m in bag.decoded()] == ["a"], name


def test_chunks_that_declare_too_much_are_refused(tmp_path):
    for kind in ("zstd", "lz4"):
        path = bag_of(tmp_path / f"{kind}.mcap", unindexed(chunk(packed_zeros(BIG, kind), BIG, kind.encode())))
        with pytest.raises(TooLargeError, match=f"bag {path} has a chunk that declares {BIG} bytes; at most 134217728"):
            Bag(path)
    path = bag_of(tmp_path / "indexed.mcap", indexed(packed_zeros(BIG), BIG, 1))
    with pytest.raises(TooLargeError, match=f"declares {BIG} bytes"):
        Bag(path)
    with pytest.raises(TooLargeError, match=f"declares {BIG} bytes"):  # without its end: the repair
        Bag(bag_of(tmp_path / "cut.mcap", MAGIC + HEADER + chunk(packed_zeros(BIG), BIG)))


def test_an_index_that_names_a_chunk_many_times_is_refused(tmp_path):
    """Each is small; together they are opened at one moment, or unpack to more than the bag may."""
    size = 50 << 20
    packed = packed_zeros(size)
    with pytest.raises(TooLargeError, match="chunks of 1048576000 bytes that cover one moment"):
        Bag(bag_of(tmp_path / "a.mcap", indexed(packed, size, 20)))
    with pytest.raises(TooLargeError, match=r"has \d+ bytes and unpacks to more than \d+; so much is not read"):
        Bag(bag_of(tmp_path / "b.mcap", indexed(packed, size, 100)))


def test_chunks_that_unpack_to_more_than_they_declare_take_no_memory(tmp_path):
    inner = SCHEMA + CHANNEL + MESSAGE
    paths = []
    for kind in ("zstd", "lz4"):
        lie = chunk(packed_zeros(BIG, kind, inner), len(inner), kind.encode())
        paths.append(bag_of(tmp_path / f"{kind}.mcap", unindexed(lie)))
        paths.append(bag_of(tmp_path / f"{kind}_cut.mcap", MAGIC + HEADER + lie))
    paths.append(bag_of(tmp_path / "indexed.mcap", indexed(packed_zeros(BIG, "zstd", inner), len(inner), 1)))
    code = f"""
for path in {list(map(str, paths))!r}:
    try:
        with Bag(path) as bag:
            print(len(list(bag.messages())), bool(bag.damage))
    except InputError as e:
        assert "\\n" not in str(e)
        print("refused")
"""
    assert run_bounded(COUNT, code, 200).splitlines() == ["1 True"] * 4 + ["0 True"]


def recorded(folder: Path, **options) -> Path:
    with BagWriter(folder, plugin=StoragePlugin.SQLITE3, **options) as writer:
        writer.write("/joint_states", joint_state(["a"], 1.0, [0.5]), 1.0)
    return folder


def edited(folder: Path, mode: str) -> None:
    meta = folder / "metadata.yaml"
    lines = [line for line in meta.read_text().splitlines() if "compression_" not in line]
    lines += ["  compression_format: zstd", f"  compression_mode: {mode}"]
    meta.write_text("\n".join(lines) + "\n")


def test_compressed_messages(tmp_path):
    folder = recorded(tmp_path / "bag")
    (file,) = folder.glob("*.db3")
    edited(folder, "MESSAGE")
    with sqlite3.connect(file) as base:
        ((data,),) = base.execute("SELECT data FROM messages").fetchall()
        base.execute("UPDATE messages SET data = ?", (zstd.compress(data),))
    base.close()
    with Bag(folder) as bag:
        assert [list(m.position) for _, _, m in bag.decoded()] == [[0.5]]
    with sqlite3.connect(file) as base:
        base.execute("UPDATE messages SET data = ?", (packed_zeros(BIG),))
    base.close()
    code = f"with Bag({str(folder)!r}) as bag:\n    print(len(list(bag.messages())), 'than the' in bag.damage)\n"
    assert run_bounded(COUNT, code, 450) == "0 True\n"


def test_compressed_files(tmp_path, monkeypatch):
    folder = recorded(tmp_path / "bag")
    (file,) = folder.glob("*.db3")
    packed = file.with_name(file.name + ".zstd")
    packed.write_bytes(zstd.compress(file.read_bytes()))
    file.unlink()
    meta = folder / "metadata.yaml"
    meta.write_text(meta.read_text().replace(file.name, packed.name))
    edited(folder, "FILE")
    with Bag(folder) as bag:
        assert [list(m.position) for _, _, m in bag.decoded()] == [[0.5]]
    monkeypatch.setattr(unpacking, "FREE_BYTES", 1 << 20)
    packed.write_bytes(packed_zeros(64 << 20))
    with pytest.raises(TooLargeError, match="unpacks to more than"):
        Bag(folder)


def test_columns_that_are_computed(tmp_path):
    """A virtual column of sqlite3 can be a gigabyte in a row of ten bytes."""
    folder = recorded(tmp_path / "bag")
    (file,) = folder.glob("*.db3")
    with sqlite3.connect(file) as base:
        base.execute("ALTER TABLE messages RENAME COLUMN data TO old")
        base.execute("ALTER TABLE messages ADD COLUMN data BLOB GENERATED ALWAYS AS (zeroblob(900000000)) VIRTUAL")
    base.close()
    code = f"with Bag({str(file)!r}) as bag:\n    print(len(list(bag.messages())), bool(bag.damage))\n"
    assert run_bounded(COUNT, code, 200) == "0 True\n"


def test_what_is_handed_out_is_counted(tmp_path, monkeypatch):
    folder = recorded(tmp_path / "bag")
    monkeypatch.setattr(unpacking, "FREE_BYTES", 10)
    monkeypatch.setattr(unpacking, "MOST_TIMES", 0)
    with Bag(folder) as bag, pytest.raises(TooLargeError, match="unpacks to more than 10"):
        list(bag.messages())


@pytest.mark.parametrize("kind", ["zstd", "lz4"])
def test_unpack(kind):
    pack = zstd.compress if kind == "zstd" else lz4.frame.compress
    data = bytes(range(256)) * 40
    packed = pack(data)
    assert unpack(packed, kind, len(data)) == data
    assert unpack(packed + pack(b"more"), kind, len(data) + 4) == data + b"more"  # frames one after the other
    with pytest.raises(ValueError, match="more than the 100 bytes"):
        unpack(packed, kind, 100)
    assert unpack_part(packed, kind, 100) == data[:100]
    assert data.startswith(unpack_part(packed[:-9], kind, len(data)))
    budget = Budget(Path("x"), 0)
    budget.left = 2 * len(data)
    with spending(budget):
        assert unpack(packed, kind, len(data)) == unpack(packed, kind, len(data))
        with pytest.raises(TooLargeError):
            unpack(packed, kind, len(data))


def test_a_rosbags_that_cannot_be_bounded_is_refused(monkeypatch):
    monkeypatch.setattr(unpacking, "rosbags_mcap", None)
    with pytest.raises(MissingDependencyError, match=r"install rosbags 0\.11"):
        bound_rosbags()
    with pytest.raises(MissingDependencyError):
        Bag("nothing")
    assert issubclass(TooLargeError, InputError)
