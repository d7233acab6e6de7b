//! Previews of streams, and sources whose format is found out: local servers, the command line and
//! the API.

mod deciding;
mod formats;
mod report;
mod scene;
