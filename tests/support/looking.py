"""What every page has to be for whoever uses it: found fit by axe-core, usable by keyboard, and light.

Each check looks at the page that is open and returns what it found. Not here: which pages there are (``crawling.py``).
"""

from __future__ import annotations

import functools
import importlib.resources
from collections.abc import Sequence
from typing import Final
from urllib.parse import urlsplit

from playwright.sync_api import Page

#: WCAG 2.2 at level AA, and what axe-core calls good practice.
_RULES: Final = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
#: The host of the pages that everybody reads, wherever they are.
_SQUARE: Final = "localhost"
_GRAVE: Final = frozenset({"serious", "critical"})
_SHOWN: Final = 3
#: Styles and scripts as they are sent, and the page itself; what is drawn in it is counted by itself.
PAGE_BYTES_MAX: Final = 50 * 1024
SQUARE_BYTES_MAX: Final = 32 * 1024
DRAWN_BYTES_MAX: Final = 160 * 1024
SCRIPT_BYTES_MAX: Final = 20 * 1024
_TABS_MAX: Final = 25

_AXE: Final = """async (rules) => {
  const found = await axe.run(document, {runOnly: {type: 'tag', values: rules}, resultTypes: ['violations']});
  return found.violations.map(v => ({id: v.id, impact: v.impact, help: v.help,
    nodes: v.nodes.map(n => n.target.join(' ') + ' ' + n.html.slice(0, 140) + ' ' + (n.any[0]?.message || ''))}));
}"""

#: Whatever somebody can use has to be reached by the key Tab, and to be seen when it is.
_KEYBOARD: Final = r"""() => {
  const found = [];
  const usable = 'a[href], button, input:not([type=hidden]), select, textarea, summary';
  const style = (e) => { const s = getComputedStyle(e);
    return [s.outlineStyle === 'none' ? '' : s.outlineWidth + s.outlineColor, s.boxShadow, s.borderColor,
            s.backgroundColor, s.textDecoration, s.color, s.opacity, s.clipPath, s.transform, s.left,
            s.top].join('|'); };
  const groups = new Set();
  for (const e of document.querySelectorAll(usable)) {
    if (e.disabled || !e.checkVisibility({visibilityProperty: true})) continue;
    if (e.tabIndex < 0) { found.push('cannot be reached by Tab: ' + e.outerHTML.slice(0, 140)); continue; }
    if (e.tabIndex > 0) found.push('is out of order: ' + e.outerHTML.slice(0, 140));
    if (e.type === 'radio') {
      if (groups.has(e.name)) continue;
      groups.add(e.name);
    }
    const shown = [e, e.closest('label'), e.parentElement, e.nextElementSibling].filter(Boolean);
    const before = shown.map(style).join();
    e.focus({focusVisible: true, preventScroll: true});
    if (document.activeElement !== e) { found.push('takes no focus: ' + e.outerHTML.slice(0, 140)); continue; }
    if (shown.map(style).join() === before) found.push('nobody sees the focus: ' + e.outerHTML.slice(0, 140));
    e.blur();
  }
  return found;
}"""

_WEIGHT: Final = """() => {
  const page = performance.getEntriesByType('navigation')[0];
  const parts = performance.getEntriesByType('resource');
  const of = (test) => parts.filter(test).reduce((sum, p) => sum + p.encodedBodySize, 0);
  const script = of(p => p.initiatorType === 'script');
  const style = of(p => p.initiatorType === 'link' && /[.]css/.test(p.name));
  const inside = [...document.querySelectorAll('script:not([src])')].reduce((sum, e) => sum + e.textContent.length, 0);
  const drawn = [...document.querySelectorAll('svg')].filter(e => !e.parentElement.closest('svg'))
    .reduce((sum, e) => sum + e.outerHTML.length, 0);
  return {page: page.encodedBodySize + script + style - drawn, script: script, data: inside, drawn: drawn};
}"""


@functools.cache
def _axe() -> str:
    return (importlib.resources.files("axe_playwright_python") / "axe.min.js").read_text(encoding="utf-8")


def fit_for_everybody(page: Page, _reader: str) -> Sequence[str]:
    """Return what axe-core finds that is serious or critical."""
    page.evaluate(_axe())
    return [
        f"axe: {each['id']} ({each['impact']}): {each['help']}: {each['nodes'][:_SHOWN]}"
        for each in page.evaluate(_AXE, _RULES)
        if each["impact"] in _GRAVE
    ]


def usable_by_keyboard(page: Page, _reader: str) -> Sequence[str]:
    """Return what Tab does not reach, or reaches without anybody seeing it."""
    return [f"keyboard: {each}" for each in page.evaluate(_KEYBOARD)]


def light(page: Page, _reader: str) -> Sequence[str]:
    """Return whether a page weighs too much, without its pictures: what everybody reads on the way is lightest."""
    weight = page.evaluate(_WEIGHT)
    found = []
    if weight["page"] > (SQUARE_BYTES_MAX if urlsplit(page.url).hostname == _SQUARE else PAGE_BYTES_MAX):
        found.append(f"weighs {weight['page']:,} bytes")
    if weight["script"] > SCRIPT_BYTES_MAX:
        found.append(f"has {weight['script']:,} bytes of script")
    if weight["drawn"] > DRAWN_BYTES_MAX:
        found.append(f"has {weight['drawn']:,} bytes of drawings")
    return found


def fits_a_phone(page: Page, _reader: str) -> Sequence[str]:
    """Return whether a page is wider than what it is shown on."""
    width, shown = page.evaluate("[document.documentElement.scrollWidth, innerWidth]")
    return [f"is {width} wide on {shown}"] if width > shown else []


def tabbed_through(page: Page) -> Sequence[str]:
    """Press Tab as often as there is something to use, at most 25 times; return what came out of order."""
    page.evaluate("document.activeElement?.blur(); getSelection().removeAllRanges(); window.scrollTo(0, 0)")
    order: list[int] = []
    script = """() => { const all = [...document.querySelectorAll('*')]; return all.indexOf(document.activeElement) }"""
    for _ in range(_TABS_MAX):
        page.keyboard.press("Tab")
        at = page.evaluate(script)
        if order and at <= order[-1]:
            break
        order.append(at)
    return [] if len(order) > 1 else ["keyboard: Tab leads nowhere"]
