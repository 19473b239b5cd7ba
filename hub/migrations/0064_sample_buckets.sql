-- Seconds of the hour that runs, which the tier of hours learns of minutes later.
create view report_sample_buckets as
  select '5m' as tier, provider_id, bucket, seconds, backfilled from control_perf_rollup_5m
  union all
  select '1m', provider_id, bucket, seconds, backfilled from control_perf_rollup_1m
  union all
  select '10s', provider_id, bucket, seconds, backfilled from control_perf_rollup_10s;
