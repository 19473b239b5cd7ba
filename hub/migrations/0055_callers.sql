-- What a gateway sent, as a row of the host would show it. Null: nothing reached the host, or it is from before this was kept.
alter table route_dispatches
  add column path text,
  add column status_code integer,
  add column client_ip text,
  add column user_agent text,
  add column session_id text;

-- Spans of a host in which a request that a gateway sent may be a row of which nobody knows who asked.
create table control_dirty_callers (
  span timestamptz not null,
  provider_id text not null,
  -- Whether the span is of rows, whose times are by the clock of the host, or of dispatches, whose are by a hub's.
  of_rows boolean not null,
  marked_at timestamptz not null,
  -- A hub looks at it until then.
  claimed_until timestamptz,
  primary key (span, provider_id, of_rows)
);

-- Rows come by more than one path, and in any order with dispatches. Whichever of the two is stored second sees the
-- other, or, if neither sees it, the mark of the dispatch is there for both. A mark that is there is updated: whoever
-- looks at it now may not see this, and leaves it for another look.
create function control_mark_rows_without_caller() returns trigger language plpgsql as $$
begin
  insert into control_dirty_callers as d (span, provider_id, of_rows, marked_at)
  select span, provider_id, true, clock_timestamp()
  from (
    select distinct date_bin('20 seconds', ts, 'epoch') as span, provider_id
    from new_rows where request_id is null and (attribution is null or attribution = 'alike')
  ) s
  -- Clocks of hosts may be off; most hosts are not sent to by any gateway.
  where exists (
    select from route_dispatches r
    where r.provider_id = s.provider_id and r.ts > s.span - interval '10 minutes' and r.ts < s.span + interval '10 minutes')
  order by span, provider_id
  on conflict (span, provider_id, of_rows) do update set marked_at = excluded.marked_at, claimed_until = null;
  return null;
end $$;
create trigger control_requests_without_caller after insert on control_requests
  referencing new table as new_rows
  for each statement execute function control_mark_rows_without_caller();

create function control_mark_dispatches() returns trigger language plpgsql as $$
begin
  insert into control_dirty_callers as d (span, provider_id, of_rows, marked_at)
  select date_bin('20 seconds', ts, 'epoch'), provider_id, false, clock_timestamp()
  from new_rows where path is not null
  group by 1, 2 order by 1, 2
  on conflict (span, provider_id, of_rows) do update set marked_at = excluded.marked_at, claimed_until = null;
  return null;
end $$;
create trigger route_dispatches_sent after insert on route_dispatches
  referencing new table as new_rows
  for each statement execute function control_mark_dispatches();
