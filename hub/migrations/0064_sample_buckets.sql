-- Seconds of the hour that runs, which the tier of hours learns of minutes later.
create view report_sample_buckets as
  select '5m' as tier, interval '5 minutes' as width, provider_id, bucket, seconds, backfilled from control_perf_rollup_5m
  union all
  select '1m', interval '1 minute', provider_id, bucket, seconds, backfilled from control_perf_rollup_1m
  union all
  select '10s', interval '10 seconds', provider_id, bucket, seconds, backfilled from control_perf_rollup_10s;
