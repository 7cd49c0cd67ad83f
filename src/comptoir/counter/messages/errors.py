"""The named problems of messages as records."""

from __future__ import annotations

from comptoir.foundation.kernel.problem import Problem


class TemplateInvalid(Problem):
    """A template cannot be used as it is."""

    name = "template_invalid"


class TemplateUnknown(Problem):
    """There is no such template, or not in this version."""

    name = "template_unknown"
    status = 404


class TemplateFailed(Problem):
    """A template did not come to an end within its limits, or names what it may not."""

    name = "template_failed"


class DecisionInvalid(Problem):
    """A send decision contradicts itself or its dispatch."""

    name = "decision_invalid"
