-- Messages that could not be stored, with why, so that they never hold up others and can be looked at or replayed.
create table control_dead_letters (
  id bigint generated always as identity primary key,
  provider_id text,
  kind text,
  subject text not null,
  stream text not null,
  stream_seq bigint not null,
  reason text not null,
  problem text not null,
  -- Null where the message itself is gone, e.g. when it aged out before it was read.
  payload bytea,
  digest text not null,
  received_at timestamptz not null default clock_timestamp(),
  unique (stream, stream_seq, digest)
);
create index control_dead_letters_received on control_dead_letters (received_at desc);
create index control_dead_letters_provider on control_dead_letters (provider_id, received_at desc);
