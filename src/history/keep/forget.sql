-- what ended before {before}; cost: what goes, and the names; locks: the file, by its one writer
delete from statement_hours where database_id in (select id from databases) and hour < {before};
delete from coverage where hour < {before};
delete from table_hours where hour < {before};
delete from index_hours where hour < {before};
delete from module_hours where hour < {before};
delete from episodes where end_time < {before};
delete from statements where last_hour < {before};
delete from tables where last_hour < {before};
delete from indexes where last_hour < {before}
