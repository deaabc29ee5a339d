"""How an attack is run: inputs that hypothesis makes, and a count of them."""

import re
from collections import Counter
from datetime import date
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings

BEGIN, END = "<!-- figures: begin -->", "<!-- figures: end -->"
tried, failed = Counter(), Counter()


@pytest.fixture
def attack(request):
    """A function ``attack(inputs, check, few, many)`` that calls ``check`` with that many inputs.

    ``few`` are tried by default, ``many`` with ``--robustness-full``.
    """
    full = request.config.getoption("--robustness-full")

    def run(inputs, check, few, many):
        @settings(
            max_examples=many if full else few,
            deadline=None,
            database=None,
            derandomize=not full,  # by default the same inputs every time
            suppress_health_check=list(HealthCheck),
            phases=[Phase.generate, Phase.shrink],
        )
        @given(inputs)
        def each(value):
            tried[request.node.name] += 1
            check(value)

        each()

    return run


@pytest.fixture
def count(request):
    """A function that counts one more attempt of a test, such as a kill."""
    return lambda: tried.update([request.node.name])


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    report = yield
    if report.failed:
        failed[item.name] += 1
    return report


def pytest_sessionfinish(session):
    """Write the figures between their marks in the file; attacks that were not run keep theirs."""
    file = session.config.getoption("--robustness-figures", None)
    if not (file and tried):
        return
    before, rest = Path(file).read_text(encoding="utf-8").split(BEGIN)
    old, after = rest.split(END)
    figures = {
        name: (int(count.replace(",", "")), int(faults))
        for name, count, faults in re.findall(r"\| (.+) \| ([\d,]+) \| (\d+) \|", old)
    }
    for name, count in tried.items():
        figures[name.removeprefix("test_").replace("_", " ")] = (count, failed[name])
    inputs, faults = (sum(column) for column in zip(*figures.values(), strict=True))
    lines = [
        f"As of {date.today().isoformat()}: {inputs:,} inputs tried, {faults} faults left.",
        "",
        "| Attack | Tried | Faults |",
        "| --- | ---: | ---: |",
        *(f"| {name} | {count:,} | {wrong} |" for name, (count, wrong) in sorted(figures.items())),
    ]
    text = "\n".join([before + BEGIN, *lines, END + after])
    Path(file).write_text(text, encoding="utf-8")
