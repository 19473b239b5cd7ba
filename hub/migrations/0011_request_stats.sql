-- Requests by the hour. The outcome is part of the key, so that a filter by status needs no rows. Sums are numeric:
-- they are the same in whatever order they were added, and hours merge exactly.
create table control_request_stats (
  hour timestamptz not null,
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
) partition by range (hour);
create table control_request_stats_default partition of control_request_stats default;
create index control_request_stats_provider_hour on control_request_stats (provider_id, hour);
create index control_request_stats_hour on control_request_stats (hour);

-- Hours whose rows changed since they were last summed up.
create table control_dirty_request_hours (
  hour timestamptz not null,
  provider_id text not null,
  marked_at timestamptz not null,
  primary key (hour, provider_id)
);

-- Marked here and not by those who insert: rows come by more than one path, and none may forget it. A mark that is
-- there is updated rather than left, which holds its lock until the commit: a hub that is about to sum up the hour
-- passes it by, instead of taking the mark away without seeing this change.
create function control_mark_request_hours() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' then
    insert into control_dirty_request_hours as d (hour, provider_id, marked_at)
    select date_trunc('hour', ts, 'UTC'), provider_id, clock_timestamp()
    from new_rows group by 1, 2 order by 1, 2
    on conflict (hour, provider_id) do update set marked_at = least(d.marked_at, excluded.marked_at);
  else
    insert into control_dirty_request_hours as d (hour, provider_id, marked_at)
    select date_trunc('hour', n.ts, 'UTC'), n.provider_id, clock_timestamp()
    from new_rows n join old_rows o on o.ts = n.ts and o.id = n.id
    where n.source is distinct from o.source
    group by 1, 2 order by 1, 2
    on conflict (hour, provider_id) do update set marked_at = least(d.marked_at, excluded.marked_at);
  end if;
  return null;
end $$;

create trigger control_requests_inserted after insert on control_requests
  referencing new table as new_rows
  for each statement execute function control_mark_request_hours();
-- Of what may be filled in later only the source is part of the key.
create trigger control_requests_updated after update on control_requests
  referencing new table as new_rows old table as old_rows
  for each statement execute function control_mark_request_hours();

insert into control_dirty_request_hours (hour, provider_id, marked_at)
select date_trunc('hour', ts, 'UTC'), provider_id, clock_timestamp() from control_requests group by 1, 2;
