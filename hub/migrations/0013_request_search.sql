-- Text in which a search looks. Its own function, so that index and query cannot differ.
create function control_request_text(
  model text, source text, req_path text, error text, request_id text, session_id text, provider_id text
) returns text language sql immutable parallel safe as $$
  select model || E'\n' || provider_id || E'\n' || coalesce(source, '') || E'\n' || coalesce(req_path, '')
    || E'\n' || coalesce(error, '') || E'\n' || coalesce(request_id, '') || E'\n' || coalesce(session_id, '')
$$;

-- Without the extension a search reads rows, newest first, until its page is full: slower for rare words, not wrong.
do $$
begin
  create extension if not exists pg_trgm;
  create index control_requests_text on control_requests using gin (
    control_request_text(model, source, req_path, error, request_id, session_id, provider_id) gin_trgm_ops);
exception
  when undefined_file or feature_not_supported or insufficient_privilege or undefined_object then
    raise notice 'no trigram index: %', sqlerrm;
end $$;
