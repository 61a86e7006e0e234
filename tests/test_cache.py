"""What is kept is found again under its key only, whole, and by its owner; nothing about the cache is an error."""

import os
from pathlib import Path
from typing import Any

import pytest

from phonehome.analysis import knowledge
from phonehome.analysis.cache import default_cache_dir, digest, keep, kept
from phonehome.analysis.knowledge.reading import TomlReader

KEY = digest(b"one")
CONTENT = {"a": [1, "two", None, True]}


def test_it_is_found_again_under_its_key_only(tmp_path: Path) -> None:
    file = tmp_path / "new" / "kept"
    keep(file, KEY, CONTENT)
    assert kept(file, KEY) == CONTENT
    assert kept(file, digest(b"two")) is None
    assert kept(tmp_path / "nowhere", KEY) is None
    assert os.listdir(file.parent) == ["kept"]
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_digest_tells_where_a_part_ends() -> None:
    assert digest(b"ab", b"c") != digest(b"a", b"bc")


def test_what_is_damaged_is_as_good_as_none(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    keep(file, KEY, CONTENT)
    whole = file.read_bytes()
    for damaged in (
        b"",
        whole[:20],
        whole[:-1],
        whole + b"x",
        whole[:-1] + b"\xff",
        KEY + digest(b"\xc1") + b"\xc1",
    ):
        file.write_bytes(damaged)
        assert kept(file, KEY) is None


def test_what_others_can_write_is_not_read(tmp_path: Path) -> None:
    file = tmp_path / "kept"
    keep(file, KEY, CONTENT)
    file.chmod(0o620)
    assert kept(file, KEY) is None


def test_a_folder_that_cannot_be_made_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    keep(tmp_path / "file" / "kept", KEY, CONTENT)


class TestKnowledge:
    def again(self) -> knowledge.Knowledge:
        return knowledge.shipped.__wrapped__()

    def test_what_is_kept_is_what_the_files_say(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        parsed: list[object] = []
        read = TomlReader.parse

        def parse(*args: Any) -> Any:
            parsed.append(args[2])
            return read(*args)

        monkeypatch.setattr(TomlReader, "parse", parse)
        first = self.again()
        assert parsed
        parsed.clear()
        second = self.again()
        assert not parsed
        assert first.catalogue.endpoints == second.catalogue.endpoints
        assert first.catalogue.purposes == second.catalogue.purposes
        assert first.identifiers.kinds == second.identifiers.kinds
        assert first.countries == second.countries

        file = default_cache_dir() / "knowledge.msgpack"
        key = file.read_bytes()[:32]
        of_another_shape: list[Any] = [None, [], {}, {"knowledge/purposes.toml": 1}]
        for wrong in of_another_shape:
            keep(file, key, wrong)
            assert self.again().catalogue.endpoints == first.catalogue.endpoints
            assert parsed, wrong
            parsed.clear()
