//! Servers and databases that are larger than most: nothing fails, what is too much is left out and told.

mod databases;
