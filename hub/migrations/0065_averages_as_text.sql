-- Averages as json, no longer as jsonb: their text as the hub writes it, with keys in the order that jsonb would give
-- them. To make jsonb of one took Postgres longer than all the rest of storing it, and to make text of it again, which
-- every reader is sent, as long as reading it. Operators are the same; what wants jsonb says ::jsonb.
drop view control_perf_rollup_10s_all;
drop view control_perf_rollup_1m_all;
drop view control_perf_rollup_5m_all;

do $$
declare
  tier text;
begin
  foreach tier in array array['10s', '1m', '5m', '1h'] loop
    execute format(
      'alter table control_perf_rollup_%1$s
        alter column gpu_agg type json using gpu_agg::json, alter column sys_agg type json using sys_agg::json', tier);
  end loop;
  foreach tier in array array['10s', '1m', '5m'] loop
    execute format(
      'create view control_perf_rollup_%1$s_all as
        select provider_id, bucket, samples, backfilled, seconds, gpu_agg, sys_agg,
          date_trunc(''hour'', bucket, ''UTC'') as hour
        from control_perf_rollup_%1$s
        union all
        select p.provider_id, u.bucket, u.samples, u.backfilled, u.seconds, u.gpu_agg::json, u.sys_agg::json, p.hour
        from control_perf_rollup_%1$s_packed p cross join lateral control_unpacked_buckets(p.head, p.body) u', tier);
  end loop;
end $$;
