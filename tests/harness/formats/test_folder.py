"""A folder of recordings is imported by one command."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pandas as pd
import pytest

from harness.formats.folder import landscape_name
from harness.landscapes.landscape import read_landscape
from tests.harness.cli.test_cli import Nearopt, nearopt
from tests.harness.formats.samples import EXTERNAL, NOT_HERE, cache, t1, t4

pytestmark = pytest.mark.usefixtures("undrawn")

__all__ = ["nearopt"]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("convolution_milo-A100_T4.json.gz", "convolution_milo__a100.parquet"),
        ("hub/gemm/RTX_2080_Ti.json", "gemm__rtx_2080_ti.parquet"),
        ("hub/gemm/W7800-results.json.gz", "gemm__w7800.parquet"),
        ("hub/KTT data/a b!.json", "KTT-data__a-b.parquet"),
    ],
)
def test_names(path: str, name: str) -> None:
    assert landscape_name(Path(path)) == name


def fill(folder: Path) -> None:
    """Write benchmark_hub's layout: a folder per kernel, a file per device, with T1 and T4 forms."""
    (folder / "kernels").mkdir(parents=True)
    (folder / "kernels" / "k.json").write_text(json.dumps(t1()))
    (folder / "k").mkdir()
    narrow = {**cache()["tune_params"], "tile": [3]}
    (folder / "k" / "A100.json.gz").write_bytes(gzip.compress(json.dumps({**cache(), "tune_params": narrow}).encode()))
    (folder / "k" / "A100_T4.json").write_text(json.dumps(t4()))
    other = json.dumps(cache()).replace("2.0", "2.5")
    (folder / "k" / "B200.json").write_text(other.replace('"tile": [3, 5]', '"tile": [3]'))
    (folder / "k" / "A100-metadata.json").write_text('{"metadata": {}}')


def test_one_command_imports_all_of_it_once(nearopt: Nearopt, tmp_path: Path) -> None:
    fill(tmp_path / "hub")
    code, out, err = nearopt("landscapes", "import", tmp_path / "hub", "-o", "made")
    assert (code, err) == (0, ""), err
    assert sorted(path.name for path in Path("made").iterdir()) == ["k__a100.parquet", "k__b200.parquet"]
    assert read_landscape(Path("made/k__a100.parquet")).metadata["coverage"]["drawn"] == "all 4 of k.json"
    assert f"A100_T4.json: the same recording as in {tmp_path / 'hub/k/A100.json.gz'}, counted once" in out
    last = out.splitlines()[-1]
    assert last == (
        "2 landscapes from 3 recordings (1 counted once), 8 configurations; 1 T1 descriptions, 1 other files, 0 failed"
    )


def test_a_bad_file_does_not_stop_the_others(nearopt: Nearopt, tmp_path: Path) -> None:
    fill(tmp_path / "hub")
    (tmp_path / "hub/k/0.json").write_text('{"cache": 3, "tune_params": {"x": [1, 2]}}')
    (tmp_path / "hub/k/1.json").write_bytes(b"\x00")
    (tmp_path / "hub/k/b200.json").write_text((tmp_path / "hub/k/B200.json").read_text().replace("2.5", "2.25"))
    code, out, err = nearopt("landscapes", "import", tmp_path / "hub", "-o", "made")
    assert (code, err.count("\n")) == (2, 1)
    for said in (
        "3 files not imported",
        "0.json: cache: expected an object",
        "1.json: not a complete JSON file",
        "k__b200",
    ):
        assert said in err
    assert "2 landscapes from 3 recordings" in out
    assert len(list(Path("made").iterdir())) == 2


def test_hundreds(nearopt: Nearopt, tmp_path: Path) -> None:
    text = json.dumps(cache())
    for i in range(200):
        path = tmp_path / f"hub/k{i % 20}/d{i // 20}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text.replace("4000", str(i)).replace("1.5", str(1 + i)))
    code, out, err = nearopt("landscapes", "import", tmp_path / "hub", "-o", "made")
    assert code == 0, err
    assert out.splitlines()[-1].startswith("200 landscapes from 200 recordings (0 counted once), 800 configurations")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("empty", "-o", "made"), "empty: there is no recording here"),
        (("hub", "-o", "made.parquet"), "expected a folder"),
        (("none.json", "-o", "made"), "cannot be read"),
        (("hub", "-o", "made", "--space", "hub/k/B200.json"), "ConfigurationSpace: expected"),
        (("hub/k/B200.json", "-o", "hub/k/B200.json/x.parquet"), "cannot be written"),
    ],
)
def test_what_cannot_be_is_one_line(nearopt: Nearopt, tmp_path: Path, arguments: tuple[str, ...], message: str) -> None:
    fill(tmp_path / "hub")
    Path("empty").mkdir()
    code, out, err = nearopt("landscapes", "import", *arguments)
    assert (code, out, err.count("\n")) == (2, "", 1), err
    assert message in err


@pytest.mark.slow
@pytest.mark.skipif(not EXTERNAL.is_dir(), reason=NOT_HERE)
def test_all_shared_recordings_import_replay_and_report(nearopt: Nearopt, tmp_path: Path) -> None:
    code, out, err = nearopt("landscapes", "import", EXTERNAL, "-o", "made")
    assert code == 0, err
    assert "5 landscapes from 6 recordings (1 counted once), 44578 configurations" in out
    made = sorted(str(path) for path in Path("made").iterdir())
    code, out, err = nearopt("landscapes", *made)
    assert code == 0, err
    landscapes = ",".join(made)
    code, out, err = nearopt(
        "run", "-m", "jobs=1", f"backend.landscape={landscapes}", "strategy=random", "seed=range(0,2)",
        "budget.evaluations=30",
    )  # fmt: skip
    assert (code, out.split(":")[0]) == (0, "10 runs done, 0 were done before, 0 failed"), err
    assert nearopt("report", "results")[0] == 0
    assert pd.read_csv(tmp_path / "report/speedups.csv")["task"].nunique() >= 5
