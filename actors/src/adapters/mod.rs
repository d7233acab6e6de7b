//! The world outside: AWS, local disk.
