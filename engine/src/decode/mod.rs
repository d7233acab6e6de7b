//! Decoding: payloads in, Arrow rows and rejects out.
