-- One-time tokens by which a machine becomes a host. Only a hash is kept, and a used one stays until its host is forgotten.
create table host_enrolments (
  token_hash bytea primary key,
  provider_id text not null references control_hosts (provider_id) on delete cascade,
  created_at timestamptz not null default clock_timestamp(),
  expires_at timestamptz not null,
  used_at timestamptz,
  used_from text
);

create index host_enrolments_host on host_enrolments (provider_id);
