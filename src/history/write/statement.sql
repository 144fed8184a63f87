-- cost: one look-up; locks: the file, by its one writer
-- the longest text known of a statement stays: others were cut shorter
insert into statements (database_id, queryid, last_hour, text)
values (?1, ?2, ?3, ?4)
on conflict do update set
  last_hour = max(last_hour, excluded.last_hour),
  text = case
    when length(excluded.text) > coalesce(length(text), -1) then excluded.text
    else text
  end
