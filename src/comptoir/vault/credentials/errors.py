"""What signing in can refuse."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class LinkRefused(Problem):
    """This one-time link is over: it was used, replaced by a newer one, or is older than ten minutes."""

    name = "link_refused"
    status = 403


class NoSuchStaffMember(Problem):
    """There is no staff member with this e-mail address."""

    name = "no_such_staff_member"
    status = 404
