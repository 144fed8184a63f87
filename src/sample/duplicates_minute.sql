-- every: duplicates.interval, if duplicates.count; scope: server; needs: nothing; cost: below 1 ms; locks: none
-- The minute of the day by the server's own time zone.
select (extract(hour from now()) * 60 + extract(minute from now()))::int4
