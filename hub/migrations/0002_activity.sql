-- Finished requests, one row each. A row never changes except that enrichment columns are filled once.
-- Daily partitions are made ahead by the hub; a row outside them lands in the default one.
create table control_requests (
  id uuid not null,
  provider_id text not null,
  swap_epoch uuid not null,
  swap_entry_id bigint not null,
  ts timestamptz not null,
  model text not null,
  req_path text,
  status_code integer,
  duration_ms double precision,
  cache_tokens bigint,
  input_tokens bigint,
  prompt_tokens bigint,
  uncached_tokens bigint,
  token_basis text not null check (token_basis in ('timings', 'usage', 'unknown')),
  output_tokens bigint,
  prompt_tps double precision,
  gen_tps double precision,
  draft_tokens bigint,
  draft_accepted bigint,
  error text,
  has_capture boolean not null default false,
  capture jsonb,
  source text,
  request_id text,
  client_ip text,
  user_agent text,
  session_id text,
  created_at timestamptz not null default clock_timestamp(),
  -- In this order it also serves pages over all hosts, newest first.
  primary key (ts, id),
  unique (provider_id, swap_epoch, swap_entry_id, ts)
) partition by range (ts);

create table control_requests_default partition of control_requests default;

create index control_requests_provider_ts on control_requests (provider_id, ts desc, id desc);
create index control_requests_model_ts on control_requests (model, ts desc, id desc);
create index control_requests_source_ts on control_requests (source, ts desc, id desc);
create index control_requests_error_ts on control_requests (ts desc, id desc)
  where status_code >= 400 or error is not null;
