-- name: Backlogs :one
-- What waits besides payouts: how much of each, and for how many seconds the oldest has. The age of the newest rates, of which the dollar is
-- on every sheet, is -1 where there are none.
with t as (select @now::timestamptz as moment)
select f.many as files, f.age as files_age, c.many as cases, c.age as cases_age, r.many as recalls, r.age as recalls_age,
       b.many as batches, b.age as batches_age, x.age as rates_age
from (select count(*) as many, coalesce(max(extract(epoch from t.moment - o.created_at)), 0)::float8 as age
      from t, rail_files o where o.direction = 'out' and o.delivered_at is null) f,
     (select count(*) as many, coalesce(max(extract(epoch from t.moment - o.opened_at)), 0)::float8 as age
      from t, rail_cases o where o.resolution is null) c,
     (select count(*) as many, coalesce(max(extract(epoch from t.moment - o.created_at)), 0)::float8 as age
      from t, rail_recalls o where o.ended_at is null) r,
     (select count(*) as many, coalesce(max(extract(epoch from t.moment - o.due_at)), 0)::float8 as age
      from t, batches o where o.due_at is not null) b,
     (select coalesce(min(extract(epoch from t.moment - o.as_of)), -1)::float8 as age
      from t, reference_rates o where o.base = 'EUR' and o.quote = 'USD') x;
