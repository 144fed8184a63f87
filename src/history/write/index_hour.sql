-- cost: one look-up; locks: the file, by its one writer
insert into index_hours (hour, index_id, idx_scan, idx_tup_read, bytes)
values (?1, ?2, ?3, ?4, ?5)
on conflict do update set
  idx_scan = idx_scan + excluded.idx_scan,
  idx_tup_read = idx_tup_read + excluded.idx_tup_read,
  bytes = excluded.bytes
