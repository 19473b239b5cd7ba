-- Tiers are partitioned as samples are, so that what is past its window is dropped and not deleted row by row.
-- What is there moves into the default partition, and from there into proper ones by the hub's own care.
--
-- seconds: how many seconds of the bucket have a sample; completeness is made of it.
do $$
declare
  tier text;
  width integer;
begin
  for tier, width in values ('10s', 10), ('1m', 60), ('5m', 300), ('1h', 3600) loop
    execute format('alter table control_perf_rollup_%1$s rename to rollup_%1$s_before', tier);
    execute format(
      'create table control_perf_rollup_%1$s (
        provider_id text not null,
        bucket timestamptz not null,
        samples integer not null,
        backfilled integer not null,
        seconds integer not null default 0,
        gpu_agg jsonb,
        sys_agg jsonb,
        constraint control_perf_rollup_%1$s_once unique (provider_id, bucket)
      ) partition by range (bucket)', tier);
    execute format(
      'create table control_perf_rollup_%1$s_default partition of control_perf_rollup_%1$s default', tier);
    execute format(
      'insert into control_perf_rollup_%1$s (provider_id, bucket, samples, backfilled, seconds, gpu_agg, sys_agg)
       select provider_id, bucket, samples, backfilled, least(samples, %2$s), gpu_agg, sys_agg
       from rollup_%1$s_before', tier, width);
    execute format('drop table rollup_%1$s_before', tier);
  end loop;
end $$;
