-- Versions of plans of fees are written whole and never added to, merchants without a plan are on the default one, and tables that grow
-- fast are counted before autovacuum comes to them.

-- +goose Up

-- pricing_version_write is the only door for versions of plans: a version, its rules and their tiers, all or none. A version that exists
-- breaks pricing_version_is_written_once, so nobody adds a rule to what payouts were priced by. Rules are numbered by their place from 1;
-- a tier names its rule by that number. An empty least or most fee is none.
--
-- +goose StatementBegin
create function pricing_version_write(
    p_plan text, p_version integer, p_name text, p_by text, p_at timestamptz,
    p_sources text[], p_dests text[], p_countries text[], p_methods text[], p_fixed_fees numeric[], p_bps integer[], p_min_fees text[],
    p_max_fees text[], p_tier_rules integer[], p_tier_volumes numeric[], p_tier_fixed_fees numeric[], p_tier_bps integer[]
) returns void language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
begin
    insert into pricing_plan_versions (plan_id, version, name, created_by, created_at) values (p_plan, p_version, p_name, p_by, p_at);

    insert into pricing_rules (plan_id, plan_version, number, source_currency, dest_currency, country, method, fixed_fee, percentage_bps,
                               min_fee, max_fee)
    select p_plan, p_version, r.number, r.source, r.dest, r.country, r.method, r.fixed_fee, r.bps, nullif(r.min_fee, '')::numeric,
           nullif(r.max_fee, '')::numeric
    from unnest(p_sources, p_dests, p_countries, p_methods, p_fixed_fees, p_bps, p_min_fees, p_max_fees)
             with ordinality r(source, dest, country, method, fixed_fee, bps, min_fee, max_fee, number);

    insert into pricing_tiers (plan_id, plan_version, rule_number, source_currency, min_volume, fixed_fee, percentage_bps)
    select p_plan, p_version, t.rule, p_sources[t.rule], t.volume, t.fixed_fee, t.bps
    from unnest(p_tier_rules, p_tier_volumes, p_tier_fixed_fees, p_tier_bps) t(rule, volume, fixed_fee, bps);
end $$;
-- +goose StatementEnd
revoke execute on function pricing_version_write from public;
grant execute on function pricing_version_write to anton_app;
revoke insert on pricing_plan_versions, pricing_rules, pricing_tiers from anton_app;

-- The plan of merchants that were put on none. Without a row they pay nothing. A plan without rules is the way to say that on purpose, for
-- one merchant or, here, for all.
create table pricing_default (
    only_row boolean primary key default true constraint there_is_one_default_plan check (only_row),
    plan_id  text not null references pricing_plans,
    set_by   text not null,
    set_at   timestamptz not null
);
grant select, insert, update (plan_id, set_by, set_at), delete on pricing_default to anton_app;

-- statistics_catch_up has PostgreSQL count the tables that are over ten times as large as when it counted them last, and says how many
-- there were. On a table that it believes to be empty all indexes cost the same, and foreign keys may look each of ten thousand rows up
-- by an index that all of them share; every session keeps such a plan until the table is counted. Autovacuum comes within a minute or so,
-- which is too late for a batch that takes seconds. One that is being counted by somebody else is left to them.
--
-- +goose StatementBegin
create function statistics_catch_up() returns integer language plpgsql security definer set search_path = pg_catalog, public, pg_temp as $$
declare
    grown regclass;
    n     integer := 0;
begin
    for grown in
        select c.oid from pg_class c
        where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and c.relpersistence = 'p'
          and pg_relation_size(c.oid) > 10 * greatest(c.relpages, 1) * current_setting('block_size')::bigint
    loop
        execute format('analyze (skip_locked) %s', grown);
        n := n + 1;
    end loop;
    return n;
end $$;
-- +goose StatementEnd
revoke execute on function statistics_catch_up from public;
grant execute on function statistics_catch_up to anton_app;

-- +goose Down
drop function statistics_catch_up;
drop table pricing_default;
grant insert on pricing_plan_versions, pricing_rules, pricing_tiers to anton_app;
drop function pricing_version_write;
