"""Problems: every refusal has a name, a field where there is one, and one shape outside (RFC 9457).

A package declares its refusals in its ``errors.py`` as subclasses of :class:`Problem`. Not here: any of them.
"""

from __future__ import annotations

from typing import Any, ClassVar

#: Where the ``type`` of a problem points to; each name has its heading in ``docs/problems.md``.
TYPE_PREFIX = "urn:comptoir:problem:"


class Problem(Exception):  # noqa: N818 - the RFC's own word
    """An expected refusal. The class's docstring is its title; ``detail`` says more about the case at hand.

    ``name`` is the stable word that software may rely on, ``status`` the HTTP status, ``field`` the place in
    what was sent (a JSON path such as ``lines[0].amount``). ``extra`` holds further members, never anything internal.
    """

    name: ClassVar[str]
    status: ClassVar[int] = 422

    def __init__(self, detail: str = "", *, field: str | None = None, **extra: Any) -> None:
        """Describe the case: a sentence, the field at fault, further members."""
        super().__init__(detail or self.title())
        self.detail = detail
        self.field = field
        self.extra = extra

    @classmethod
    def title(cls) -> str:
        """Return the first line of the class's docstring."""
        return (cls.__doc__ or cls.name).strip().splitlines()[0]

    def as_members(self) -> dict[str, Any]:
        """Return the members of RFC 9457: type, title, status, and detail, field and others where they are known."""
        members: dict[str, Any] = {"type": TYPE_PREFIX + self.name, "title": self.title(), "status": self.status}
        if self.detail:
            members["detail"] = self.detail
        if self.field is not None:
            members["field"] = self.field
        members.update(self.extra)
        return members
