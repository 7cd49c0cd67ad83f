-- name: lock_charter
-- One batch at a time goes on with the charter.
select pg_advisory_xact_lock(hashtextextended('charter_proposal', 0)), greatest(
  (select max(position::text) from charter_section), (select max(said_at::text) from charter_proposal),
  (select max(position::text) from charter_ballot)
);

-- name: find_sections
-- What these sections say now.
select distinct on (section) section, version, wording::text from charter_section
where section = any(%s::text[]) order by section, version desc;

-- name: has_begun
-- Whether members have ever proposed something.
select exists (select from charter_proposal);

-- name: find_proposals
-- Proposals as far as a decision needs them.
select id::text, section, base, persona::text, state, proposed_at, days, veto_days, quorum, wording::text
from charter_proposal where id = any(%s::uuid[]);

-- name: find_open
-- Which of these names have a proposal that is still voted on.
select distinct persona::text from charter_proposal where persona = any(%s::uuid[]) and state = 'open';

-- name: find_ballots
-- The votes on these proposals.
select proposal::text, persona::text, value from charter_ballot where proposal = any(%s::uuid[]);

-- name: find_waiting
-- Proposals whose votes are over.
select id::text, section, base, persona::text, state, proposed_at, days, veto_days, quorum, wording::text
from charter_proposal where state = 'open' and proposed_at + days * interval '1 day' <= %s::timestamptz
order by proposed_at limit 100;

-- name: insert_sections
-- Versions of sections.
insert into charter_section (section, version, wording, since, name, proposal, up, down, position)
select * from unnest(%s::text[], %s::int[], %s::jsonb[], %s::timestamptz[], %s::text[], %s::uuid[], %s::int[], %s::int[],
  %s::uuid[]);

-- name: insert_proposals
-- Proposals; of one whose author was forgotten, only that there was one.
insert into charter_proposal (id, section, base, persona, wording, reason, days, veto_days, quorum, thread, proposed_at,
  state, position, said_at)
select id, section, base, persona, wording::jsonb, reason, days, veto_days, quorum, thread, at,
  case when wording = '{}' then 'gone' else 'open' end, position, position
from unnest(%s::uuid[], %s::text[], %s::int[], %s::uuid[], %s::text[], %s::text[], %s::int[], %s::int[], %s::int[],
  %s::uuid[], %s::timestamptz[], %s::uuid[])
  as new(id, section, base, persona, wording, reason, days, veto_days, quorum, thread, at, position);

-- name: upsert_ballots
-- Votes; the last one counts.
insert into charter_ballot (proposal, persona, value, position)
select * from unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::uuid[])
on conflict (proposal, persona) do update set value = excluded.value, position = excluded.position
where charter_ballot.position < excluded.position;

-- name: settle_proposals
-- What became of proposals.
update charter_proposal p set state = n.state, why = n.why, name = n.name, settled_at = n.at, said_at = n.position
from unnest(%s::uuid[], %s::text[], %s::text[], %s::text[], %s::timestamptz[], %s::uuid[])
  as n(id, state, why, name, at, position)
where p.id = n.id;

-- name: sever_proposals
-- Proposals of somebody who is forgotten say nothing; one that is voted on is gone.
update charter_proposal p set persona = n.fresh, wording = '{}', reason = '',
  state = case when p.state = 'open' then 'gone' else p.state end
from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh) where p.persona = n.persona;

-- name: sever_ballots
-- Their votes still count, and are nobody's.
update charter_ballot b set persona = n.fresh from unnest(%s::uuid[], %s::uuid[]) as n(persona, fresh)
where b.persona = n.persona;
