-- cost: one look-up; locks: the file, by its one writer
insert into table_hours
  (hour, table_id, seq_scan, seq_tup_read, idx_scan, idx_tup_fetch,
   n_tup_ins, n_tup_upd, n_tup_del, n_tup_hot_upd, n_live_tup, bytes)
values (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12)
on conflict do update set
  seq_scan = seq_scan + excluded.seq_scan,
  seq_tup_read = seq_tup_read + excluded.seq_tup_read,
  idx_scan = idx_scan + excluded.idx_scan,
  idx_tup_fetch = idx_tup_fetch + excluded.idx_tup_fetch,
  n_tup_ins = n_tup_ins + excluded.n_tup_ins,
  n_tup_upd = n_tup_upd + excluded.n_tup_upd,
  n_tup_del = n_tup_del + excluded.n_tup_del,
  n_tup_hot_upd = n_tup_hot_upd + excluded.n_tup_hot_upd,
  n_live_tup = excluded.n_live_tup,
  bytes = excluded.bytes
