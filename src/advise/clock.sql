-- every: once an advice; scope: server; needs: nothing; cost: below 1 ms; locks: none
select extract(epoch from clock_timestamp())::int8
