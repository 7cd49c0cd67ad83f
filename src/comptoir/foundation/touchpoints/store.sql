-- name: insert_key
-- A new key; its hash only.
insert into touchpoints_key (id, touchpoint, digest, shown, note, created_at, revoked_at, changed_at)
values (%(id)s, %(touchpoint)s, %(digest)s, %(shown)s, %(note)s, %(now)s, null, %(now)s);

-- name: revoke_key
-- End a key for good; a key that was revoked before keeps its time.
update touchpoints_key set revoked_at = %(now)s, changed_at = %(now)s
where id = %(id)s and revoked_at is null
returning touchpoint;

-- name: list_keys
-- Every key, the newest first.
select id, touchpoint, shown, note, created_at, revoked_at from touchpoints_key order by created_at desc, id desc;

-- name: active_keys
-- The hashes that open the door.
select digest, touchpoint from touchpoints_key where revoked_at is null;

-- name: keys_version
-- Changes whenever a key is issued or revoked.
select count(*), count(revoked_at), max(changed_at) from touchpoints_key;

-- name: notify_keys
-- Tell the gateways, at commit, that keys have changed.
select pg_notify('comptoir_keys', '');

-- name: flush
-- Add what one process has counted in a second: delays by bucket, refusals by reason. Sorted, so that two never wait.
with refusals as (
  insert into touchpoints_refusal as r (touchpoint, reason, minute, count)
  select touchpoint, reason, to_timestamp(minute), count
  from json_to_recordset(%(refusals)s::json) as t(touchpoint text, reason text, minute bigint, count bigint)
  order by 1, 2, 3
  on conflict (touchpoint, reason, minute) do update set count = r.count + excluded.count
)
insert into touchpoints_freshness as f (touchpoint, data, stage, minute, counts)
select touchpoint, data, stage, to_timestamp(minute), counts
from json_to_recordset(%(freshness)s::json)
  as t(touchpoint text, data text, stage smallint, minute bigint, counts bigint[])
order by 1, 2, 3, 4
on conflict (touchpoint, data, stage, minute) do update set counts = array(
  select a + b from unnest(f.counts, excluded.counts) with ordinality as u(a, b, place) order by place
);

-- name: freshness_since
-- The counts of every arm and stage from one moment until another, added up, with the last minute of each.
select touchpoint, data, stage, max(minute), array_agg(total order by place)
from (
  select touchpoint, data, stage, max(minute) as minute, place, sum(count)::bigint as total
  from touchpoints_freshness, unnest(counts) with ordinality as u(count, place)
  where minute >= %(since)s::timestamptz and minute < %(until)s::timestamptz
  group by touchpoint, data, stage, place
) as added
group by touchpoint, data, stage
order by touchpoint, data, stage;

-- name: last_seen
-- When each of some arms was last active, as far back as the counts go.
select touchpoint, data, seen.minute
from unnest(%(touchpoints)s::text[], %(data)s::text[]) as arm(touchpoint, data)
cross join lateral (
  select max(minute) as minute
  from unnest(array[2, 3]::smallint[]) as wanted(stage)
  cross join lateral (
    select minute from touchpoints_freshness f
    where f.touchpoint = arm.touchpoint and f.data = arm.data and f.stage = wanted.stage
    order by minute desc limit 1
  ) as last
) as seen
where seen.minute is not null;

-- name: refusals_since
-- Refusals by touchpoint and reason from one moment until another.
select touchpoint, reason, sum(count)::bigint, max(minute) from touchpoints_refusal
where minute >= %(since)s::timestamptz and minute < %(until)s::timestamptz
group by touchpoint, reason order by touchpoint, sum(count) desc, reason;

