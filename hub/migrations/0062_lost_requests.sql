-- Requests that a full spool lost are missing from a day as much as those that nobody saw: what the cockpit shades, the
-- completeness of a day counts.
create function control_note_loses_requests(state text, detail jsonb) returns boolean language sql immutable as $$
  select state = 'gap_suspected' or state = 'spool_dropped' and coalesce(
    not detail ? 'by_kind' or detail->'by_kind' ? 'activity' or detail->'by_kind' = '{}'::jsonb, true)
$$;

create or replace view report_activity_gaps as
  select provider_id, ts, detail from control_model_events
  where model = '*' and state in ('gap_suspected', 'spool_dropped') and control_note_loses_requests(state, detail);

create or replace function control_mark_gap_days() returns trigger language plpgsql as $$
begin
  insert into control_dirty_days as d (provider_id, day)
  select provider_id, (ts at time zone 'UTC')::date from new_rows
  where model = '*' and control_note_loses_requests(state, detail) group by 1, 2 order by 1, 2
  on conflict (provider_id, day) do update set day = excluded.day;
  return null;
end $$;

-- Replaced by the one on both kinds of notes, but for its order.
drop index control_model_events_gaps;
create index control_model_events_gaps on control_model_events (ts)
  where model = '*' and state in ('gap_suspected', 'spool_dropped');

insert into control_dirty_days (provider_id, day)
select distinct provider_id, (ts at time zone 'UTC')::date from control_model_events
where model = '*' and state = 'spool_dropped'
on conflict do nothing;
