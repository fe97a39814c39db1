"""What hinders people with a screen reader, a keyboard or weak sight, as axe-core finds it."""

from __future__ import annotations

from pathlib import Path

from playwright.sync_api import Locator

AXE = Path(__file__).parents[2] / "node_modules" / "axe-core" / "axe.min.js"

RUN = """async element => {
    const found = await axe.run(element, {resultTypes: ['violations']});
    return found.violations
        .filter(rule => ['serious', 'critical'].includes(rule.impact))
        .flatMap(rule => rule.nodes.map(
            node => `${rule.id}: ${node.html.slice(0, 300)}\\n  ${node.failureSummary}`));
}"""


def assert_accessible(element: Locator) -> None:
    """Fail if axe-core finds something serious or critical in one element and what is in it.

    Everything else in the page is the host's. For a whole page of our own, give its ``body``.
    """
    page = element.page
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = element.evaluate(RUN)
    assert not found, "\n\n".join(found)
