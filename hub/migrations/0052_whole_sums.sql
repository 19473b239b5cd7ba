-- Sums of speeds and durations become whole numbers: of millionths of a token per second, and of microseconds. As exact as
-- numeric in whatever order they are added, and added up several times as fast. What is absurdly large is bounded (a
-- million tokens a second, eleven days), so that no sum can overflow.
alter table control_request_stats rename column gen_tps_sum to gen_tps_millionths;
alter table control_request_stats rename column prompt_tps_sum to prompt_tps_millionths;
alter table control_request_stats rename column duration_ms_sum to duration_us;
alter table control_request_stats rename column duration_ms_count to duration_count;
alter table control_request_stats
  alter column gen_tps_millionths type bigint using round(least(gen_tps_millionths * 1e6, 1e12 * gen_tps_count)),
  alter column prompt_tps_millionths type bigint using round(least(prompt_tps_millionths * 1e6, 1e12 * prompt_tps_count)),
  alter column duration_us type bigint using round(least(duration_us * 1e3, 1e12 * duration_count));

alter table control_request_days rename column gen_tps_sum to gen_tps_millionths;
alter table control_request_days rename column prompt_tps_sum to prompt_tps_millionths;
alter table control_request_days rename column duration_ms_sum to duration_us;
alter table control_request_days rename column duration_ms_count to duration_count;
alter table control_request_days
  alter column gen_tps_millionths type bigint using round(least(gen_tps_millionths * 1e6, 1e12 * gen_tps_count)),
  alter column prompt_tps_millionths type bigint using round(least(prompt_tps_millionths * 1e6, 1e12 * prompt_tps_count)),
  alter column duration_us type bigint using round(least(duration_us * 1e3, 1e12 * duration_count));