-- name: hour_counts
-- How many events each of some arms had in the hour that begins at a moment, and in the same hour of earlier weeks.
select touchpoint, data, weeks, (
  select coalesce(sum(count), 0)::bigint
  from touchpoints_freshness g, unnest(g.counts) as count
  where g.touchpoint = arm.touchpoint and g.data = arm.data and g.stage = 2
    and g.minute >= %(hour)s::timestamptz - weeks * interval '7 days'
    and g.minute < %(hour)s::timestamptz - weeks * interval '7 days' + interval '1 hour'
)
from unnest(%(touchpoints)s::text[], %(data)s::text[]) as arm(touchpoint, data)
cross join lateral (
  select minute as first from touchpoints_freshness f
  where f.touchpoint = arm.touchpoint and f.data = arm.data and f.stage = 2 order by minute limit 1
) as begun
cross join generate_series(0, %(weeks)s::int) as weeks
where weeks = 0 or first <= %(hour)s::timestamptz - weeks * interval '7 days'
order by touchpoint, data, weeks;

-- name: thin_freshness
-- Add up minutes before a moment into their hours.
with gone as (
  delete from touchpoints_freshness where minute < %(before)s::timestamptz and minute <> date_trunc('hour', minute, 'UTC')
  returning touchpoint, data, stage, date_trunc('hour', minute, 'UTC') as hour, counts
), added as (
  select touchpoint, data, stage, hour, place, sum(count)::bigint as total
  from gone, unnest(counts) with ordinality as u(count, place)
  group by touchpoint, data, stage, hour, place
)
insert into touchpoints_freshness as f (touchpoint, data, stage, minute, counts)
select touchpoint, data, stage, hour, array_agg(total order by place) from added
group by touchpoint, data, stage, hour order by 1, 2, 3, 4
on conflict (touchpoint, data, stage, minute) do update set counts = array(
  select a + b from unnest(f.counts, excluded.counts) with ordinality as u(a, b, place) order by place
);

-- name: thin_refusals
-- Add up minutes before a moment into their hours.
with gone as (
  delete from touchpoints_refusal where minute < %(before)s::timestamptz and minute <> date_trunc('hour', minute, 'UTC')
  returning touchpoint, reason, date_trunc('hour', minute, 'UTC') as hour, count
)
insert into touchpoints_refusal as r (touchpoint, reason, minute, count)
select touchpoint, reason, hour, sum(count) from gone group by touchpoint, reason, hour order by 1, 2, 3
on conflict (touchpoint, reason, minute) do update set count = r.count + excluded.count;

-- name: forget_freshness
-- Drop counts that are too old to say anything about this week.
delete from touchpoints_freshness where minute < %(before)s::timestamptz;

-- name: forget_refusals
-- Drop counts that are too old to say anything about this week.
delete from touchpoints_refusal where minute < %(before)s::timestamptz;

-- name: open_breaches
-- What is not kept right now.
select id, touchpoint, data, kind, since, measured, promised, closed_at, closed_by from touchpoints_breach
where closed_at is null order by since, touchpoint, data, kind;

-- name: recent_breaches
-- What is not kept right now, and what was not since a moment; the newest first.
select id, touchpoint, data, kind, since, measured, promised, closed_at, closed_by from touchpoints_breach
where closed_at is null or closed_at >= %(since)s order by since desc, touchpoint, data, kind;

-- name: open_breach
-- Record that a promise is not kept; one that is open already keeps its beginning and takes the worse measure.
insert into touchpoints_breach as b (id, touchpoint, data, kind, since, measured, promised, closed_at, closed_by)
values (%(id)s, %(touchpoint)s, %(data)s, %(kind)s, %(since)s, %(measured)s, %(promised)s, null, '')
on conflict (touchpoint, data, kind) where closed_at is null
do update set measured = case when b.kind = 'silence' then least(b.measured, excluded.measured)
  else greatest(b.measured, excluded.measured) end, promised = excluded.promised
returning (xmax = 0) as is_new;

-- name: close_breach
-- A promise is kept again, or somebody has dealt with it.
update touchpoints_breach set closed_at = %(now)s, closed_by = %(by)s
where id = %(id)s and closed_at is null
returning touchpoint, data, kind;
