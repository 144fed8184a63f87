-- cost: one row a database; locks: none, readers see the last commit
select server, datname
from databases
order by server, datname
