-- How the caller of a request was found; null for rows from before this was kept, and where nobody is known.
alter table control_requests add column attribution text;
