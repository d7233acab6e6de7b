//! Objects read back as what they were.
