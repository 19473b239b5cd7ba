-- Policies by version: a change adds one, nothing is changed in place, and the newest counts.
create table route_policies (
  name text not null,
  version integer not null,
  -- Null: from this version on there is no such policy.
  policy jsonb,
  created_at timestamptz not null default clock_timestamp(),
  created_by text,
  primary key (name, version)
);

-- Frontier providers. They share one name space with hosts.
create table route_targets (
  target_id text primary key,
  display_name text not null,
  dialect text not null check (dialect in ('openai', 'anthropic')),
  base_url text not null,
  enabled boolean not null default true,
  models jsonb not null default '[]',
  max_concurrent integer not null default 16,
  credential_encrypted bytea,
  created_at timestamptz not null default clock_timestamp(),
  updated_at timestamptz not null default clock_timestamp()
);

-- One row per attempt of a request: where it went and why, with every candidate. Written in batches after the fact.
create table route_dispatches (
  id uuid not null,
  ts timestamptz not null,
  request_id text,
  asked_model text not null,
  resolved_as text not null,
  policy text,
  policy_version integer,
  rule text,
  source text,
  key_label text,
  endpoint text not null,
  attempt integer not null,
  provider_id text,
  model text,
  swap boolean not null default false,
  wait_ms double precision,
  expected_ttft_ms double precision,
  ttft_ms double precision,
  duration_ms double precision,
  outcome text not null check (outcome in ('ok', 'failed', 'refused', 'cancelled', 'pending')),
  reason text,
  cost double precision,
  candidates jsonb not null default '[]',
  primary key (ts, id)
) partition by range (ts);
create table route_dispatches_default partition of route_dispatches default;
create index route_dispatches_provider on route_dispatches (provider_id, ts desc, id desc);
create index route_dispatches_policy on route_dispatches (policy, ts desc, id desc);
create index route_dispatches_source on route_dispatches (source, ts desc, id desc);
create index route_dispatches_request on route_dispatches (request_id) where request_id is not null;
