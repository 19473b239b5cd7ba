-- Decisions added up by ten minutes: who sends what where, over a week, is read from these and not from every decision.
create table route_flows (
  bucket timestamptz not null,
  source text,
  -- A policy (`auto:code`) or a model by its name; null: a name that leads nowhere.
  asked text,
  -- Null: it was sent nowhere.
  provider_id text,
  model text,
  requests integer not null,
  failed integer not null,
  refused integer not null,
  swaps integer not null,
  -- Of so many the tokens are known.
  counted integer not null,
  prompt_tokens bigint not null,
  output_tokens bigint not null,
  last_at timestamptz not null
) partition by range (bucket);
create table route_flows_default partition of route_flows default;
create unique index route_flows_key on route_flows (bucket, source, asked, provider_id, model) nulls not distinct;

insert into route_flows
select
  date_bin('10 minutes', ts, '2000-01-01Z'), source,
  case
    when policy is not null then case when policy = 'auto' then policy else 'auto:' || policy end
    when provider_id is not null or resolved_as = 'model' then asked_model
  end,
  provider_id, model, count(*),
  count(*) filter (where outcome = 'failed' or (outcome = 'ok' and reason is not null)),
  count(*) filter (where outcome = 'refused'), count(*) filter (where swap), 0, 0, 0, max(ts)
from route_dispatches group by 1, 2, 3, 4, 5;

-- Decisions of one name, newest first.
create index route_dispatches_asked on route_dispatches (asked_model, ts desc, id desc);
