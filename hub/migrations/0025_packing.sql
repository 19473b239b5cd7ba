-- Cold hours of samples and tiers, packed: one row per host and hour, its readings column by column in bytes. What is
-- packed is no longer in the table it came from; a late row brings the whole hour back there first, so that a unique
-- key still knows everything it has to know.
--
-- The views named *_all have both. They unpack what they are asked for, so ask by host and hour.

create function control_unpacked(head json, body bytea) returns setof jsonb
language plpgsql immutable parallel safe as $$
declare
  -- Taken out of its compression once instead of with every byte.
  bytes bytea := body || ''::bytea;
  shape jsonb;
  n integer;
  start integer := 0;
begin
  for shape in select value from jsonb_array_elements(head::jsonb -> 'shapes') loop
    n := shape ->> 'n';
    return query
    with columns as materialized (
      select k::integer, c, c -> 'd' as distinct_values, c -> 'v' as as_they_are,
        coalesce((c ->> 'w')::integer, 0) as w, coalesce((c ->> 'b')::bigint, 0) as b,
        coalesce((c ->> 'u')::bigint, 1) as u, coalesce((c ->> 's')::integer, 0) as s, (c ->> 'f')::bigint as f,
        c ? 'z' as nullable, shape -> 'parts' ->> k::integer as part,
        start + n * (sum(coalesce((c ->> 'w')::integer, 0)) over (order by k)
          - coalesce((c ->> 'w')::integer, 0))::integer as at
      from jsonb_array_elements(shape -> 'columns') with ordinality as list(c, k)
    ), codes as (
      select columns.*, i,
        case when w > 0 then get_byte(bytes, at + i) else 0 end
          + case when w > 1 then get_byte(bytes, at + n + i)::bigint << 8 else 0 end
          + case when w > 2 then get_byte(bytes, at + 2 * n + i)::bigint << 16 else 0 end
          + case when w > 3 then get_byte(bytes, at + 3 * n + i)::bigint << 24 else 0 end
          + case when w > 4 then get_byte(bytes, at + 4 * n + i)::bigint << 32 else 0 end
          + case when w > 5 then get_byte(bytes, at + 5 * n + i)::bigint << 40 else 0 end as code
      from columns cross join generate_series(0, n - 1) as i
    ), wholes as (
      select codes.*, case
        when f is null then (b + code - nullable::integer) * u
        else f + sum(case when i = 0 then 0 else (b + code) * u end) over (partition by k order by i)
      end::bigint as whole
      from codes
    ), texts as (
      select k, i, part, case
        when as_they_are is not null then (as_they_are -> i)::text
        when distinct_values is not null then (distinct_values -> code::integer)::text
        when nullable and code = 0 then 'null'
        when s = 0 then whole::text
        else trim_scale(whole * ('1e-' || s)::numeric)::text
      end as value
      from wholes
    )
    select ((shape -> 'parts' ->> 0) || coalesce(string_agg(texts.value || texts.part, '' order by texts.k), ''))::jsonb
    from generate_series(0, n - 1) as doc(i) left join texts using (i)
    group by doc.i;
    start := start + n * (
      select coalesce(sum(coalesce((c ->> 'w')::integer, 0)), 0) from jsonb_array_elements(shape -> 'columns') c);
  end loop;
end $$;

create function control_time_of(micros text) returns timestamptz language sql immutable parallel safe as $$
  select 'epoch'::timestamptz + micros::bigint * interval '1 microsecond'
$$;

create function control_unpacked_samples(head json, body bytea) returns table (
  ts timestamptz, gpu jsonb, sys jsonb, source text, backfilled boolean, boot uuid, seq bigint, created_at timestamptz
) language sql immutable parallel safe as $$
  select control_time_of(d ->> 't'), d -> 'g', d -> 'y', d ->> 'o', (d ->> 'b')::boolean, (d ->> 'u')::uuid,
    (d ->> 'q')::bigint, control_time_of(d ->> 'c')
  from control_unpacked(head, body) d
$$;

create function control_unpacked_buckets(head json, body bytea) returns table (
  bucket timestamptz, samples integer, backfilled integer, seconds integer, gpu_agg jsonb, sys_agg jsonb
) language sql immutable parallel safe as $$
  select control_time_of(d ->> 't'), (d ->> 'n')::integer, (d ->> 'f')::integer, (d ->> 's')::integer, d -> 'g', d -> 'y'
  from control_unpacked(head, body) d
$$;

do $$
declare
  name text;
begin
  foreach name in array array['samples', 'rollup_10s', 'rollup_1m', 'rollup_5m'] loop
    execute format(
      'create table control_perf_%1$s_packed (
        provider_id text not null,
        hour timestamptz not null,
        -- How many rows it was, and how many samples they speak for.
        rows integer not null,
        samples integer not null,
        first_at timestamptz not null,
        last_at timestamptz not null,
        head json not null,
        body bytea not null,
        packed_at timestamptz not null default clock_timestamp(),
        constraint control_perf_%1$s_packed_once unique (provider_id, hour)
      ) partition by range (hour)', name);
    execute format(
      'create table control_perf_%1$s_packed_default partition of control_perf_%1$s_packed default', name);
  end loop;
  foreach name in array array['10s', '1m', '5m'] loop
    execute format(
      'create view control_perf_rollup_%1$s_all as
        select provider_id, bucket, samples, backfilled, seconds, gpu_agg, sys_agg,
          date_trunc(''hour'', bucket, ''UTC'') as hour
        from control_perf_rollup_%1$s
        union all
        select p.provider_id, u.bucket, u.samples, u.backfilled, u.seconds, u.gpu_agg, u.sys_agg, p.hour
        from control_perf_rollup_%1$s_packed p cross join lateral control_unpacked_buckets(p.head, p.body) u', name);
  end loop;
end $$;

create view control_perf_samples_all as
  select provider_id, ts, gpu, sys, source, backfilled, boot, seq, created_at, date_trunc('hour', ts, 'UTC') as hour
  from control_perf_samples
  union all
  select p.provider_id, u.ts, u.gpu, u.sys, u.source, u.backfilled, u.boot, u.seq, u.created_at, p.hour
  from control_perf_samples_packed p cross join lateral control_unpacked_samples(p.head, p.body) u;
