-- name: write_windows
-- What customers have composed; the last word holds.
insert into windows_window as w (customer, version, rules, at, position)
select customer, version, rules, at, position
from jsonb_to_recordset(%s::text::jsonb) as r(customer uuid, version smallint, rules jsonb, at timestamptz, position uuid)
order by customer
on conflict (customer) do update set version = excluded.version, rules = excluded.rules, at = excluded.at,
  position = excluded.position
where (excluded.at, excluded.position) > (w.at, w.position);

-- name: write_answers
-- What customers answered to guesses; the last word holds.
insert into windows_guessanswer as a (customer, guess, answer, at, position)
select customer, guess, answer, at, position
from jsonb_to_recordset(%s::text::jsonb) as r(customer uuid, guess text, answer text, at timestamptz, position uuid)
order by customer, guess
on conflict (customer, guess) do update set answer = excluded.answer, at = excluded.at, position = excluded.position
where (excluded.at, excluded.position) > (a.at, a.position);

-- name: find_windows
-- What these customers have composed.
select customer::text, version, rules::text, at, position::text from windows_window where customer = any(%s::uuid[]);

-- name: find_answers
-- Which guesses these customers have answered.
select distinct guess from windows_guessanswer where customer = any(%s::uuid[]);
