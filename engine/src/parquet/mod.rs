//! Parquet files: rows of one window in, encoded bytes out.
