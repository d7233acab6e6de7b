//! What decoding needs of a schema registry.

use shardmill_engine::ports::{RegistryError, SchemaRegistry};
use shardmill_engine::types::SchemaId;

use super::{Name, Side, Step, Steps};
use crate::permissions;

const GLUE: Name = Name {
    step: "get_schema",
    rights: &[&permissions::GET_SCHEMA],
};
const CONFLUENT: Name = Name {
    step: "get_schema",
    rights: &[],
};

/// All of them.
#[cfg(test)]
pub(super) const STEPS: &[Name] = &[GLUE, CONFLUENT];

/// Makes the one call that decoding makes, for a schema that does not exist: that it does not is as
/// good an answer as any.
pub async fn probe_registry(registry: &dyn SchemaRegistry) -> Vec<Step> {
    let mut steps = Steps::new(Side::Registry);
    let name = match registry.no_schema() {
        SchemaId::Glue(_) => GLUE,
        SchemaId::Confluent(_) => CONFLUENT,
    };
    match registry.schema(registry.no_schema()).await {
        Ok(_) => steps.ok(name, "it answers"),
        // It asks for fewer calls, not for others.
        Err(RegistryError::Throttled(_)) => steps.ok(name, "throttled, but allowed"),
        Err(error) => {
            let help = match (&error, name.permission().as_str()) {
                (RegistryError::Refused(_), "") => {
                    "see `user`, `password`, `token` and `secret_file` under \
                     `[content.avro_confluent]`"
                        .to_owned()
                }
                (RegistryError::Refused(_), permission) => {
                    format!("allow {permission}, and see the credentials of the connection")
                }
                _ => "see whether the registry can be reached from here and its URL is right"
                    .to_owned(),
            };
            steps.failed(name, error.to_string(), help);
        }
    }
    steps.done
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;
    use futures::future::BoxFuture;
    use shardmill_engine::types::Registered;

    use super::*;
    use crate::probe::Outcome;

    struct Says(Result<Registered, RegistryError>);

    impl SchemaRegistry for Says {
        fn schema(&self, _: SchemaId) -> BoxFuture<'_, Result<Registered, RegistryError>> {
            let answer = self.0.clone();
            async move { answer }.boxed()
        }

        fn no_schema(&self) -> SchemaId {
            SchemaId::Glue([0; 16])
        }
    }

    fn probed(answer: Result<Registered, RegistryError>) -> Step {
        let steps = probe_registry(&Says(answer)).now_or_never().unwrap();
        steps.into_iter().next().unwrap()
    }

    #[test]
    fn a_registry_that_answers_passes() {
        for answer in [
            Ok(Registered::Unknown),
            Err(RegistryError::Throttled("slow down".into())),
        ] {
            assert_eq!(probed(answer).outcome, Outcome::Ok);
        }
    }

    #[test]
    fn one_that_does_not_is_told_with_what_to_do() {
        let step = probed(Err(RegistryError::Refused("no".into())));
        assert_eq!(step.outcome, Outcome::Failed);
        assert!(step.help.unwrap().contains("glue:GetSchemaVersion"));
        let step = probed(Err(RegistryError::Unavailable("no".into())));
        assert!(step.help.unwrap().contains("can be reached"));
    }
}
