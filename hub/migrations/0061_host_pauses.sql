-- When a host was disabled: nothing is expected of it then. Whoever changes the registry, these follow.
create table control_host_pauses (
  provider_id text not null,
  from_at timestamptz not null,
  -- Null: it is disabled now.
  to_at timestamptz,
  primary key (provider_id, from_at)
);
create index control_host_pauses_ended on control_host_pauses (to_at);

create function control_note_host_pause() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' and new.enabled or tg_op = 'UPDATE' and new.enabled = old.enabled then
    return null;
  end if;
  if new.enabled then
    update control_host_pauses set to_at = greatest(clock_timestamp(), from_at)
    where provider_id = new.provider_id and to_at is null;
  else
    insert into control_host_pauses (provider_id, from_at) values (new.provider_id, clock_timestamp());
  end if;
  return null;
end $$;
create trigger control_hosts_paused after insert or update of enabled on control_hosts
  for each row execute function control_note_host_pause();

-- Of those that are disabled already nobody knows since when.
insert into control_host_pauses (provider_id, from_at)
select provider_id, clock_timestamp() from control_hosts where not enabled;
