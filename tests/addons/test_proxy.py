"""What `phonehome proxy` says: the rest of it is tested with real phones' parts in tests/network."""

import io

import pytest

from phonehome.addons import proxy


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def said(
    lines: tuple[str, ...], columns: int, monkeypatch: pytest.MonkeyPatch, out: io.StringIO
) -> list[str]:
    monkeypatch.setenv("COLUMNS", str(columns))
    monkeypatch.setattr("sys.stdout", out)
    proxy._say(*lines)
    return out.getvalue().splitlines()


@pytest.mark.parametrize("columns", [60, 80, 120])
def test_what_to_do_fits_the_terminal(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lines = said(proxy._CERTIFICATE, columns, monkeypatch, Terminal())
    assert max(map(len, lines)) <= columns
    assert all(line.startswith("  ") for line in lines)
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(proxy._CERTIFICATE).split())


def test_a_code_and_a_path_stay_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    code = "\n".join(["█ ▄" * 30] * 3)
    path = "  /a/" + "b" * 70
    assert said((code, path), 50, monkeypatch, Terminal()) == [*code.splitlines(), path]


def test_a_pipe_gets_lines_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    assert said(proxy._CERTIFICATE, 40, monkeypatch, io.StringIO()) == list(proxy._CERTIFICATE)
