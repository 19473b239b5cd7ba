-- Who may use a host: the honour protocol that everybody who writes keeps.

-- One row per host that was ever leased, never removed: locking it puts everything about a host's leases in one order.
create table control_lease_hosts (
  provider_id text primary key,
  -- Begins at the second it is made, so that tokens also grow over a database that was set up anew: sidecars remember
  -- the newest they have seen.
  fencing_token bigint not null default extract(epoch from clock_timestamp())::bigint
);

-- Leases in force, and for some time those that ended: whoever still believes in one is told what became of it.
create table control_host_leases (
  lease_id uuid primary key,
  provider_id text not null,
  holder text not null,
  purpose text not null,
  mode text not null check (mode in ('exclusive', 'shared')),
  -- draining: given, but not yet handed over; it lasts seconds unless the hub of its waiter keeps it up.
  state text not null check (state in ('draining', 'held', 'ended')),
  fencing_token bigint not null,
  ttl_s integer not null check (ttl_s between 1 and 86400),
  granted_at timestamptz not null default clock_timestamp(),
  heartbeat_at timestamptz not null default clock_timestamp(),
  -- Of an ended one: when it ended.
  expires_at timestamptz not null,
  ended_as text check (ended_as in ('released', 'expired', 'revoked', 'withdrawn')),
  ended_by text,
  check ((state = 'ended') = (ended_as is not null)),
  unique (provider_id, fencing_token)
);
create index control_host_leases_in_force on control_host_leases (provider_id) where state <> 'ended';
create index control_host_leases_ended on control_host_leases (expires_at) where state = 'ended';

-- Who waits, in order of coming. A waiter whose hub or whose own connection is gone is not kept up, and drops out.
create table control_lease_waiters (
  ticket bigint generated always as identity primary key,
  lease_id uuid not null unique,
  provider_id text not null,
  holder text not null,
  purpose text not null,
  mode text not null check (mode in ('exclusive', 'shared')),
  ttl_s integer not null check (ttl_s between 1 and 86400),
  alive_until timestamptz not null
);
create index control_lease_waiters_host on control_lease_waiters (provider_id, ticket);

-- Every hub hears of each change here, and one of them tells the world.
create function boo_lease_changed(lease control_host_leases, change text) returns void language sql as $$
  select pg_notify('boo_leases', json_build_object(
    'provider_id', lease.provider_id, 'lease_id', lease.lease_id, 'change', change)::text)
$$;

-- Grants one, in a host whose row is locked.
create function boo_lease_grant(
  p_lease uuid, p_host text, p_holder text, p_purpose text, p_mode text, p_ttl integer, p_state text, p_lasts interval
) returns control_host_leases language plpgsql as $$
declare
  token bigint;
  granted control_host_leases;
begin
  update control_lease_hosts set fencing_token = fencing_token + 1
    where provider_id = p_host returning fencing_token into token;
  insert into control_host_leases
    (lease_id, provider_id, holder, purpose, mode, state, fencing_token, ttl_s, expires_at)
  values (p_lease, p_host, p_holder, p_purpose, p_mode, p_state, token, p_ttl, clock_timestamp() + p_lasts)
  returning * into granted;
  perform boo_lease_changed(granted, case p_state when 'held' then 'granted' else p_state end);
  return granted;
end
$$;

-- Whether a lease of this mode can be given beside those in force.
create function boo_lease_is_free(p_host text, p_mode text) returns boolean language sql volatile as $$
  select not exists (
    select from control_host_leases
    where provider_id = p_host and state <> 'ended' and (p_mode = 'exclusive' or mode = 'exclusive'))
$$;

-- Locks a host, ends what has expired, forgets who went away, and serves who waits, in order: nobody is passed by,
-- also not by one whose mode would fit. Every statement of this function sees what was committed before it began,
-- which is why this is a function: within one plain statement the state would be as of before the lock.
create function boo_lease_settle(p_host text) returns void language plpgsql as $$
declare
  gone control_host_leases;
  waiter control_lease_waiters;
begin
  insert into control_lease_hosts (provider_id) values (p_host) on conflict do nothing;
  perform from control_lease_hosts where provider_id = p_host for update;
  for gone in
    update control_host_leases set state = 'ended',
      ended_as = case state when 'draining' then 'withdrawn' else 'expired' end
    where provider_id = p_host and state <> 'ended' and expires_at <= clock_timestamp()
    returning *
  loop
    perform boo_lease_changed(gone, gone.ended_as);
  end loop;
  delete from control_lease_waiters where provider_id = p_host and alive_until <= clock_timestamp();
  if found then
    perform pg_notify('boo_leases', json_build_object('provider_id', p_host, 'change', 'left')::text);
  end if;
  loop
    select * into waiter from control_lease_waiters where provider_id = p_host order by ticket limit 1;
    exit when not found or not boo_lease_is_free(p_host, waiter.mode);
    delete from control_lease_waiters where ticket = waiter.ticket;
    perform boo_lease_grant(waiter.lease_id, p_host, waiter.holder, waiter.purpose, waiter.mode, waiter.ttl_s, 'draining',
      interval '10 seconds');
  end loop;
end
$$;

-- Asks for a lease. Nobody is served before those who waited already. Answers with the lease, or with whether the
-- asker waits now and who is in the way.
create function boo_lease_acquire(
  p_lease uuid, p_host text, p_holder text, p_purpose text, p_mode text, p_ttl integer, p_waits boolean
) returns table (outcome text, lease control_host_leases) language plpgsql as $$
declare
  found_lease control_host_leases;
