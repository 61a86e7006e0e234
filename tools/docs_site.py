"""What MkDocs is told beside mkdocs.yml: pages from outside of docs/, the sample report, and that nothing is loaded
from elsewhere.

Links are written for readers of the repository. On the site a link to a page leads to that page; a link to a file of
code has nothing to lead to, and its text stays.
"""

import posixpath
import re
import tempfile
from pathlib import Path
from typing import Any, Final

from phonehome.cli import main as phonehome

ROOT: Final = Path(__file__).parents[1]
PAGES: Final = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "SECURITY.md": "security.md",
    "captures/README.md": "samples.md",
    "benchmarks/README.md": "benchmarks.md",
}
"""By path in the repository: the page of the site."""
SAMPLE: Final = "sample-report.html"
_LINK = re.compile(r"(?<!\\)(!?)\[((?:[^\[\]]|\[[^\[\]]*\]\([^()]*\)|\[[^\[\]]*\])*)\]\(([^()\s]+)\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`)", re.DOTALL)
_ELSEWHERE = re.compile(
    r"<(?:script|img|iframe|source|video|audio)\b[^>]*\ssrc=[\"']?(?:https?:)?//[^>]*>", re.IGNORECASE
)
_LOADED = re.compile(
    r"<link\b(?=[^>]*\brel=[\"']?(?:stylesheet|preload|icon|preconnect|manifest))[^>]*\bhref=[\"']?(?:https?:)?//[^>]*>",
    re.IGNORECASE,
)


def on_files(files: Any, config: Any) -> Any:
    """Adds the pages from outside of docs/, and a report of the sample capture as it is now."""
    from mkdocs.structure.files import File

    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text("utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        report = Path(folder) / SAMPLE
        capture = ROOT / "captures" / "nokia-7-plus-affected.mitm"
        case = ROOT / "captures" / "case.toml"
        made = [
            "report",
            str(capture),
            "--policy",
            "hmd-2019",
            "--case",
            str(case),
            "--quiet",
            "-o",
            str(report),
        ]
        if phonehome(made):
            raise RuntimeError("the sample report could not be made")
        files.append(File.generated(config, SAMPLE, content=report.read_text("utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page with its links made those of the site."""
    site = page.file.src_uri
    source = next((path for path, name in PAGES.items() if name == site), f"docs/{site}")
    parts = _CODE.split(markdown)
    return "".join(part if number % 2 else relinked(part, source, site) for number, part in enumerate(parts))


def relinked(markdown: str, source: str, site: str) -> str:
    """Markdown of a file in the repository with its links made those of a page of the site."""

    def link(match: re.Match[str]) -> str:
        image, text, target = match.groups()
        text = relinked(text, source, site)
        path, mark, anchor = target.partition("#")
        if not path or "://" in target or target.startswith("mailto:"):
            return f"{image}[{text}]({target})"
        found = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        if found in PAGES:
            there = PAGES[found]
        elif found.startswith("docs/") and (ROOT / found).is_file():
            there = found.removeprefix("docs/")
        else:
            return text
        return f"{image}[{text}]({posixpath.relpath(there, posixpath.dirname(site) or '.')}{mark}{anchor})"

    return _LINK.sub(link, markdown)


def on_post_build(config: Any) -> None:
    """Ends the build if a page would load something from elsewhere."""
    for page in Path(config["site_dir"]).rglob("*.html"):
        text = page.read_text("utf-8")
        for found in (*_ELSEWHERE.finditer(text), *_LOADED.finditer(text)):
            raise RuntimeError(f"{page.name} loads something from elsewhere: {found[0][:200]}")
