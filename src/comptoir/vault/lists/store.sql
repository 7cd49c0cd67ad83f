-- name: lock
-- One import at a time writes.
select pg_advisory_xact_lock(7209151);

-- name: find_neighbours
-- Entries that were compared before and share a key with one that was not; a key of too many leads nowhere.
with fresh as (
  select distinct k.name, k.digest from lists_key k join lists_entry e on e.id = k.entry_id
  where e.compared_at is null and e.kept_at is not null
), shared as (
  select name, digest from fresh join lists_key using (name, digest)
  group by name, digest having count(*) between 2 and %(shared_by_max)s
)
select distinct k.entry_id from shared join lists_key k using (name, digest) join lists_entry e on e.id = k.entry_id
where e.compared_at is not null;
