"""Archives: the same bytes for the same content, and nothing of a stranger's archive acts outside of it."""

import hashlib
import io
import stat
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phonehome.analysis.casefile import container
from phonehome.analysis.casefile.container import MANIFEST, Archive, ContainerError, Member, whole, write

FILES = {"a.txt": b"one", "captures/b ü.mitm": b"two" * 100, "empty": b""}
REGULAR = (stat.S_IFREG | 0o600) << 16


def written(files: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    write(out, (whole(name, data) for name, data in files.items()))
    return out.getvalue()


def opened(tmp_path: Path, data: bytes) -> Archive:
    path = tmp_path / "x.zip"
    path.write_bytes(data)
    return Archive(path)


def test_what_was_written_is_read(tmp_path: Path) -> None:
    with opened(tmp_path, written(FILES)) as archive:
        assert {name: archive.read(name, 1000) for name in FILES} == FILES
        assert archive.manifest() == {name: hashlib.sha256(data).hexdigest() for name, data in FILES.items()}
        assert archive.manifest() == {name: archive.digest(name) for name in FILES}
        assert [line.split("  ")[1] for line in archive.read(MANIFEST, 1000).decode().splitlines()] == sorted(
            FILES
        )
        with pytest.raises(ContainerError, match="longer than 2 bytes"):
            archive.read("a.txt", 2)
        with pytest.raises(ContainerError, match="missing"):
            archive.read("b.txt", 2)


def test_has_the_same_bytes_everywhere() -> None:
    # A number that was seen once: another version of Python must write these bytes too.
    digest = hashlib.sha256(written(FILES)).hexdigest()
    assert digest == "4fbaac9a1dc3e83054ff4a706f6a6336024823fae073772add00b691b840d045"


def test_other_programs_read_it(tmp_path: Path) -> None:
    with zipfile.ZipFile(io.BytesIO(written(FILES))) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in FILES} == FILES
        assert {info.external_attr >> 16 for info in archive.infolist()} == {0o100600}


def test_a_file_is_read_in_pieces_and_a_changed_one_is_refused() -> None:
    with pytest.raises(ContainerError, match="'a' changed while it was read"):
        write(io.BytesIO(), [Member("a", 3, (b"12", b"34", b"5"))])
    with pytest.raises(ContainerError, match="'a' changed while it was read"):
        write(io.BytesIO(), [Member("a", 3, (b"12",))])
    with pytest.raises(ContainerError, match="two files are called 'a'"):
        write(io.BytesIO(), [whole("a", b""), whole("a", b"")])


WRONG_NAMES = (
    "../x", "/etc/passwd", "a/../../x", "a//b", "a/", "./a", "", "a\\b", "C:x", "a\nb", "a\u202eb",
    "u\u0308", "CON", "captures/nul.txt", "a.", "a ", "x" * 401, "a?b", "com¹.mitm",
)  # fmt: skip


@pytest.mark.parametrize("name", WRONG_NAMES)
def test_a_name_that_leads_elsewhere_is_neither_written_nor_read(name: str, tmp_path: Path) -> None:
    assert container.wrong_name(name)
    with pytest.raises(ContainerError):
        write(io.BytesIO(), [whole(name, b"x")])
    with pytest.raises(ContainerError), opened(tmp_path, packed(_as_it_is, **{name: b"x"})):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["x.zip"]


def _as_it_is(info: zipfile.ZipInfo) -> None:
    pass


