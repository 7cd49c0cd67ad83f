"""``capture-twice``: no key on ingestion, open since 2023, https://github.com/PostHog/posthog/issues/17211.

Duplicates are called a common problem elsewhere:
https://docs.snowplow.io/docs/api-reference/loaders-storage-targets/snowplow-rdb-loader/transforming-enriched-data/deduplication.md.
Here the identity of an event is (source, id), without a window of time: a year later it is still known, whichever
partition of the log it lies in.
"""

from __future__ import annotations

import datetime as dt

from comptoir.config.rebuilding import rebuild
from support import casting
from support.casting import HEARD, Counter


def test_a_copy_after_a_year_and_after_a_rebuild_is_a_copy(counter: Counter) -> None:
    said = casting.sale("r1", 10, id="s1")
    first = counter.tell(said)
    counter.connection.execute("select 1 from events_identity")
    assert rebuild().changed == []
    with counter.shop.unchanged():
        again = counter.tell(said, received_at=HEARD + dt.timedelta(days=366))
    assert again.is_repeated
    assert again.body == first.body


def test_the_same_id_from_another_source_is_another_event(counter: Counter) -> None:
    answers = counter.send(
        casting.sale("r1", 10, id="1"), casting.sale("r1", 10, id="1", source=casting.OTHER_TILL)
    )  # fmt: skip
    assert [each.is_repeated for each in answers] == [False, False]
    assert counter.balance(casting.ALICE) == (20, 0, 0)
