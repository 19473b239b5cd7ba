-- What people had hosts do: one queue per host, the same for every hub, and what became of each.
create table control_actions (
  -- Also the id of the command to the host, so that a hub that takes over asks what became of it.
  action_id uuid primary key,
  ticket bigint generated always as identity,
  provider_id text not null,
  action text not null,
  model text,
  profile text,
  inflight_id text,
  request_started_at timestamptz,
  actor text not null,
  -- The lease under which it is done, where it is under one; after a takeover the token alone, above all before it.
  lease_id uuid,
  fencing_token bigint,
  state text not null check (state in ('waiting', 'running', 'done', 'failed', 'skipped')),
  reason text,
  took_ms integer,
  -- The hub that does it, for as long as it keeps that up.
  hub_id uuid,
  hub_until timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  started_at timestamptz,
  ended_at timestamptz
);
create index control_actions_open on control_actions (provider_id, ticket) where state in ('waiting', 'running');
create index control_actions_of_host on control_actions (provider_id, created_at desc, action_id desc);
-- One at a time; a cancellation goes beside the queue.
create unique index control_actions_running on control_actions (provider_id)
  where state = 'running' and action <> 'cancel';

-- Who did what that others had to bear.
create table if not exists audit_log (
  id bigint generated always as identity primary key,
  at timestamptz not null default clock_timestamp(),
  actor text not null,
  action text not null,
  provider_id text,
  detail jsonb not null default '{}'
);
create index if not exists audit_log_at on audit_log (at desc, id desc);

-- Every hub hears of each change.
create function boo_action_changed() returns trigger language plpgsql as $$
begin
  if tg_op = 'INSERT' or old.state <> new.state then
    perform pg_notify('boo_actions', new.provider_id);
  end if;
  return null;
end
$$;
create trigger control_actions_changed after insert or update on control_actions
  for each row execute function boo_action_changed();

-- Puts one at the end of its host's queue. The position is 0 where the queue is full. A host's queue is changed behind
-- one lock, and each statement in here sees what was committed before it.
create function boo_action_enqueue(
  p_id uuid, p_host text, p_action text, p_model text, p_profile text, p_actor text, p_lease uuid, p_token bigint,
  p_depth integer
) returns integer language plpgsql as $$
declare
  ahead integer;
begin
  perform pg_advisory_xact_lock(7305802, hashtext(p_host));
  select count(*) into ahead from control_actions
    where provider_id = p_host and state in ('waiting', 'running') and action <> 'cancel';
  if ahead > p_depth then return 0; end if;
  insert into control_actions
    (action_id, provider_id, action, model, profile, actor, lease_id, fencing_token, state)
  values (p_id, p_host, p_action, p_model, p_profile, p_actor, p_lease, p_token, 'waiting');
  return ahead + 1;
end
$$;

-- Gives a hub what is to be done next on a host: the first that waits, or one whose hub does not keep it up any more.
create function boo_action_claim(p_host text, p_hub uuid)
returns table (resumed boolean, claimed control_actions) language plpgsql as $$
declare
  one control_actions;
begin
  perform pg_advisory_xact_lock(7305802, hashtext(p_host));
  select * into one from control_actions
    where provider_id = p_host and state = 'running' and action <> 'cancel';
  resumed := found;
  if resumed and one.hub_until > clock_timestamp() then return; end if;
  if not resumed then
    select * into one from control_actions
      where provider_id = p_host and state = 'waiting' order by ticket limit 1;
    if not found then return; end if;
  end if;
  update control_actions
    set state = 'running', started_at = coalesce(started_at, clock_timestamp()), hub_id = p_hub,
      hub_until = clock_timestamp() + interval '10 seconds'
    where action_id = one.action_id returning * into claimed;
  return next;
end
$$;