def packed(change: Callable[[zipfile.ZipInfo], None] = _as_it_is, /, **files: bytes) -> bytes:
    """As `write` does it, but for what is changed."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        for name, data in files.items():
            info = zipfile.ZipInfo(name)
            info.create_system, info.external_attr = 3, REGULAR
            change(info)
            archive.writestr(info, data)
    return out.getvalue()


def setting(**values: Any) -> Callable[[zipfile.ZipInfo], None]:
    def change(info: zipfile.ZipInfo) -> None:
        for name, value in values.items():
            setattr(info, name, value)

    return change


def patched(data: bytes, place: int, value: bytes) -> bytes:
    return data[:place] + value + data[place + len(value) :]


def doubled() -> bytes:
    """Two names in the list for one file (https://www.bamsoftware.com/hacks/zipbomb/)."""
    data = packed(a=b"x" * 1000, b=b"y")
    entry = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    return patched(data, entry + 42, struct.pack("<L", 0))


def gap() -> bytes:
    """Bytes between two files that no list names."""
    data = packed(a=b"x", b=b"y")
    second, entry = data.index(b"PK\x03\x04", 1), data.index(b"PK\x01\x02")
    end = data.index(b"PK\x05\x06")
    moved = data[:second] + b"hidden" + data[second:]
    entry2 = moved.index(b"PK\x01\x02", entry + 7)
    moved = patched(moved, entry2 + 42, struct.pack("<L", second + 6))
    return patched(moved, end + 6 + 16, struct.pack("<L", entry + 6))


PLAIN = packed(a=b"x")
END = PLAIN.index(b"PK\x05\x06")
FORGED: dict[str, tuple[bytes, str]] = {
    "a link": (packed(setting(external_attr=(stat.S_IFLNK | 0o777) << 16), a=b"/etc"), "is a link"),
    "a folder": (packed(setting(external_attr=(stat.S_IFDIR | 0o700) << 16), a=b""), "is a link, a folder"),
    "of another system": (packed(setting(create_system=0), a=b""), "of another mode"),
    "compressed": (
        packed(setting(compress_type=zipfile.ZIP_DEFLATED), a=bytes(10_000_000)),
        "'a' is compressed",
    ),
    "with a comment": (packed(setting(comment=b"hidden"), a=b"x"), "hidden beside it"),
    "with an extra field": (packed(setting(extra=b"\xfe\xca\x28\x00" + bytes(40)), a=b"x"), "hidden beside"),
    "of one name": (packed(a=b"x", A=b"y"), "so alike that one hides the other"),
    "of one name in other letters": (
        packed(_as_it_is, **{"\u2126.txt": b"", "ω.txt": b""}),
        "cannot be the name|so alike",
    ),
    "doubled": (doubled(), "does not begin where the file before it ends|that can be read"),
    "with a gap": (gap(), "does not begin where the file before it ends"),
    "something before": (b"#!/bin/sh\n" + PLAIN, "does not begin|that can be read"),
    "something behind": (PLAIN + b"x", "no zip archive that ends"),
    "something behind that ends like one": (PLAIN + b"x" * 10 + PLAIN[END:], "that can be read|hidden"),
    "a comment of the archive": (
        patched(PLAIN, len(PLAIN) - 2, b"\x05\x00") + b"hello",
        "no zip archive that ends",
    ),
    "cut off": (PLAIN[:-1], "no zip archive that ends"),
    "no archive": (b"hello", "not a zip archive"),
    "nothing": (b"", "not a zip archive"),
    "a list that claims 2 GB": (
        patched(PLAIN, END + 12, struct.pack("<L", 1 << 31)),
        "list of files is too long",
    ),
    "a list that claims 2 EB": (
        PLAIN[:END]
        + struct.pack("<4sQ2H2L4Q", b"PK\x06\x06", 44, 45, 45, 0, 0, 1, 1, 1 << 61, 0)
        + struct.pack("<4sLQL", b"PK\x06\x07", 0, END, 1)
        + PLAIN[END:],
        "list of files is too long",
    ),
    "with a name that is cut off": (packed(aXb=b"x").replace(b"aXb", b"a\x00b"), "it is cut off"),
    "encrypted": (
        patched(patched(PLAIN, 6, b"\x01"), PLAIN.index(b"PK\x01\x02") + 8, b"\x01"),
        "is encrypted",
    ),
}


@pytest.mark.parametrize("kind", FORGED)
def test_what_the_writer_does_not_make_is_refused(kind: str, tmp_path: Path) -> None:
    data, says = FORGED[kind]
    with pytest.raises(ContainerError, match=says), opened(tmp_path, data):
        pass


def test_more_files_than_anybody_has(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container, "MAX_FILES", 2)
    with pytest.raises(ContainerError, match="more than 2 files"), opened(tmp_path, written(FILES)):
        pass


@pytest.mark.parametrize(
    "text", [b"", b"x  a\n", b"0" * 64 + b" a\n", b"0" * 64 + b"  a\n" + b"0" * 64 + b"  a\n", b"\xff"]
)
def test_a_manifest_that_is_none(text: bytes, tmp_path: Path) -> None:
    with (
        opened(tmp_path, packed(_as_it_is, **{MANIFEST: text})) as archive,
        pytest.raises(ContainerError, match=MANIFEST),
    ):
        archive.manifest()


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(place=st.integers(0, len(written(FILES)) - 1), value=st.integers(0, 255))
def test_a_changed_byte_is_refused_or_seen_in_a_hash_or_says_nothing(
    place: int, value: int, tmp_path: Path
) -> None:
    data = patched(written(FILES), place, bytes([value]))
    try:
        with opened(tmp_path, data) as archive:
            same = archive.manifest() == {
                name: archive.digest(name) for name in archive.sizes if name != MANIFEST
            }
            content = {name: archive.read(name, 1000) for name in FILES if name in archive.sizes}
    except ContainerError:
        return
    assert content == FILES or not same


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_bytes_that_are_anything_end_in_no_fault(data: bytes, tmp_path: Path) -> None:
    for whole_file in (data, data + PLAIN[END:]):
        try:
            opened(tmp_path, whole_file).__exit__(None, None, None)
        except ContainerError:
            continue
