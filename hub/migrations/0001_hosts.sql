-- The registry: one row per host id. Fields an operator edits are listed in edited_fields and are never
-- overwritten by what a sidecar reports.
create table control_hosts (
  provider_id text primary key check (provider_id ~ '^[a-z0-9-]{1,40}$'),
  display_name text not null,
  os text,
  gpu_label text,
  tags text[] not null default '{}',
  enabled boolean not null default true,
  simulated boolean not null default false,
  advertise_url text,
  upstream_key_encrypted bytea,
  edited_fields text[] not null default '{}',
  created_at timestamptz not null default clock_timestamp(),
  last_seen_at timestamptz
);
