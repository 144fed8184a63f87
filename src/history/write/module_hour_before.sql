-- before module_hour.sql
-- cost: the modules of one database in one hour; locks: the file, by its one writer
delete from module_hours where hour = ?1 and database_id = ?2 and measured_at < ?3
