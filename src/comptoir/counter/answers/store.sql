-- name: insert_answers
-- Answers, each under its event's place in the log.
insert into answers_answer (position, customer, over, method, given_at, valid_until, by)
select * from unnest(%s::uuid[], %s::uuid[], %s::smallint[], %s::text[], %s::timestamptz[], %s::timestamptz[],
  %s::text[]);

-- name: upsert_withdrawal
-- The latest withdrawal counts, in whichever order they arrive.
insert into answers_withdrawal (customer, over, withdrawn_at) values (%s, %s, %s)
on conflict (customer, over) do update
set withdrawn_at = greatest(answers_withdrawal.withdrawn_at, excluded.withdrawn_at);

-- name: find_answers
-- The answers of a person's customers that say as much as an age and have not ended.
select position::text, customer::text, over, method, given_at, valid_until, by
from answers_answer where customer = any(%s::uuid[]) and over >= %s::smallint and valid_until > %s::timestamptz;

-- name: find_withdrawals
-- What a person's customers have withdrawn.
select customer::text, over, withdrawn_at from answers_withdrawal where customer = any(%s::uuid[]);

-- name: has_treat
-- Whether a treat is due for one of a person's customers, who allows it on the channel that asks.
select exists (
  select from answers_treat
  where customer = any(%s::uuid[]) and until > %s and customers_permits(customer, 'treat', %s)
);

-- name: use_code
-- A till code is used up; no row comes back for one that was used before.
insert into answers_usedcode (digest, ends_at) values (%s, %s) on conflict do nothing returning true;

-- name: forget_codes
-- Codes that have ended by themselves need no row to be refused.
delete from answers_usedcode where ends_at <= %s::timestamptz;
