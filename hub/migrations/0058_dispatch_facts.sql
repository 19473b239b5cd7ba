-- What a policy can match on and what a request took, so that it can be played again and added up. Null where it was decided
-- before these were kept.
alter table route_dispatches
  add column tools boolean,
  add column images boolean,
  -- What the decision took the prompt for; the two others are what was counted by whoever answered.
  add column asked_tokens bigint,
  add column prompt_tokens bigint,
  add column output_tokens bigint,
  -- Only those that some policy named when the request came; null: it did not have it.
  add column headers jsonb;
