-- name: lock_steps
-- One batch at a time goes on with the programme.
select pg_advisory_xact_lock(hashtextextended('programme_step', 0)), max(position::text) from programme_step;

-- name: find_done
-- Which of these tasks are done already.
select item from programme_step where kind = 'done' and item = any(%s::text[]);

-- name: insert_steps
-- Steps.
insert into programme_step (position, at, kind, item, how, post, name, reason)
select * from unnest(%s::uuid[], %s::timestamptz[], %s::text[], %s::text[], %s::text[], %s::uuid[], %s::text[],
  %s::text[]);

-- name: find_experiments
-- How far each of these experiments has come: begun, stopped.
select experiment, started_at is not null, stopped_at is not null from programme_experiment
where experiment = any(%s::text[]);

-- name: register_experiments
-- What was registered; again, the latest word holds.
insert into programme_experiment as e (experiment, hypothesis, element, unit, kind, language, title_a, text_a, title_b,
  text_b, topic, seed, outcome, days, cap, smallest, expected, weeks_max, name, registered_at)
select experiment, hypothesis, element, unit, kind, language, title_a, text_a, title_b, text_b, topic, seed, outcome,
  days, cap, smallest, expected, weeks_max, name, registered_at
from jsonb_to_recordset(%s::jsonb) as r(experiment text, hypothesis text, element text, unit text, kind text,
  language text, title_a text, text_a text, title_b text, text_b text, topic text, seed text, outcome text,
  days smallint, cap int, smallest float8, expected float8, weeks_max smallint, name text, registered_at timestamptz)
on conflict (experiment) do update set hypothesis = excluded.hypothesis, element = excluded.element,
  unit = excluded.unit, kind = excluded.kind, language = excluded.language, title_a = excluded.title_a,
  text_a = excluded.text_a, title_b = excluded.title_b, text_b = excluded.text_b, topic = excluded.topic,
  seed = excluded.seed, outcome = excluded.outcome, days = excluded.days, cap = excluded.cap,
  smallest = excluded.smallest, expected = excluded.expected, weeks_max = excluded.weeks_max, name = excluded.name,
  registered_at = excluded.registered_at;

-- name: start_experiments
-- Experiments begin.
update programme_experiment e set started_at = r.at, planned_units = r.units, planned_weeks = r.weeks
from jsonb_to_recordset(%s::jsonb) as r(experiment text, at timestamptz, units int, weeks int)
where e.experiment = r.experiment;

-- name: stop_experiments
-- Experiments end.
update programme_experiment e set stopped_at = r.at, stopped_by = r.name, reason = r.reason
from jsonb_to_recordset(%s::jsonb) as r(experiment text, at timestamptz, name text, reason text)
where e.experiment = r.experiment;

-- name: last_switched
-- Which way an element was switched last.
select how from programme_step where kind = 'switched' and item = %s order by position desc limit 1;

-- name: find_invitations
-- Which of these invitations there are, and whether whoever was invited was reminded.
select invitation, reminded_at is not null from programme_invitation where invitation = any(%s::text[]);

-- name: write_invitations
-- Invitations.
insert into programme_invitation (invitation, "order", "limit", language, subject, text, name, written_at, sent, reminded)
select invitation, "order", "limit", language, subject, text, name, at, 0, 0
from jsonb_to_recordset(%s::jsonb) as r(invitation text, "order" text, "limit" smallint, language text, subject text,
  text text, name text, at timestamptz);

-- name: remind_invitations
-- Whoever was invited is to be reminded.
update programme_invitation w set reminder = r.text, reminded_at = r.at
from jsonb_to_recordset(%s::jsonb) as r(invitation text, text text, at timestamptz) where w.invitation = r.invitation;

-- name: count_invitations
-- How many were invited and reminded.
update programme_invitation w set sent = r.sent, reminded = r.reminded, joined = coalesce(r.joined, w.joined),
  joined_at = case when r.joined is null then w.joined_at else r.at end
from jsonb_to_recordset(%s::jsonb) as r(invitation text, sent smallint, reminded smallint, joined smallint, at timestamptz)
where w.invitation = r.invitation;
