-- Requests by the day: the hours of a day that is over, added up. Weeks and months are read from these.
create table control_request_days (
  day timestamptz not null,
  provider_id text not null,
  model text not null,
  source text,
  status_code integer,
  failed boolean not null,
  requests integer not null,
  prompt_tokens bigint,
  cache_tokens bigint,
  output_tokens bigint,
  gen_tps_sum numeric,
  gen_tps_count integer not null,
  prompt_tps_sum numeric,
  prompt_tps_count integer not null,
  duration_ms_sum numeric,
  duration_ms_count integer not null
) partition by range (day);
create table control_request_days_default partition of control_request_days default;
create index control_request_days_provider_day on control_request_days (provider_id, day);
create index control_request_days_day on control_request_days (day);

-- Days whose hours changed since they were last added up.
create table control_dirty_request_days (
  day timestamptz not null,
  provider_id text not null,
  primary key (day, provider_id)
);

-- As hours are marked by rows: a mark that is there is updated, so that its lock is held until the commit.
create function control_mark_request_days() returns trigger language plpgsql as $$
begin
  insert into control_dirty_request_days as d (day, provider_id)
  select date_trunc('day', hour, 'UTC'), provider_id from new_rows group by 1, 2 order by 1, 2
  on conflict (day, provider_id) do update set day = excluded.day;
  return null;
end $$;
create trigger control_request_stats_inserted after insert on control_request_stats
  referencing new table as new_rows
  for each statement execute function control_mark_request_days();

insert into control_dirty_request_days (day, provider_id)
select date_trunc('day', hour, 'UTC'), provider_id from control_request_stats group by 1, 2;
