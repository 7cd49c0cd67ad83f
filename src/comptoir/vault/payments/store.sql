-- name: is_anything_due
-- Whether the clock has anything to do: a session to ask about, money to give back, a report that waits.
select exists (select from payments_session where state in ('begun', 'open') and look_at <= %(now)s)
  or exists (select from payments_refund where state in ('queued', 'asked') and ask_at <= %(now)s)
  or exists (select from payments_report where applied_at is null and apply_at <= %(now)s);
