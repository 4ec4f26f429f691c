"""The rules that ``rules=NAME`` and its options result in."""

from __future__ import annotations

import pytest
import yaml

from harness.config.compose import Composer
from harness.errors import UserError
from harness.rules import Rules
from harness.system.resources import conf_directory

ON = (conf_directory() / "rules" / "hopeless.yaml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def composer() -> Composer:
    return Composer()


@pytest.mark.parametrize(
    ("overrides", "rules"),
    [
        ([], None),
        (["rules=none"], None),
        (["rules=hopeless"], Rules(**yaml.safe_load(ON))),
        (["rules.compile_factor=2.5"], Rules(compile_factor=2.5)),
        (["rules.sample_error=0.05"], Rules(sample_error=0.05)),
        (["rules=hopeless", "rules.sample_error=null", "rules.compile_after=9"], Rules(3.0, 0.5, 9)),
    ],
)
def test_rules(composer: Composer, overrides: list[str], rules: Rules | None) -> None:
    assert composer.compose(overrides).rules == rules


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("rules.compile_factor=0.5", "rules.compile_factor=0.5: expected a number more than 1"),
        ("rules.compile_quantile=0.5", "rules.compile_quantile=0.5: expected rules.compile_factor as well"),
        ("rules.sample_error=2", "rules.sample_error=2.0: expected a number between 0 and 0.5"),
        ("rules=hopless", "rules=hopless: no such rules: expected hopeless"),
        ("+rules.factor=2", "rules.factor"),
        ("rules.compile_factor=fast", "fast"),
        ("rules=null", "rules"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_line(composer: Composer, override: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        composer.compose([override])
    assert said in str(error.value) and "\n" not in str(error.value)
