-- Requests by the quarter of a day: six hours added up. What a range cuts off of its first and its last day is read from
-- these, instead of from up to 24 hours each.
create table control_request_quarters (
  quarter timestamptz not null,
  provider_id text not null,
  model text not null,
  source text,
  status_code integer,
  failed boolean not null,
  requests integer not null,
  prompt_tokens bigint,
  cache_tokens bigint,
  output_tokens bigint,
  gen_tps_millionths bigint,
  gen_tps_count integer not null,
  prompt_tps_millionths bigint,
  prompt_tps_count integer not null,
  duration_us bigint,
  duration_count integer not null
) partition by range (quarter);
create table control_request_quarters_default partition of control_request_quarters default;
create index control_request_quarters_provider_quarter on control_request_quarters (provider_id, quarter);
create index control_request_quarters_quarter on control_request_quarters (quarter);

-- Quarters whose hours changed since they were last added up.
create table control_dirty_request_quarters (
  quarter timestamptz not null,
  provider_id text not null,
  primary key (quarter, provider_id)
);

-- As days are marked.
create function control_mark_request_quarters() returns trigger language plpgsql as $$
begin
  insert into control_dirty_request_quarters as d (quarter, provider_id)
  select date_bin('6 hours', hour, '2000-01-01T00:00Z'), provider_id from new_rows group by 1, 2 order by 1, 2
  on conflict (quarter, provider_id) do update set quarter = excluded.quarter;
  return null;
end $$;
create trigger control_request_stats_inserted_quarters after insert on control_request_stats
  referencing new table as new_rows
  for each statement execute function control_mark_request_quarters();

insert into control_dirty_request_quarters (quarter, provider_id)
select date_bin('6 hours', hour, '2000-01-01T00:00Z'), provider_id from control_request_stats group by 1, 2;
