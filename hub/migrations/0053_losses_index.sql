-- Requests that a spool gave up are read beside gaps, and are as rare among the notes of a year.
create index control_model_events_losses on control_model_events (ts desc, id desc)
  where model = '*' and state in ('gap_suspected', 'spool_dropped');
