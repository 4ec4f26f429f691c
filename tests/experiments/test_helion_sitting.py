"""A sitting: what starts on which cards, logs that come home whole, and a second sitting that goes on."""

from __future__ import annotations

import json
import lzma
import sys
import time
from pathlib import Path

import pytest

from experiments.helion_2.sitting import (
    DRAIN_S,
    LOG_SUFFIX,
    PACK_S,
    Group,
    Part,
    Sitting,
    command_of,
    main,
    pack,
    parse_group,
    run,
    summary,
    unpack,
)

SOFTMAX = "helion_softmax-16384x2560-bf16"

RECORDER = """
import os, signal, sys, time
from pathlib import Path
out = Path(sys.argv[sys.argv.index("-o") + 1])
log = out.with_name(out.name + ".recording.jsonl")
with log.open("a") as file:
    file.write(os.environ["CUDA_VISIBLE_DEVICES"] + " " + " ".join(sys.argv[1:]) + "\\n")
try:
    time.sleep(float(os.environ["STUB_S"]))
except KeyboardInterrupt:
    with log.open("a") as file:
        file.write("interrupted\\n")
"""
"""Stands for ``nearopt record``: notes what it was told, then takes its time."""


def stub(tmp_path: Path) -> tuple[str, ...]:
    script = tmp_path / "stub.py"
    script.write_text(RECORDER)
    return (sys.executable, str(script))


def test_groups_in_words() -> None:
    assert parse_group("softmax:3300,matmul@1", 30_000) == Group(
        (Part(SOFTMAX, 3300), Part("helion_matmul-2048x2048x2048-bf16", 30_000)), (1,)
    )
    assert parse_group("mine-8x8:all@0+2", 5) == Group((Part("mine-8x8", None),), (0, 2))
    for wrong in ("softmax", "softmax@", "softmax@one", "softmax:few@0"):
        with pytest.raises(ValueError, match=f"{wrong}: expected TASK"):
            parse_group(wrong, 5)


def test_a_command_says_what_is_drawn_and_until_when(tmp_path: Path) -> None:
    part, group = Part(SOFTMAX, 30), Group((Part(SOFTMAX, 30),), (0, 3))
    words = command_of(part, group, Sitting(tmp_path, tmp_path / "out", 0.0, 0.0, ("nearopt",)), 470.4)
    assert words[:3] == ["nearopt", "record", f"task={SOFTMAX}"]
    assert words[words.index("--compile-workers") + 1] == "32"
    assert words[words.index("--deadline-s") + 1] == "470"
    assert words[words.index("--draws") + 1] == "30" and "--finish" not in words
    assert "--finish" in command_of(part, group, Sitting(tmp_path, tmp_path, 0.0, 60.0), 9.0)
    whole = command_of(Part(SOFTMAX, None), group, Sitting(tmp_path, tmp_path, 0.0, 60.0), 9.0)
    assert "--draws" not in whole and "--finish" not in whole


def test_two_sittings_make_one_log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STUB_S", "0.0")
    groups = [parse_group("softmax@0", 9), parse_group("matmul,layernorm@1+2", 9)]
    first, home, second = tmp_path / "first", tmp_path / "carried" / "logs", tmp_path / "second"
    run(groups, Sitting(first, home, time.monotonic() + 60 + PACK_S, command=stub(tmp_path)))
    assert len(list(home.glob("*.xz"))) == 3
    assert unpack(home.parent, second) == sorted(p.name.removesuffix(".xz") for p in home.glob("*.xz"))
    run(groups, Sitting(second, tmp_path / "out", time.monotonic() + 60 + PACK_S, command=stub(tmp_path)))
    packed = tmp_path / "out" / f"{SOFTMAX}__h100.parquet{LOG_SUFFIX}.xz"
    lines = lzma.decompress(packed.read_bytes()).decode().splitlines()
    assert len(lines) == 2 and all(line.startswith(f"0 record task={SOFTMAX}") for line in lines)
    two = next(second.glob(f"*layernorm*{LOG_SUFFIX}")).read_text().splitlines()
    assert two[0].startswith("1,2 record")
    assert unpack(home.parent, second) == []  # this machine has them: what it has is newer


@pytest.mark.slow
@pytest.mark.timeout(60)
def test_what_does_not_end_is_interrupted_and_its_log_comes_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("STUB_S", "600")
    out = tmp_path / "out"
    run(
        [parse_group("softmax,matmul@0", 9)],
        Sitting(tmp_path, out, time.monotonic() + PACK_S + DRAIN_S + 3, command=stub(tmp_path)),
    )
    (packed,) = out.glob("*.xz")  # no time was left for the second
    assert lzma.decompress(packed.read_bytes()).decode().splitlines()[-1] == "interrupted"


def test_a_landscape_comes_home_too(tmp_path: Path) -> None:
    (tmp_path / "work").mkdir()
    (tmp_path / "work" / "a__h100.parquet").write_bytes(b"PAR1")
    (tmp_path / "work" / f"a__h100.parquet{LOG_SUFFIX}").write_text("line\n")
    pack(tmp_path / "work", tmp_path / "out")
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "a__h100.parquet",
        f"a__h100.parquet{LOG_SUFFIX}.xz",
    ]


def test_a_log_in_a_line(tmp_path: Path) -> None:
    rows = [
        {"kind": "result", "status": "ok", "samples_ms": [1.0, 9.0, 1.02]},
        {"kind": "result", "status": "ok", "samples_ms": [1.06]},
        {"kind": "result", "status": "ok", "samples_ms": [1.2]},
        {"kind": "result", "status": "wrong_result", "samples_ms": [], "message": "relative error 1"},
        {"kind": "draw", "index": 3, "key": None},
        {"kind": "draw", "index": 4, "key": "{}"},
    ]
    log = tmp_path / f"a__h100.parquet{LOG_SUFFIX}"
    log.write_text("\n".join(map(json.dumps, rows)) + '\n{"kind":"res')
    text = summary(log)
    assert "4 measured, 1 repeated, 1 outside the rules; best 1.02 ms, 2 within 5% of it" in text
    assert "1 × wrong_result: relative error 1" in text


def test_bad_groups_are_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path), "softmax"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("sitting: softmax: expected TASK")
