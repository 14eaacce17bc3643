//! STS: who is asking, and roles that anybody may assume.

use crate::context::{ACCOUNT, Context, name_of};
use crate::protocol::AwsError;
use crate::protocol::query::{Form, Xml};
use expressway_asl::timestamp::Timestamp;

pub(crate) const NAMESPACE: &str = "https://sts.amazonaws.com/doc/2011-06-15/";

pub(crate) fn call(context: &Context, action: &str, form: &Form) -> Result<Vec<Xml>, AwsError> {
    match action {
        "GetCallerIdentity" => Ok(vec![
            Xml::Text("Arn", format!("arn:aws:iam::{ACCOUNT}:user/local")),
            Xml::Text("UserId", "AIDAEXPRESSWAYLOCAL00".to_owned()),
            Xml::Text("Account", ACCOUNT.to_owned()),
        ]),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => {
            let (role, session) = (form.required("RoleArn")?, form.required("RoleSessionName")?);
            let seconds = form.get("DurationSeconds").and_then(|seconds| seconds.parse().ok());
            let expires = context.now_millis() + seconds.unwrap_or(3600_i64) * 1000;
            let credentials = vec![
                Xml::Text("AccessKeyId", "ASIAEXPRESSWAYLOCAL0".to_owned()),
                Xml::Text("SecretAccessKey", "local".to_owned()),
                Xml::Text("SessionToken", "local".to_owned()),
                Xml::Text("Expiration", Timestamp::from_epoch_millis(expires).to_string()),
            ];
            let role = name_of(role);
            let user = vec![
                Xml::Text("AssumedRoleId", format!("AROAEXPRESSWAYLOCAL00:{session}")),
                Xml::Text("Arn", format!("arn:aws:sts::{ACCOUNT}:assumed-role/{role}/{session}")),
            ];
            Ok(vec![
                Xml::Element("Credentials", credentials),
                Xml::Element("AssumedRoleUser", user),
            ])
        }
        action => Err(AwsError::unknown_action("sts", action)),
    }
}
