//! What AWS has to allow for data sources: policies with the least rights, and a CloudFormation
//! template that makes them. No call is made. This is what `shardmill integration` prints.

mod place;
mod policy;
mod template;
mod yaml;

pub use place::Place;
pub use policy::{Identity, Policies};

use crate::config::DataSource;
use crate::permissions::Keys;

/// A CloudFormation template, in YAML, that makes what these sources need: a policy for the process,
/// and the roles that it assumes with theirs. `place` stands for what the configuration leaves open;
/// what neither says is where the stack is.
pub fn cloudformation(sources: &[DataSource], place: &Place, keys: &Keys) -> String {
    let policies = Policies::of(sources, place, keys);
    let names: Vec<&str> = sources.iter().map(DataSource::name).collect();
    yaml::yaml(&template::template(&policies, &names))
}

#[cfg(test)]
mod tests;
