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
    """Write the figures between their marks in the file that was asked for."""
    file = session.config.getoption("--robustness-figures", None)
    if file and tried:
        names = [name.removeprefix("test_").replace("_", " ") for name in tried]
        rows = zip(names, tried.values(), (failed[name] for name in tried), strict=True)
        lines = [
            f"Run of {date.today().isoformat()}: {sum(tried.values()):,} inputs tried, "
            f"{sum(failed.values())} faults.",
            "",
            "| Attack | Tried | Faults |",
            "| --- | ---: | ---: |",
            *(f"| {name} | {count:,} | {faults} |" for name, count, faults in rows),
        ]
        text = Path(file).read_text(encoding="utf-8")
        block = "\n".join([BEGIN, *lines, END])
        text = re.sub(f"{BEGIN}.*{END}", lambda _: block, text, flags=re.DOTALL)
        Path(file).write_text(text, encoding="utf-8")
