-- name: taken
-- Every step, in order.
select at, kind, item, how, name, reason from programme_step order by position limit 20000;

-- name: newcomers
-- First contributions that nobody has answered, in the last weeks, the oldest first.
select c.id::text, c.thread::text, t.title, c.at
from health_person p join health_counted c on c.id = p.first join community_thread t on t.id = c.thread
where p.origin = 'member' and p.first_replied_at is null and p.first_at >= %(since)s and p.first_at < %(until)s
  and c.kind <> 'review'
order by c.at, c.id limit 200;

-- name: closed
-- How the square was switched last, when, and why.
select at, how, reason from programme_step where kind = 'switched' and item = 'square' order by position desc limit 1;

-- name: helpers
-- Who has answered others the most since a moment, by public name: as many answers, then the name.
select n.name, count(*) from health_counted c join community_publicname n on n.id = c.author
where c.origin = 'member' and not c.is_opening and not c.is_self and c.at >= %(since)s and c.at < %(until)s
group by n.id, n.name order by count(*) desc, n.name limit %(limit)s;
