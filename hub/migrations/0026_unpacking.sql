-- The same, in half the time: what is the same for a column is looked up once, only columns of steps are summed up, and
-- values come in the order in which they are put together, which saves the sorting.
create or replace function control_unpacked(head json, body bytea) returns setof jsonb
language plpgsql immutable parallel safe as $$
declare
  -- Taken out of its compression once instead of with every byte.
  bytes bytea := body || ''::bytea;
  shape jsonb;
  n integer;
  start integer := 0;
begin
  for shape in select value from jsonb_array_elements(head::jsonb -> 'shapes') loop
    n := shape ->> 'n';
    return query
    with listed as (
      select k::integer, c, coalesce((c ->> 'w')::integer, 0) as w, shape -> 'parts' ->> k::integer as part
      from jsonb_array_elements(shape -> 'columns') with ordinality as list(c, k)
    ), placed as (
      select listed.*, start + n * (sum(w) over (order by k) - w)::integer as at,
        coalesce((c ->> 'b')::bigint, 0) - (c ? 'z')::integer as b, coalesce((c ->> 'u')::bigint, 1) as u,
        nullif(('1e-' || coalesce(c ->> 's', '0'))::numeric, 1) as scale, (c ->> 'f')::bigint as f
      from listed
    ), columns as materialized (
      select k, part, w, at, b, u, scale, c ? 'z' as nullable,
        case
          when c ? 'd' then (select array_agg(v::text order by o) from jsonb_array_elements(c -> 'd') with ordinality as l(v, o))
          when c ? 'v' then (select array_agg(v::text order by o) from jsonb_array_elements(c -> 'v') with ordinality as l(v, o))
        end as texts,
        c ? 'v' as as_they_are,
        case when f is not null then (
          select array_agg(whole order by i) from (
            select i, (f + sum(case when i = 0 then 0 else (b + control_code(bytes, at, n, w, i)) * u end) over (order by i))::bigint
              as whole
            from generate_series(0, n - 1) as i) steps)
        end as wholes
      from placed
      order by k
    ), texts as (
      select k, i, case
        when as_they_are then texts[i + 1]
        when texts is not null then texts[1 + code]
        when nullable and code = 0 then 'null'
        when scale is null then coalesce(wholes[i + 1], (b + code) * u)::text
        else trim_scale(coalesce(wholes[i + 1], (b + code) * u) * scale)::text
      end || part as text
      from generate_series(0, n - 1) as i cross join columns
      cross join lateral (select control_code(bytes, at, n, w, i) as code) coded
    )
    select ((shape -> 'parts' ->> 0) || coalesce(string_agg(texts.text, '' order by texts.k), ''))::jsonb
    from generate_series(0, n - 1) as doc(i) left join texts using (i)
    group by doc.i;
    start := start + n * (
      select coalesce(sum(coalesce((c ->> 'w')::integer, 0)), 0) from jsonb_array_elements(shape -> 'columns') c);
  end loop;
end $$;

-- The code of one value: its bytes, lowest first, each `n` bytes after the one before.
create function control_code(bytes bytea, at integer, n integer, w integer, i integer) returns bigint
language sql immutable parallel safe as $$
  select case w
    when 0 then 0
    when 1 then get_byte(bytes, at + i)
    when 2 then get_byte(bytes, at + i) + (get_byte(bytes, at + n + i) << 8)
    else get_byte(bytes, at + i) + (get_byte(bytes, at + n + i) << 8) + (get_byte(bytes, at + 2 * n + i)::bigint << 16)
      + case when w > 3 then get_byte(bytes, at + 3 * n + i)::bigint << 24 else 0 end
      + case when w > 4 then get_byte(bytes, at + 4 * n + i)::bigint << 32 else 0 end
      + case when w > 5 then get_byte(bytes, at + 5 * n + i)::bigint << 40 else 0 end
  end::bigint
$$;
