"""Templates to texts: Liquid that knows nothing but what it is given and comes to an end. In memory, no Django.

A template loops a thousand times in all, writes 100,000 characters, and no filter makes anything longer; it includes no
other template, asks no clock, and a name that it was not given is a fault with a name, not an empty place. HTML is
escaped. What stands below every message is not the template's to leave out (``footing.py``).
"""

from __future__ import annotations

import difflib
import functools
import re
import threading
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, Final

import liquid
from liquid import Environment
from liquid.ast import Node
from liquid.exceptions import LiquidError
from liquid.output import LimitedStringIO
from liquid.undefined import StrictUndefined

from comptoir.counter.messages.contracts import TemplateText
from comptoir.counter.messages.errors import TemplateFailed

#: What every template may name, beside its own values: the reader's name (empty where it is not known), the shop's, the
#: code of the reader's coupon (or nothing), and the reader's language.
GIVEN: Final = frozenset({"name", "shop", "coupon", "language"})
LOOPS_MAX: Final = 1_000
CHARACTERS_MAX: Final = 100_000
SECONDS_MAX: Final = 0.5
SUBJECT_CHARACTERS_MAX: Final = 200
_DEPTH_MAX: Final = 8
_DIGITS_MAX: Final = 10**15
_ITEMS_MAX: Final = 1_000
_CACHED: Final = 512
#: What these do is the house's, could take very long, or tells the time.
_FILTERS_LEFT_OUT: Final = ("safe", "strip_html", "squish", "base64_decode", "base64_url_safe_decode", "find_index")
_TAGS_LEFT_OUT: Final = ("include", "render", "tablerow", "increment", "decrement", "cycle")
#: A library's filter that trips over a value raises one of these.
_TRIPS: Final = (ArithmeticError, ValueError, TypeError, AttributeError, RecursionError, MemoryError)
#: Tags after which a template goes on as if they had not been there.
_STATELESS: Final = frozenset({"if", "unless", "case", "comment", "raw"})
_PARTS: Final = ("subject", "text", "html")
#: ``%d``, ``%-d`` and their like: a width would be written out.
_MOMENT: Final = re.compile(r"(?:%-?[A-Za-z%]|[^%])*")
_MOMENT_CHARACTERS_MAX: Final = 60


class _Stopped(LiquidError):  # noqa: N818 - a limit, not a mistake of the library's
    """A limit of the house's own."""


class _Limited(Environment):
    block_nesting_limit = _DEPTH_MAX
    context_depth_limit = _DEPTH_MAX
    loop_iteration_limit = LOOPS_MAX
    output_stream_limit = CHARACTERS_MAX
    local_namespace_limit = CHARACTERS_MAX


class Rendered(TemplateText, frozen=True):
    """What one reader gets: a subject or title of one line, a text, and HTML or nothing."""


class Template:
    """One template in one language, read once."""

    def __init__(self, text: TemplateText) -> None:
        """Read it. Raises :class:`TemplateFailed` naming the line."""
        self.subject = _read(text.subject, "subject", escape=False)
        self.text = _read(text.text, "text", escape=False)
        self.html = _read(text.html, "html", escape=True) if text.html else None

    def names(self) -> frozenset[str]:
        """Return which values it names."""
        parts = (self.subject, self.text, self.html)
        return frozenset(str(name) for part in parts if part is not None for name in part.analyze().globals)

    def render(self, values: Mapping[str, Any]) -> Rendered:
        """Fill it in. Raises :class:`TemplateFailed`."""
        _clock.begin()
        subject = _one_line(_fill(self.subject, "subject", values))
        text = _fill(self.text, "text", values)
        return Rendered(text, subject, "" if self.html is None else _fill(self.html, "html", values))


