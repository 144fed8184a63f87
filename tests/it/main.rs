//! Everything that needs a real PostgreSQL, in one binary.
