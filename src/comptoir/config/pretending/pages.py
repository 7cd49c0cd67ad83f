"""The simulator's page: one form that works without a script, and says that it takes no real money."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Mapping
from html import escape
from typing import Any, Final, get_args
from urllib.parse import urlsplit

from comptoir.config.pretending.moods import Reports
from comptoir.config.pretending.words import LANGUAGES, words
from comptoir.foundation.kernel.money import Money

STYLE: Final = """
:root { color-scheme: light dark; --paper: #eef1f6; --surface: #fff; --ink: #171a21; --soft: #565d6b; --line: #d5dae3;
  --accent: #2f4fb0; --on-accent: #fff; --wash: #fff4d6; --wash-ink: #5c4300; --bad: #97291c; --bad-wash: #fbe9e6; }
@media (prefers-color-scheme: dark) { :root { --paper: #12141a; --surface: #1b1e26; --ink: #eceef3; --soft: #a9b0be;
  --line: #343945; --accent: #9db4ff; --on-accent: #0b1533; --wash: #362d13; --wash-ink: #f0cf84; --bad: #f4a89c;
  --bad-wash: #3d1f1b; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--paper); color: var(--ink); line-height: 1.5;
  font-family: system-ui, "Noto Sans", "Noto Sans JP", "Noto Sans CJK JP", sans-serif; }
main { max-width: 27rem; margin: 0 auto; padding: 1.5rem 1rem 3rem; }
.card { background: var(--surface); border: 1px solid var(--line); border-radius: .75rem; padding: 1.5rem; }
h1 { font-size: 1.05rem; margin: 0 0 .25rem; color: var(--soft); font-weight: 500; }
.sum { font-size: 2.25rem; font-weight: 650; margin: 0 0 1rem; font-variant-numeric: tabular-nums; }
.pretends { background: var(--wash); color: var(--wash-ink); border-radius: .5rem; padding: .75rem 1rem;
  margin: 0 0 1.25rem; }
.pretends strong { display: block; }
.bad { background: var(--bad-wash); color: var(--bad); border-radius: .5rem; padding: .75rem 1rem; }
dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0 0 1.25rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
button, .button { display: block; width: 100%; min-height: 3rem; padding: .6rem 1rem; border-radius: .5rem;
  font: inherit; font-weight: 600; text-align: center; text-decoration: none; cursor: pointer;
  border: 1px solid var(--line); background: transparent; color: var(--ink); margin: .6rem 0 0; }
.pay { background: var(--accent); color: var(--on-accent); border-color: var(--accent); }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details { margin-top: 1.25rem; border-top: 1px solid var(--line); padding-top: 1rem; }
summary { cursor: pointer; min-height: 1.75rem; } label { display: block; margin-top: .75rem; color: var(--soft); }
select { width: 100%; min-height: 2.75rem; font: inherit; color: var(--ink); background: var(--surface);
  border: 1px solid var(--line); border-radius: .5rem; padding: .4rem; }
nav { margin-top: 1.25rem; text-align: center; } nav a { color: var(--soft); padding: .6rem; display: inline-block; }
nav a[aria-current] { color: var(--ink); font-weight: 600; text-decoration: none; }
"""


def pay_page(session: Mapping[str, Any], *, language: str, is_declined: bool, reports: str) -> str:
    """Return the page of a session."""
    said, text = json.loads(session["said"]), words(language)
    amount = str(Money(said["amount"], said["currency"]))
    body = [
        f'<p class="pretends"><strong>{escape(text["pretends"])}</strong> {escape(text["pretends_more"])}</p>',
        f'<h1>{escape(text["title"])}</h1><p class="sum">{escape(amount)}</p>',
    ]
    state = session["state"]
    if state == "open":
        body.append(_form(session, said, text, amount=amount, is_declined=is_declined, reports=reports, at=language))
    elif state == "paid":
        body.append(f"<p>{escape(text['paid'])}</p>{_link(said['return_url'], text['go_on'], kind='button pay')}")
    else:
        body.append(f'<p class="bad" role="status">{escape(text[state])}</p>')
        body.append(_link(said["cancel_url"], text["back"]))
    body.append(_languages(language, text))
    return _page("".join(body), title=f"{text['title']} · {amount}", language=language)


def missing_page(language: str) -> str:
    """Return the page for an address that is none."""
    text = words(language)
    return _page(f"<h1>{escape(text['missing'])}</h1>", title=text["title"], language=language)


def policy(session: Mapping[str, Any] | None) -> str:
    """Return the page's content security policy: its own style, and forms to itself and back to the shop."""
    back = ""
    if session is not None:
        said = json.loads(session["said"])
        parts = [urlsplit(said[name]) for name in ("return_url", "cancel_url")]
        back = "".join(dict.fromkeys(f" {each.scheme}://{each.netloc}" for each in parts))
    return f"default-src 'none'; style-src 'self'; form-action 'self'{back}; frame-ancestors 'none'; base-uri 'none'"


def _form(
    session: Mapping[str, Any], said: Mapping[str, Any], text: Mapping[str, str], *, amount: str, is_declined: bool,
    reports: str, at: str,
) -> str:  # fmt: skip
    until = dt.datetime.fromisoformat(said["expires_at"]).astimezone(dt.UTC)
    options = "".join(
        f'<option value="{name}"{" selected" if name == reports else ""}>{escape(text[name])}</option>'
        for name in get_args(Reports)
    )
    declined = f'<p class="bad" role="alert">{escape(text["declined"])}</p>' if is_declined else ""
    return f"""{declined}<dl><dt>{escape(text["for"])}</dt><dd>{escape(said["title"])}</dd>
<dt>{escape(text["until"])}</dt><dd><time datetime="{until.isoformat()}">{until:%Y-%m-%d %H:%M} UTC</time></dd></dl>
<form method="post" action="/pay/{escape(session["id"])}?lang={at}">
<button class="pay" name="action" value="pay">{escape(text["pay"].format(amount=amount))}</button>
<button name="action" value="leave">{escape(text["leave"])}</button>
<details{" open" if is_declined else ""}><summary>{escape(text["misbehave"])}</summary>
<button name="action" value="refuse">{escape(text["decline"])}</button>
<button name="action" value="partly">{escape(text["partly"])}</button>
<label for="reports">{escape(text["reports"])}</label>
<select id="reports" name="reports">{options}</select></details></form>"""


def _languages(language: str, text: Mapping[str, str]) -> str:
    links = "".join(
        f'<a href="?lang={code}" lang="{code}" hreflang="{code}"{" aria-current=true" if code == language else ""}>'
        f"{name}</a>"
        for code, name in LANGUAGES.items()
    )
    return f'<nav aria-label="{escape(text["language"])}">{links}</nav>'


def _link(url: str, words: str, *, kind: str = "button") -> str:
    # Only what the shop's own session says, and only an address of a page.
    href = url if urlsplit(url).scheme in {"http", "https"} else "/"
    return f'<a class="{kind}" href="{escape(href)}">{escape(words)}</a>'


def _page(body: str, *, title: str, language: str) -> str:
    return (
        f'<!doctype html><html lang="{language}"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/style.css"></head>'
        f'<body><main><div class="card">{body}</div></main></body></html>'
    )
