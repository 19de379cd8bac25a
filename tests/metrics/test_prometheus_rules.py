"""The alert rules, checked and tried by Prometheus' own tool."""

import re
from pathlib import Path

import yaml
from support.promtool import promtool

import inventory
from inventory.metrics.families import families

RULES = Path(inventory.__file__).parent / "dashboards" / "prometheus-rules.yml"
TESTS = Path(__file__).with_name("rules.test.yml")


def test_rules_are_valid() -> None:
    done = promtool("check", "rules", str(RULES))
    assert (done.returncode, done.stderr) == (0, "")
    assert "SUCCESS: 6 rules found" in done.stdout


def test_each_rule_fires_when_it_should() -> None:
    done = promtool("test", "rules", TESTS.name, folder=TESTS.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "SUCCESS" in done.stdout


def test_test_of_a_rule_can_fail(tmp_path: Path) -> None:
    """Each rule is changed to one that never fires, and its test has to notice."""
    text = RULES.read_text("utf-8")
    names = re.findall(r"- alert: (\w+)", text)
    for name in names:
        rules = yaml.safe_load(text)
        for rule in rules["groups"][0]["rules"]:
            if rule["alert"] == name:
                rule["for"] = "400d"
        (tmp_path / "rules.yml").write_text(yaml.safe_dump(rules))
        tests = yaml.safe_load(TESTS.read_text("utf-8")) | {"rule_files": ["rules.yml"]}
        (tmp_path / "test.yml").write_text(yaml.safe_dump(tests))
        assert promtool("test", "rules", "test.yml", folder=tmp_path).returncode == 1, name


def test_rules_use_no_metric_that_is_not_printed() -> None:
    printed = {metric.name for metric in families([], [], [])}
    used = set(re.findall(r"\binventory_[a-z_]+", RULES.read_text("utf-8")))
    assert used
    assert used <= printed
