"""The documentation site: its menu has every page, all links work, and it builds without a warning."""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.page_commands import ROOT

TOC = ROOT / "experiments/site/toc.yml"
NEEDED = ("furo", "myst_parser", "sphinx", "sphinx_external_toc")
LACKING = [name for name in NEEDED if importlib.util.find_spec(name) is None]
_LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(?:#([^)\s]+))?\)")
_CODE = re.compile(r"```.*?```|`[^`\n]*`", re.DOTALL)


def menu() -> list[str]:
    """Return the pages that the menu names, in its order."""

    def files(part: Any) -> Iterator[str]:
        if isinstance(part, dict):
            yield from (value for key, value in part.items() if key in ("root", "file"))
            part = [value for key, value in part.items() if key in ("subtrees", "entries")]
        if isinstance(part, list):
            for each in part:
                yield from files(each)

    return [f"{name}.md" for name in files(yaml.safe_load(TOC.read_text(encoding="utf-8")))]


def committed(*patterns: str) -> list[str]:
    listed = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard", "--", *patterns],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if listed.returncode != 0:
        pytest.skip("not a git checkout")
    return [name for name in listed.stdout.splitlines() if (ROOT / name).is_file()]


def anchors(text: str) -> set[str]:
    """Return the anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#{1,3} (.+)$", text, re.MULTILINE)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower().replace("`", "")) for heading in headings)
    return {heading.strip().replace(" ", "-") for heading in plain}


def test_every_page_is_in_the_menu_once() -> None:
    written = [name for name in committed("*.md") if "/report/" not in name and not Path(name).name.startswith("live-")]
    assert sorted(menu()) == sorted(written)


def test_every_link_of_a_page_leads_to_a_committed_file_and_heading() -> None:
    files = set(committed())
    dead = []
    for page in menu():
        text = _CODE.sub("", (ROOT / page).read_text(encoding="utf-8"))
        for target, anchor in _LINK.findall(text):
            path = (ROOT / page).parent / target if target else ROOT / page
            found = path.resolve()
            if str(found.relative_to(ROOT)) not in files:
                dead.append(f"{page}: {target}")
            elif anchor and anchor not in anchors(found.read_text(encoding="utf-8")):
                dead.append(f"{page}: {target}#{anchor}")
    assert dead == []


def test_pictures_that_are_committed_are_shown_on_a_page() -> None:
    shown = {
        str(((ROOT / page).parent / target).resolve().relative_to(ROOT))
        for page in menu()
        for target in re.findall(r"!\[[^\]]*\]\(([^)]+)\)", (ROOT / page).read_text(encoding="utf-8"))
    }
    assert sorted(committed("*.png")) == sorted(shown)


def test_the_citation_and_the_changelog_are_of_this_version() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    cited = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert (cited["cff-version"], cited["type"]) == ("1.2.0", "software")
    assert (str(cited["version"]), cited["license"]) == (project["version"], project["license"])
    assert cited["title"].startswith("NearOpt") and cited["authors"] and cited["message"]
    newest = re.findall(r"^## (\S+)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)[0]
    assert newest.rstrip(",") == project["version"]


@pytest.mark.slow
@pytest.mark.skipif(bool(LACKING), reason=f"{', '.join(LACKING)}: not installed (pip install 'nearopt[docs]')")
def test_the_site_builds_without_a_warning_and_asks_nobody_for_anything(tmp_path: Path) -> None:
    words = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-c", str(TOC.parent), "-b", "html"]
    done = subprocess.run([*words, str(ROOT), str(tmp_path)], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stderr[-2000:]
    pages = {str(page.relative_to(tmp_path)): page.read_text(encoding="utf-8") for page in tmp_path.rglob("*.html")}
    assert {name.removesuffix(".md") + ".html" for name in menu()} <= pages.keys()
    for name, page in pages.items():
        assert re.findall(r"<(?:script|link|img)[^>]*(?:src|href)=\"(?:https?:)?//", page) == [], name
    styles = [style.read_text(encoding="utf-8") for style in (tmp_path / "_static").rglob("*.css")]
    assert styles and not any(re.search(r"url\(\s*['\"]?https?:|@import", style) for style in styles)
    assert "leaderboard/index.html" in pages["README.html"]
