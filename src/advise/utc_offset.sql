-- every: once an hour while an advice is due; scope: server; needs: nothing
-- cost: below 1 ms; locks: none
-- Seconds by which the server's own time zone is ahead of UTC now.
select extract(timezone from now())::int4
