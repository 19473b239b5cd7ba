-- One row per host and tick: all its GPUs and the system. boot and seq say which message brought it, so that a
-- resent sample is told from another one that happens to have the same time.
create table control_perf_samples (
  provider_id text not null,
  ts timestamptz not null,
  gpu jsonb,
  sys jsonb,
  source text not null,
  backfilled boolean not null default false,
  boot uuid not null,
  seq bigint not null,
  created_at timestamptz not null default clock_timestamp()
) partition by range (ts);

create table control_perf_samples_default partition of control_perf_samples default;

-- Both the unique key and the way to the newest samples of a host.
create unique index control_perf_samples_provider_ts on control_perf_samples (provider_id, ts desc);

-- Aggregates hold count, sum, min, max and last per series. Each tier is built from the next finer one.
create table control_perf_rollup_10s (
  provider_id text not null,
  bucket timestamptz not null,
  samples integer not null,
  backfilled integer not null,
  gpu_agg jsonb,
  sys_agg jsonb,
  unique (provider_id, bucket)
);
create table control_perf_rollup_1m (like control_perf_rollup_10s including all);
create table control_perf_rollup_5m (like control_perf_rollup_10s including all);
create table control_perf_rollup_1h (like control_perf_rollup_10s including all);

-- Buckets whose finer rows changed since they were last computed. Marked in the transaction of the change.
create table control_dirty_buckets (
  tier text not null check (tier in ('10s', '1m', '5m', '1h')),
  bucket timestamptz not null,
  provider_id text not null,
  marked_at timestamptz not null,
  primary key (tier, bucket, provider_id)
);
