-- Who used a key last: whoever revokes it is told whom that stops.
alter table gateway_keys add column last_used_by jsonb;
