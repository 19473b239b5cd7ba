-- Tokens of people and programs. Only a hash is kept: a token has 256 random bits, so a plain SHA-256 cannot be guessed back.
create table access_tokens (
  id uuid primary key,
  label text not null check (label ~ '^[a-z0-9-]{1,40}$'),
  role text not null check (role in ('admin', 'read')),
  token_hash bytea not null unique,
  expires_at timestamptz,
  created_at timestamptz not null default clock_timestamp(),
  revoked_at timestamptz,
  last_used_at timestamptz
);

-- A label names one token at a time; after a revocation it may be given again.
create unique index access_tokens_label on access_tokens (label) where revoked_at is null;
