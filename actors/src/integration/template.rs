//! The CloudFormation template that makes policies, and the roles that they are for.

use serde_json::{Map, Value, json};

use super::place::account_of;
use super::policy::{Identity, Policies, Statement, document};

/// Most characters of a managed policy, with room for what CloudFormation fills in.
const MOST_CHARACTERS: usize = 5_500;

/// Makes the template. Values that are secrets are parameters that are not shown.
pub(super) fn template(policies: &Policies, sources: &[&str]) -> Value {
    let mut parts = Parts::default();
    let mut roles = 0;
    for (identity, statements) in &policies.0 {
        let owner = match identity {
            Identity::Process => None,
            Identity::Role { arn, external_id } => {
                roles += 1;
                Some(parts.role(roles, arn, *external_id))
            }
        };
        for (number, statements) in chunks(statements).into_iter().enumerate() {
            parts.policy(owner.as_ref(), number, &statements, sources);
        }
    }
    let description = format!(
        "What Shardmill needs for {}. Attach ProcessPolicy to what the process runs as.",
        sources.join(", ")
    );
    let mut template = json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        // Of at most 1024 bytes.
        "Description": description.chars().take(500).collect::<String>(),
        "Resources": parts.resources,
        "Outputs": parts.outputs,
    });
    for (name, part) in [
        ("Parameters", parts.parameters),
        ("Conditions", parts.conditions),
    ] {
        if !part.is_empty() {
            template[name] = part.into();
        }
    }
    template
}

#[derive(Default)]
struct Parts {
    parameters: Map<String, Value>,
    conditions: Map<String, Value>,
    resources: Map<String, Value>,
    outputs: Map<String, Value>,
}

/// A role, by its logical name, and the condition that it is made under.
struct Role {
    name: String,
    condition: Option<String>,
}

impl Parts {
    fn role(&mut self, number: usize, arn: &str, external_id: bool) -> Role {
        let name = format!("Role{number}");
        self.parameters.insert(
            "TrustedPrincipal".to_owned(),
            json!({
                "Type": "String",
                "Description": "ARN of the user, role or account that the process runs as",
                "MinLength": 12,
            }),
        );
        let mut allow = json!({
            "Effect": "Allow",
            "Action": "sts:AssumeRole",
            "Principal": { "AWS": { "Ref": "TrustedPrincipal" } },
        });
        if external_id {
            let parameter = format!("ExternalId{number}");
            allow["Condition"] =
                json!({ "StringEquals": { "sts:ExternalId": { "Ref": parameter } } });
            self.parameters.insert(
                parameter,
                json!({
                    "Type": "String",
                    "NoEcho": true,
                    "Description": format!("The external_id that {arn} is assumed with"),
                    "MinLength": 2,
                    "MaxLength": 1224,
                }),
            );
        }
        // `arn:aws:iam::ACCOUNT:role/PATH/NAME`
        let path = arn.split_once(":role").map_or("", |(_, path)| path);
        let (path, own_name) = path.rsplit_once('/').unwrap_or(("", path));
        let mut resource = json!({
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": own_name,
                "Path": format!("{path}/"),
                "AssumeRolePolicyDocument": { "Version": "2012-10-17", "Statement": [allow] },
            },
        });
        // Roles of several accounts: each is made where it belongs.
        let condition = account_of(arn).map(|account| {
            let condition = format!("InAccountOf{name}");
            let equals = json!({ "Fn::Equals": [{ "Ref": "AWS::AccountId" }, account] });
            self.conditions.insert(condition.clone(), equals);
            resource["Condition"] = condition.clone().into();
            condition
        });
        self.resources.insert(name.clone(), resource);
        Role { name, condition }
    }

    fn policy(
        &mut self,
        owner: Option<&Role>,
        number: usize,
        statements: &[Statement],
        sources: &[&str],
    ) {
        let of = owner.map_or("Process", |role| role.name.as_str());
        let name = match number {
            0 => format!("{of}Policy"),
            more => format!("{of}Policy{}", more + 1),
        };
        let description = format!("Shardmill: {}", sources.join(", "));
        let mut resource = json!({
            "Type": "AWS::IAM::ManagedPolicy",
            "Properties": {
                "Description": description.chars().take(500).collect::<String>(),
                "PolicyDocument": document(statements, &value),
            },
        });
        let mut output = json!({ "Value": { "Ref": name } });
        if let Some(role) = owner {
            resource["Properties"]["Roles"] = json!([{ "Ref": role.name }]);
            if let Some(condition) = &role.condition {
                resource["Condition"] = condition.clone().into();
                output["Condition"] = condition.clone().into();
            }
        }
        self.outputs.insert(format!("{name}Arn"), output);
        self.resources.insert(name, resource);
    }
}

/// Statements in policies that are no longer than AWS takes.
fn chunks(statements: &[Statement]) -> Vec<Vec<Statement>> {
    let mut chunks: Vec<(usize, Vec<Statement>)> = Vec::new();
    for statement in statements {
        let length = document(std::slice::from_ref(statement), &value)
            .to_string()
            .len();
        match chunks.last_mut() {
            Some((sum, chunk)) if *sum + length <= MOST_CHARACTERS => {
                *sum += length;
                chunk.push(statement.clone());
            }
            _ => chunks.push((length, vec![statement.clone()])),
        }
    }
    chunks.into_iter().map(|(_, chunk)| chunk).collect()
}

/// A text with CloudFormation's placeholders; variables that a policy has of its own are kept from
/// CloudFormation.
fn value(text: &str) -> Value {
    if !text.contains("${AWS::") {
        return text.into();
    }
    let mut escaped = String::with_capacity(text.len());
    for (number, part) in text.split("${").enumerate() {
        if number > 0 {
            escaped.push_str(if part.starts_with("AWS::") {
                "${"
            } else {
                "${!"
            });
        }
        escaped.push_str(part);
    }
    json!({ "Fn::Sub": escaped })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variables_of_policies_are_kept_from_cloudformation() {
        assert_eq!(value("arn:aws:s3:::lake/x"), json!("arn:aws:s3:::lake/x"));
        assert_eq!(
            value("arn:${AWS::Partition}:s3:::lake/a${*}b"),
            json!({ "Fn::Sub": "arn:${AWS::Partition}:s3:::lake/a${!*}b" })
        );
    }
}
