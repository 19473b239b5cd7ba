-- A host that floods the streams with what makes no sense fills no disk: beyond an allowance its messages are counted at
-- the last one of them that was kept.
alter table control_dead_letters add column more bigint not null default 0;
drop view report_dead_letters;
create view report_dead_letters as
  select id, provider_id, kind, subject, stream, stream_seq, reason, problem, octet_length(payload) as bytes,
    received_at, more
  from control_dead_letters;
create index control_dead_letters_like on control_dead_letters (provider_id, reason, id desc);
