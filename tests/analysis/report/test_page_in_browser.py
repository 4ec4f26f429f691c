"""The page in a real browser: no console error, and no request leaves the file."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from analysis.report.build import build_report
from tests.analysis.fabricate import guided_order, landscape, random_order, write_study

CHROMIUM = next(
    (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
)


@pytest.mark.slow
@pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")
@pytest.mark.parametrize("width", [390, 1280])
def test_page_loads_alone_and_fits(tmp_path: Path, width: int) -> None:
    tables = {f"{kernel}-64x64-bf16__h100": landscape(120, i) for i, kernel in enumerate(["matmul", "softmax"])}
    study = write_study(tmp_path / "r", tables, {"random": random_order, "lfbo": guided_order(2.0)}, 3, 30)
    page = build_report([study], tmp_path / "out").index
    # the page itself must not be wider than the window: only tables and wide figures scroll, inside their boxes
    probe = page.with_name("probe.html")
    script = "<script>document.title = document.documentElement.scrollWidth + ' ' + window.innerWidth</script></body>"
    probe.write_text(page.read_text().replace("</body>", script))
    log = tmp_path / "net.json"
    command = [CHROMIUM, "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    command += [f"--window-size={width},900", f"--log-net-log={log}", f"--user-data-dir={tmp_path / 'profile'}"]
    done = subprocess.run([*command, probe.as_uri()], capture_output=True, text=True, timeout=500, check=True)
    assert "CONSOLE" not in done.stderr
    title = done.stdout.split("<title>")[1].split("</title>")[0].split()
    assert int(title[0]) <= int(title[1])
    requests = [event.get("params", {}).get("url", "") for event in json.loads(log.read_text())["events"]]
    ours = [url for url in requests if url and not url.startswith(("file:", "data:", "chrome", "about:"))]
    known = ("googleapis.com", "google.com", "gvt1.com", "gstatic.com")  # Chromium's own chatter
    assert not [url for url in ours if not any(name in url for name in known)]