class Shared:
    """A template with all that is the same for everybody filled in once; the rest is each reader's.

    What it gives is what :meth:`Template.render` gives. A template that keeps anything from one place to another, or
    loops, is filled in as a whole for each. For one thread.
    """

    def __init__(self, template: Template, values: Mapping[str, Any]) -> None:
        """Fill in what names nothing but ``values``."""
        self._template = template
        self._values = dict(values)
        parts = (template.subject, template.text, template.html)
        try:
            _clock.begin()
            self._parts = [None if part is None else _Pieces(part, self._values) for part in parts]
        except (LiquidError, *_TRIPS):
            self._parts = []  # whoever it is filled in for hears of it

    def render(self, own: Mapping[str, Any]) -> Rendered:
        """Fill it in for one reader, whose own values come last. Raises :class:`TemplateFailed`."""
        values = {**self._values, **own}
        if not self._parts:
            return self._template.render(values)
        _clock.begin()
        subject, text, html = [
            "" if part is None else _caught(part.fill, name, values)
            for name, part in zip(_PARTS, self._parts, strict=True)
        ]
        return Rendered(text, _one_line(subject), html)


class _Pieces:
    """A part in pieces: texts that are the same for everybody, and nodes that are filled in for each."""

    def __init__(self, part: liquid.BoundTemplate, values: Mapping[str, Any]) -> None:
        found = part.analyze()
        self._part = part
        self._is_whole = not _STATELESS.issuperset(found.tags) or bool(found.locals)
        # Nothing that stays keeps anything from one place to another: so one context does for all readers, one by one.
        self._values: dict[str, Any] = {"": ""}  # the library takes an empty one for none
        self._context = part.context_class(part, globals=self._values)
        self._pieces: list[str | Node] = []
        for node in () if self._is_whole else part.nodes:
            one = liquid.BoundTemplate(part.env, [node])
            if not values.keys() >= one.analyze().globals.keys():
                self._pieces.append(node)
                continue
            text = str(one.render(**values))
            if self._pieces and isinstance(self._pieces[-1], str):
                self._pieces[-1] += text
            else:
                self._pieces.append(text)

    def fill(self, values: Mapping[str, Any]) -> str:
        if self._is_whole:
            return str(self._part.render(**values))
        self._values.clear()
        self._values.update(values)
        buffer = LimitedStringIO(CHARACTERS_MAX)
        for each in self._pieces:
            if isinstance(each, str):
                buffer.write(each)
                continue
            try:
                each.render(self._context, buffer)
            except LiquidError as error:
                error.token = error.token or each.token
                raise
        return buffer.getvalue()


def _one_line(text: str) -> str:
    return " ".join(text.split())[:SUBJECT_CHARACTERS_MAX]


@functools.lru_cache(maxsize=_CACHED)
def template_of(text: TemplateText) -> Template:
    """Return a template, read once for all that it is filled in for."""
    return Template(text)


def check(template: Template, *, examples: Mapping[str, Any]) -> None:
    """Hold a template against the values that it will be given. Raises :class:`TemplateFailed` for somebody else's."""
    known = GIVEN | examples.keys()
    for name in sorted(template.names() - known):
        raise TemplateFailed(_nearest(name, known), field=f"values.{name}")


def _nearest(name: str, known: Collection[str]) -> str:
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"Did you mean {near[0]}?" if near else f"There are {', '.join(sorted(known))}."
    return f"A template of this campaign is not given {name}. {hint}"


def _read(text: str, part: str, *, escape: bool) -> liquid.BoundTemplate:
    try:
        return (_HTML if escape else _PLAIN).from_string(text)
    except (LiquidError, RecursionError) as error:
        raise TemplateFailed(_sentence(error), field=part) from None


def _fill(template: liquid.BoundTemplate, part: str, values: Mapping[str, Any]) -> str:
    return _caught(lambda given: str(template.render(**given)), part, values)


def _caught(fill: Callable[[Mapping[str, Any]], str], part: str, values: Mapping[str, Any]) -> str:
    try:
        return fill(values)
    except LiquidError as error:
        raise TemplateFailed(_sentence(error), field=part) from None
    except _TRIPS as error:
        # A library's filter that trips over a value is the template's fault all the same.
        raise TemplateFailed(f"A filter cannot do that ({type(error).__name__}).", field=part) from None


