"""The page in a real browser: it fits, its script works, and it makes no request."""

from __future__ import annotations

import html
import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from analysis.report.build import build_report
from analysis.report.compare import compare_studies
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)
FITS = "[page.documentElement.scrollWidth, own.innerWidth]"
USED = """
const all = (what) => [...page.querySelectorAll(what)];
const paths = () => all('.panel g path[stroke]').length;
const point = (svg) => {
  const at = svg.getBoundingClientRect();
  svg.dispatchEvent(new own.PointerEvent('pointermove', {clientX: at.left + at.width * 0.7, clientY: at.top + 9}));
  return svg.parentElement.querySelector('.readout');
};
const [first] = all('.panel svg');
const said = {tables: all('table').length, panels: all('.panel').length, all: paths()};
said.told = point(first).textContent;
all('.toggle').find((button) => button.textContent === 'lfbo').click();
said.without = paths();
said.then = point(first).textContent;
all('.axis-choice')[1].click();
said.seconds = first.textContent;
const [field] = all('input:not([hidden])');
field.value = 'softmax lfbo';
field.dispatchEvent(new own.Event('input'));
said.rows = [...field.nextElementSibling.querySelectorAll('tbody tr:not([hidden])')].map((row) => row.textContent);
const folded = () => all('details:not([open])').length;
said.folded = [folded()];
own.dispatchEvent(new own.Event('beforeprint'));
said.folded.push(folded());
own.dispatchEvent(new own.Event('afterprint'));
said.folded.push(folded());
return said;
"""


def study(folder: Path, kernels: list[str]) -> Path:
    tables = {f"{kernel}-64x64-bf16__h100": landscape(120, i) for i, kernel in enumerate(kernels)}
    return write_study(folder, tables, {"random": random_order, "lfbo": guided_order(2.0)}, 3, 30)


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("pages")
    one, other = study(folder / "a", ["matmul", "softmax"]), study(folder / "b", ["matmul", "softmax", "conv"])
    compared = compare_studies(one, other, folder / "compared").index
    return {"report": build_report([one], folder / "out").index, "compare": compared}


def asked(page: Path, width: int, script: str, folder: Path) -> Any:
    """Run a script on ``page`` in a frame of that width in px; windows cannot be as narrow as a phone."""
    probe = f"""<!doctype html><title></title><iframe width={width} height=900 style="border:0"
        srcdoc="{html.escape(page.read_text())}"></iframe><script>
        onload = () => {{ const own = frames[0], page = own.document;
          document.title = JSON.stringify((() => {{ {script} }})()); }};</script>"""
    file, log = folder / "probe.html", folder / "net.json"
    file.write_text(probe)
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    command += ["--disable-background-networking", "--no-first-run", "--virtual-time-budget=20000"]
    command += [f"--log-net-log={log}", f"--user-data-dir={folder / 'profile'}", "--window-size=1400,900"]
    done = subprocess.run([*command, file.as_uri()], capture_output=True, text=True, timeout=500, check=True)
    assert "CONSOLE" not in done.stderr
    requests = [event.get("params", {}).get("url", "") for event in json.loads(log.read_text())["events"]]
    ours = [url for url in requests if url and not url.startswith(("file:", "data:", "chrome", "about:"))]
    known = ("googleapis.com", "google.com", "gvt1.com", "gstatic.com")  # Chromium's own chatter
    assert not [url for url in ours if not any(name in url for name in known)]
    return json.loads(html.unescape(done.stdout.split("<title>")[1].split("</title>")[0]))


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("name", ["report", "compare"])
def test_the_page_is_no_wider_than_the_window(pages: dict[str, Path], tmp_path: Path, name: str, width: int) -> None:
    # only tables and wide figures scroll, inside their boxes
    wide, window = asked(pages[name], width, f"return {FITS};", tmp_path)
    assert window == width and wide <= window


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
def test_names_toggle_curves_which_are_read_out_and_rows_are_filtered(pages: dict[str, Path], tmp_path: Path) -> None:
    said = asked(pages["report"], 390, USED, tmp_path)
    assert said["panels"] == 2 and said["all"] == 2 * 3 and said["without"] == 2 * 2
    assert "lfbo" in said["told"] and "random search, exact" in said["told"] and "lfbo" not in said["then"]
    assert "tuning seconds" in said["seconds"]
    assert [row.startswith(start) for row, start in zip(said["rows"], ("softmax", "lfbo"), strict=True)] == [True] * 2
    folded, printed, again = said["folded"]
    assert folded > 3 and printed == 0 and again == folded
