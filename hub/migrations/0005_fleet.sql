-- What a hub needs to start with: the last known state of every host. Written in batches behind the live state,
-- which never waits for it.
create table control_host_state (
  provider_id text primary key,
  liveness text not null,
  liveness_since timestamptz,
  last_seen_at timestamptz,
  holder_instance uuid,
  -- What the last presence said, in the shape of the fleet's keys.
  state jsonb not null,
  updated_at timestamptz not null default clock_timestamp()
);

create table control_models (
  provider_id text not null,
  model text not null,
  -- Place in the list of its host.
  position integer not null,
  state text,
  reading jsonb not null,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (provider_id, model)
);

create table control_model_prefs (
  provider_id text not null,
  model text not null,
  favorite boolean not null default false,
  hidden boolean not null default false,
  updated_at timestamptz not null default clock_timestamp(),
  primary key (provider_id, model)
);

-- Transitions of models, and every note of a host as model '*' with state = its kind.
create table control_model_events (
  id bigint generated always as identity primary key,
  provider_id text not null,
  model text not null,
  state text not null,
  ts timestamptz not null,
  detail jsonb,
  created_at timestamptz not null default clock_timestamp(),
  unique (provider_id, model, state, ts)
);
create index control_model_events_provider_ts on control_model_events (provider_id, ts desc);
create index control_model_events_ts_id on control_model_events (ts desc, id desc);