def _sentence(error: Exception) -> str:
    said = str(error).splitlines()[0] if str(error) else type(error).__name__
    token = getattr(error, "token", None)
    source, at = getattr(token, "source", None), getattr(token, "start_index", None)
    if isinstance(source, str) and isinstance(at, int) and at >= 0:
        return f"Line {source.count(chr(10), 0, at) + 1}: {said}."
    return f"{said}."


# -- filters that end -------------------------------------------------------------------------------------------------


class _Clock(threading.local):
    """By when the template that this thread fills in has to be done.

    On a machine that is busy with others the clock on the wall says little. So it is asked first, since that costs
    next to nothing; a template is stopped by the time that its own thread has had since.
    """

    end = 0.0
    own_end: float | None = None

    def begin(self) -> None:
        self.end, self.own_end = time.monotonic() + SECONDS_MAX, None

    def look(self) -> None:
        if time.monotonic() <= self.end:
            return
        if self.own_end is None:
            self.own_end = time.thread_time() + SECONDS_MAX
        elif time.thread_time() > self.own_end:
            raise _Stopped(f"takes longer than {SECONDS_MAX} seconds", token=None)


_clock = _Clock()


def _bounded(call: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(call)
    def bounded(value: Any, *arguments: Any, **options: Any) -> Any:
        _clock.look()
        return _insist(call(value, *arguments, **options))

    for name in ("with_context", "with_environment", "filter_async"):
        if hasattr(call, name):
            setattr(bounded, name, getattr(call, name))
    return bounded


def _insist(value: Any) -> Any:
    if isinstance(value, str):
        if len(value) > CHARACTERS_MAX:
            raise _Stopped("a filter makes a text too long", token=None)
    elif isinstance(value, list | tuple):
        if len(value) > _ITEMS_MAX:
            raise _Stopped("a filter makes a list too long", token=None)
    elif isinstance(value, int | float) and not abs(value) < _DIGITS_MAX:
        raise _Stopped("a filter makes a number too large", token=None)
    return value


def _replacing(call: Callable[..., Any]) -> Callable[..., Any]:
    def replace(value: Any, old: Any, new: Any = "", **options: Any) -> Any:
        text, longer = str(value), max(len(str(new)) - len(str(old)), 0)
        if len(text) + text.count(str(old)) * longer > CHARACTERS_MAX:
            raise _Stopped("a filter makes a text too long", token=None)
        return call(value, old, new, **options)

    return functools.update_wrapper(replace, call)


def _joining(call: Callable[..., Any]) -> Callable[..., Any]:
    def join(items: Any, between: Any = " ", **options: Any) -> Any:
        count = len(items) if isinstance(items, list | tuple | str | dict) else 1
        if count * len(str(between)) > CHARACTERS_MAX:
            raise _Stopped("a filter makes a text too long", token=None)
        return call(items, between, **options)

    return functools.update_wrapper(join, call)


def _telling(call: Callable[..., Any]) -> Callable[..., Any]:
    def date(value: Any, form: Any, **options: Any) -> Any:
        form = str(form)
        if value in {"now", "today"}:
            raise _Stopped("a template does not ask for the time", token=None)
        if len(form) > _MOMENT_CHARACTERS_MAX or not _MOMENT.fullmatch(form):
            raise _Stopped("a date has no such form", token=None)
        return call(value, form, **options)

    return functools.update_wrapper(date, call)


def _environment(*, escape: bool) -> Environment:
    made = _Limited(undefined=StrictUndefined, autoescape=escape)
    special = {"replace": _replacing, "replace_first": _replacing, "replace_last": _replacing, "join": _joining,
               "date": _telling}  # fmt: skip
    _drop(made.filters, _FILTERS_LEFT_OUT)
    _drop(made.tags, _TAGS_LEFT_OUT)
    for name, call in list(made.filters.items()):
        made.filters[name] = _bounded(special[name](call) if name in special else call)
    return made


def _drop(table: Any, names: Iterable[str]) -> None:
    for name in names:
        table.pop(name, None)


_PLAIN: Final = _environment(escape=False)
_HTML: Final = _environment(escape=True)
