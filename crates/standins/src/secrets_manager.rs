//! Secrets Manager: secrets with their current and previous version.

use crate::context::{Context, name_of, uuid};
use crate::protocol::{AwsError, required, text};
use expressway_asl::Document;
use expressway_asl::document::{Array, Number, Object};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// All secrets, by name.
#[derive(Debug, Default)]
pub(crate) struct SecretsManager {
    state: Mutex<BTreeMap<String, Secret>>,
}

#[derive(Debug, Deserialize, Serialize)]
struct Secret {
    description: Option<String>,
    /// The current version, then the previous one.
    versions: Vec<Version>,
}

#[derive(Clone, Debug, Deserialize, Serialize)]
struct Version {
    id: String,
    text: Option<String>,
    /// Base64.
    binary: Option<String>,
    /// Milliseconds since 1970.
    created: i64,
}

impl SecretsManager {
    pub(crate) fn restore(saved: &str) -> Result<SecretsManager, serde_json::Error> {
        Ok(SecretsManager {
            state: Mutex::new(serde_json::from_str(saved)?),
        })
    }

    pub(crate) fn save(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(&*self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<String, Secret>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.lock().contains_key(name)
    }

    pub(crate) fn call(&self, context: &Context, action: &str, input: &Document) -> Result<Document, AwsError> {
        let mut secrets = self.lock();
        match action {
            "CreateSecret" => {
                let name = required(input, "Name")?;
                if secrets.contains_key(name) {
                    let problem = format!("The operation failed because the secret {name} already exists.");
                    return Err(AwsError::new("ResourceExistsException", problem));
                }
                let secret = Secret {
                    description: text(input, "Description").map(str::to_owned),
                    versions: vec![Version::of(context, input)],
                };
                let answer = secret.identity(context, name);
                secrets.insert(name.to_owned(), secret);
                context.record("secretsmanager", name, "create", "");
                Ok(answer.into())
            }
            "GetSecretValue" => {
                let (name, secret) = find(&mut secrets, input)?;
                let stage = text(input, "VersionStage").unwrap_or("AWSCURRENT");
                let asked = text(input, "VersionId");
                let mut staged = secret.versions.iter().zip(["AWSCURRENT", "AWSPREVIOUS"]);
                let found = staged.find(|(version, its_stage)| match asked {
                    Some(id) => version.id == id,
                    None => *its_stage == stage,
                });
                let Some((version, stage)) = found else {
                    let problem = "Secrets Manager can't find the specified secret value for staging label";
                    return Err(AwsError::new(
                        "ResourceNotFoundException",
                        format!("{problem}: {stage}"),
                    ));
                };
                let mut answer = secret.identity(context, &name);
                answer.insert("VersionId", version.id.as_str().into());
                if let Some(text) = &version.text {
                    answer.insert("SecretString", text.as_str().into());
                }
                if let Some(binary) = &version.binary {
                    answer.insert("SecretBinary", binary.as_str().into());
                }
                answer.insert("VersionStages", Document::Array(Array::from(vec![stage.into()])));
                answer.insert("CreatedDate", epoch_seconds(version.created));
                Ok(answer.into())
            }
            "PutSecretValue" | "UpdateSecret" => {
                let (name, secret) = find(&mut secrets, input)?;
                if let Some(description) = text(input, "Description") {
                    secret.description = Some(description.to_owned());
                }
                if input.get("SecretString").is_some() || input.get("SecretBinary").is_some() {
                    secret.versions.insert(0, Version::of(context, input));
                    secret.versions.truncate(2);
                }
                context.record("secretsmanager", &name, "put", "");
                Ok(secret.identity(context, &name).into())
            }
            "DescribeSecret" => {
                let (name, secret) = find(&mut secrets, input)?;
                let mut answer = secret.identity(context, &name);
                if let Some(description) = &secret.description {
                    answer.insert("Description", description.as_str().into());
                }
                Ok(answer.into())
            }
            "ListSecrets" => {
                let all = secrets
                    .iter()
                    .map(|(name, secret)| Document::from(secret.identity(context, name)));
                Ok(Document::object([(
                    "SecretList",
                    Document::Array(all.collect::<Array>()),
                )]))
            }
            "DeleteSecret" => {
                let (name, secret) = find(&mut secrets, input)?;
                let mut answer = secret.identity(context, &name);
                answer.insert("DeletionDate", epoch_seconds(context.now_millis()));
                secrets.remove(&name);
                context.record("secretsmanager", name, "delete", "");
                Ok(answer.into())
            }
            action => Err(AwsError::unknown_action("secretsmanager", action)),
        }
    }
}

/// The secret of the name or ARN under `SecretId`. ARNs end in a hyphen and six characters that names do not have.
fn find<'s>(secrets: &'s mut BTreeMap<String, Secret>, input: &Document) -> Result<(String, &'s mut Secret), AwsError> {
    let id = required(input, "SecretId")?;
    let in_arn = id.split(":secret:").nth(1).unwrap_or(id);
    let without_suffix = in_arn.rsplit_once('-').map_or(in_arn, |(name, _)| name);
    let names = [id, in_arn, without_suffix, name_of(id)];
    let name = names
        .into_iter()
        .find(|name| secrets.contains_key(*name))
        .unwrap_or(id)
        .to_owned();
    match secrets.get_mut(&name) {
        Some(secret) => Ok((name, secret)),
        None => Err(AwsError::new(
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret.",
        )),
    }
}

impl Secret {
    fn identity(&self, context: &Context, name: &str) -> Object {
        let mut identity = Object::new();
        identity.insert(
            "ARN",
            context.arn("secretsmanager", &format!("secret:{name}-local0")).into(),
        );
        identity.insert("Name", name.into());
        if let Some(version) = self.versions.first() {
            identity.insert("VersionId", version.id.as_str().into());
        }
        identity
    }
}

impl Version {
    fn of(context: &Context, input: &Document) -> Version {
        let owned = |member: &str| text(input, member).map(str::to_owned);
        Version {
            id: owned("ClientRequestToken").unwrap_or_else(uuid),
            text: owned("SecretString"),
            binary: owned("SecretBinary"),
            created: context.now_millis(),
        }
    }
}

/// A time as the JSON protocols write it.
pub(crate) fn epoch_seconds(millis: i64) -> Document {
    let seconds = Number::from_f64(millis as f64 / 1000.0);
    seconds.map_or(Document::Null, Document::from)
}
