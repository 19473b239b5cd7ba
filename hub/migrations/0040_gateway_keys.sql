-- Keys of the gateway. Only a hash is kept: a key has 256 random bits, so a plain SHA-256 cannot be guessed back.
create table gateway_keys (
  id uuid primary key,
  label text not null check (label ~ '^[a-z0-9-]{1,40}$'),
  key_hash bytea not null unique,
  hint text not null,
  models text[],
  requests_per_min integer,
  tokens_per_min integer,
  tokens_per_day bigint,
  tokens_per_month bigint,
  money_per_day double precision,
  money_per_month double precision,
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  last_used_at timestamptz
);

-- What each key has used, by UTC day; every hub adds what it has seen.
create table gateway_key_usage (
  key_id uuid not null references gateway_keys (id) on delete cascade,
  day date not null,
  requests bigint not null default 0,
  tokens bigint not null default 0,
  money double precision not null default 0,
  primary key (key_id, day)
);