begin
  perform boo_lease_settle(p_host);
  if boo_lease_is_free(p_host, p_mode)
    and not exists (select from control_lease_waiters where provider_id = p_host) then
    if p_waits and p_mode = 'exclusive' then
      found_lease := boo_lease_grant(p_lease, p_host, p_holder, p_purpose, p_mode, p_ttl, 'draining', interval '10 seconds');
    else
      found_lease := boo_lease_grant(p_lease, p_host, p_holder, p_purpose, p_mode, p_ttl, 'held', make_interval(secs => p_ttl));
    end if;
    return query select found_lease.state, found_lease;
    return;
  end if;
  select * into found_lease from control_host_leases
    where provider_id = p_host and state <> 'ended' order by mode, fencing_token limit 1;
  if p_waits then
    insert into control_lease_waiters (lease_id, provider_id, holder, purpose, mode, ttl_s, alive_until)
    values (p_lease, p_host, p_holder, p_purpose, p_mode, p_ttl, clock_timestamp() + interval '10 seconds');
    perform pg_notify('boo_leases', json_build_object('provider_id', p_host, 'change', 'waiting')::text);
    return query select 'waiting', found_lease;
  else
    return query select 'refused', found_lease;
  end if;
end
$$;

-- Ends a lease whoever holds it, or a wait for one. Null where it was not in force.
create function boo_lease_end(p_lease uuid, p_host text, p_as text, p_by text)
returns control_host_leases language plpgsql as $$
declare
  gone control_host_leases;
begin
  insert into control_lease_hosts (provider_id) values (p_host) on conflict do nothing;
  perform from control_lease_hosts where provider_id = p_host for update;
  delete from control_lease_waiters where lease_id = p_lease;
  if found then
    perform pg_notify('boo_leases', json_build_object('provider_id', p_host, 'change', 'left')::text);
  end if;
  update control_host_leases
    set state = 'ended', ended_as = p_as, ended_by = p_by, expires_at = least(expires_at, clock_timestamp())
    where lease_id = p_lease and state <> 'ended' and expires_at > clock_timestamp()
    returning * into gone;
  if gone.lease_id is not null then
    perform boo_lease_changed(gone, p_as);
  end if;
  perform boo_lease_settle(p_host);
  return gone;
end
$$;

-- Ends what is in force on a host because a person takes over, and draws a token above all of theirs.
create function boo_lease_revoke(p_host text, p_by text)
returns table (revoked control_host_leases[], fencing_token bigint) language plpgsql as $$
declare
  gone control_host_leases;
  all_gone control_host_leases[] := '{}';
  token bigint;
begin
  insert into control_lease_hosts (provider_id) values (p_host) on conflict do nothing;
  perform from control_lease_hosts where provider_id = p_host for update;
  for gone in
    update control_host_leases
      set state = 'ended', ended_as = 'revoked', ended_by = p_by, expires_at = least(expires_at, clock_timestamp())
    where provider_id = p_host and state <> 'ended' and expires_at > clock_timestamp()
    returning *
  loop
    all_gone := all_gone || gone;
    perform boo_lease_changed(gone, 'revoked');
  end loop;
  update control_lease_hosts h set fencing_token = h.fencing_token + 1
    where h.provider_id = p_host returning h.fencing_token into token;
  return query select all_gone, token;
end
$$;

-- Keeps up a wait, or a lease that is not handed over yet, and says how it stands; 'gone' where nothing kept it up.
create function boo_lease_stand(p_lease uuid, p_host text) returns text language plpgsql as $$
declare
  standing text;
begin
  perform boo_lease_settle(p_host);
  update control_host_leases set expires_at = clock_timestamp() + interval '10 seconds'
    where lease_id = p_lease and state = 'draining';
  if found then return 'draining'; end if;
  update control_lease_waiters set alive_until = clock_timestamp() + interval '10 seconds' where lease_id = p_lease;
  if found then return 'waiting'; end if;
  return coalesce((select state from control_host_leases where lease_id = p_lease), 'gone');
end
$$;

-- Hands a lease over that has drained: from here its own time runs. Null where it was lost meanwhile.
create function boo_lease_hand_over(p_lease uuid) returns control_host_leases language plpgsql as $$
declare
  held control_host_leases;
begin
  update control_host_leases set state = 'held', granted_at = clock_timestamp(), heartbeat_at = clock_timestamp(),
      expires_at = clock_timestamp() + make_interval(secs => ttl_s)
    where lease_id = p_lease and state = 'draining' and expires_at > clock_timestamp()
    returning * into held;
  if held.lease_id is not null then
    perform boo_lease_changed(held, 'granted');
  end if;
  return held;
end
$$;

-- Extends a lease by its own time, as long as it is in force. Null where it is not.
create function boo_lease_renew(p_lease uuid, p_token bigint) returns control_host_leases language plpgsql as $$
declare
  held control_host_leases;
begin
  update control_host_leases
    set heartbeat_at = clock_timestamp(), expires_at = clock_timestamp() + make_interval(secs => ttl_s)
    where lease_id = p_lease and state = 'held' and expires_at > clock_timestamp()
      and fencing_token = coalesce(p_token, fencing_token)
    returning * into held;
  if held.lease_id is not null then
    perform boo_lease_changed(held, 'renewed');
  end if;
  return held;
end
$$;
