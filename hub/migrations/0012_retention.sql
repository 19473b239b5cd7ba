-- What the care of the tables did, and what it had to leave.
create table control_retention_runs (
  id bigint generated always as identity primary key,
  hub_id text not null,
  started_at timestamptz not null,
  -- Null: still running, or its hub died.
  finished_at timestamptz,
  detail jsonb not null default '{}',
  error text
);

-- Of each host and UTC day: seconds that should have a sample, and those that have one; times whose requests may
-- be incomplete.
create table control_completeness (
  provider_id text not null,
  day date not null,
  -- Null: the host was not known yet.
  expected_s integer,
  present_s integer not null,
  backfilled integer not null,
  gaps integer not null,
  -- Null: the beginning of one of them is not known.
  gap_s integer,
  computed_at timestamptz not null,
  primary key (provider_id, day)
);
create index control_completeness_day on control_completeness (day desc, provider_id);

-- Days whose tiers or notes changed since. Marked by triggers, so that no writer can forget it.
create table control_dirty_days (
  provider_id text not null,
  day date not null,
  primary key (provider_id, day)
);

create function control_mark_sample_days() returns trigger language plpgsql as $$
begin
  insert into control_dirty_days as d (provider_id, day)
  select provider_id, (bucket at time zone 'UTC')::date from new_rows group by 1, 2 order by 1, 2
  on conflict (provider_id, day) do update set day = excluded.day;
  return null;
end $$;
create trigger control_perf_rollup_1h_inserted after insert on control_perf_rollup_1h
  referencing new table as new_rows for each statement execute function control_mark_sample_days();
create trigger control_perf_rollup_1h_updated after update on control_perf_rollup_1h
  referencing new table as new_rows for each statement execute function control_mark_sample_days();

create function control_mark_gap_days() returns trigger language plpgsql as $$
begin
  insert into control_dirty_days as d (provider_id, day)
  select provider_id, (ts at time zone 'UTC')::date from new_rows
  where model = '*' and state = 'gap_suspected' group by 1, 2 order by 1, 2
  on conflict (provider_id, day) do update set day = excluded.day;
  return null;
end $$;
create trigger control_model_events_inserted after insert on control_model_events
  referencing new table as new_rows for each statement execute function control_mark_gap_days();

insert into control_dirty_days (provider_id, day)
select distinct provider_id, (bucket at time zone 'UTC')::date from control_perf_rollup_1h
union
select distinct provider_id, (ts at time zone 'UTC')::date from control_model_events
where model = '*' and state = 'gap_suspected';

-- What others may read of these tables.
create view report_sample_hours as
  select provider_id, bucket as hour, seconds, backfilled from control_perf_rollup_1h;
create view report_activity_gaps as
  select provider_id, ts, detail from control_model_events where model = '*' and state = 'gap_suspected';
create index control_model_events_gaps on control_model_events (ts) where model = '*' and state = 'gap_suspected';
create view report_dead_letters as
  select id, provider_id, kind, subject, stream, stream_seq, reason, problem, octet_length(payload) as bytes,
    received_at
  from control_dead_letters;

-- A stored capture that had to make room: the row stays and says when.
alter table control_requests add column capture_evicted_at timestamptz;
create index control_requests_captures on control_requests (ts desc, id desc) where capture is not null;
