-- name: experiments
-- Every experiment, the latest registered first.
select experiment, hypothesis, element, unit, kind, language, title_a, text_a, title_b, text_b, topic, seed, outcome, days,
  cap, smallest, expected, weeks_max, name, registered_at, started_at, planned_units, planned_weeks, stopped_at,
  stopped_by, reason
from programme_experiment order by registered_at desc, experiment limit 200;

-- name: reminders
-- The experiments with a reminder that were begun and not stopped, as far as showing it needs.
select experiment, hypothesis, element, unit, kind, language, title_a, text_a, title_b, text_b, topic, seed, outcome, days,
  cap, smallest, expected, weeks_max, name, registered_at, started_at, planned_units, planned_weeks, stopped_at,
  stopped_by, reason
from programme_experiment where element = 'reminder' and started_at is not null and stopped_at is null
order by experiment limit 20;

-- name: posted
-- What was posted for an experiment with prompts, by the Monday of its week, and when; what is not public any more is
-- left out.
select split_part(s.item, ':', 3), c.id::text, c.at
from programme_step s join health_counted c on c.id = s.post
where s.kind = 'done' and s.item like 'trial:' || %(experiment)s || ':%%' and c.at >= %(since)s and c.at < %(until)s
order by c.at limit 200;

-- name: opened
-- The conversations of a kind and a language that customers, or the shop, have begun in a span.
select c.id::text, c.at from health_counted c join community_thread t on t.id = c.thread
where c.is_opening and c.origin = %(origin)s and c.kind = %(kind)s and t.language = %(language)s
  and c.at >= %(since)s and c.at < %(until)s
order by c.at limit 20000;

-- name: answers
-- How many posts by customers came in each of these conversations within so many days, those of whoever began it left
-- out.
select o.id::text, count(c.id) from health_counted o left join health_counted c
  on c.thread = o.thread and not c.is_opening and c.origin = 'member' and c.author is distinct from o.author
  and c.at < o.at + make_interval(days => %(days)s::int)
where o.id = any(%(threads)s::uuid[]) and o.is_opening group by o.id;

-- name: contributions
-- How much customers have contributed in each week of a span, in conversations of a kind and a language.
select c.week, count(*) from health_counted c join community_thread t on t.id = c.thread
where c.origin = 'member' and not c.is_self and t.kind = %(kind)s and t.language = %(language)s
  and c.at >= %(since)s and c.at < %(until)s
group by c.week order by c.week;
