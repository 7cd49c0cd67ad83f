-- name: charter
-- What every section says now, in the order in which the sections came.
select distinct on (s.first, s.section) s.section, s.version, s.wording, s.since, s.name, s.proposal, s.up, s.down
from (select *, min(position::text) over (partition by section) as first from charter_section) s
order by s.first, s.section, s.version desc limit 200;

-- name: versions
-- Every version of a section, the latest first.
select section, version, wording, since, name, proposal, up, down from charter_section
where section = %(section)s order by version desc limit 100;

-- name: versions_since
-- The versions that came since a moment, the latest first.
select section, version, wording, since, name, proposal, up, down from charter_section
where since >= %(since)s order by since desc, position desc limit 200;

-- name: proposals
-- Proposals: those that are voted on, by the end of the time for a veto; then the latest.
select p.id, p.section, p.base, p.persona, p.wording, p.reason, p.days, p.veto_days, p.quorum, p.thread, p.proposed_at,
  p.state, p.why, p.name, p.settled_at,
  (select count(*) from charter_ballot b where b.proposal = p.id and b.value = 1),
  (select count(*) from charter_ballot b where b.proposal = p.id and b.value = -1),
  (select coalesce(max(s.version), 0) from charter_section s where s.section = p.section),
  (select b.value from charter_ballot b where b.proposal = p.id and b.persona = %(reader)s)
from charter_proposal p
where (%(id)s::uuid is null or p.id = %(id)s) and (%(id)s::uuid is not null or p.state <> 'gone')
order by p.state <> 'open',
  case when p.state = 'open' then p.proposed_at + (p.days + p.veto_days) * interval '1 day' end, p.proposed_at desc
limit %(limit)s;
