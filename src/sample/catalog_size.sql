-- every: upkeep.catalog_interval; scope: database; needs: connect, or pg_monitor
-- cost: asks the file system for each file, 5 ms for 1,000 tables; locks: none on relations
select pg_database_size(current_database())
