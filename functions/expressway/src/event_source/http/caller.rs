//! The caller of a request, to the extent that its source knows it.

use super::{Format, header};
use expressway_asl::Document;
use expressway_asl::document::{Object, Text};

/// Members of an authorizer's context that differ between the requests of one caller.
const VOLATILE: [&str; 8] = [
    "auth_time",
    "event_id",
    "exp",
    "iat",
    "integrationLatency",
    "jti",
    "nbf",
    "origin_jti",
];

/// Everything that identifies the caller of a request; `None` if the source knows nothing.
///
/// One caller's key must not get another one's answer, so whatever the source has verified counts, all of it together.
/// Only where there is nothing, the credentials in the `Authorization` header stand for their bearer: the workflow may
/// check them itself.
pub(super) fn caller(event: &Document, format: Format) -> Option<Document> {
    let context = event.get("requestContext");
    let at = |place: &[&str]| {
        let found = place.iter().try_fold(context?, |at, member| at.get(member));
        found.filter(|found| !found.is_null()).cloned()
    };
    let oidc = || match format {
        // The load balancer sets it, and drops one that a client sends, where a rule authenticates.
        Format::Alb { .. } => header(event, "x-amzn-oidc-identity").map(Document::from),
        _ => None,
    };
    let known = [
        (
            "principal",
            at(&["authorizer", "iam", "userArn"])
                .or_else(|| at(&["identity", "userArn"]))
                .map(principal),
        ),
        (
            "cognito",
            at(&["authorizer", "iam", "cognitoIdentity", "identityId"])
                .or_else(|| at(&["identity", "cognitoIdentityId"])),
        ),
        (
            "claims",
            at(&["authorizer", "jwt", "claims"])
                .or_else(|| at(&["authorizer", "claims"]))
                .map(|claims| subject(&claims)),
        ),
        (
            "authorizer",
            at(&["authorizer", "lambda"]).map(|context| stable(&context)),
        ),
        (
            "context",
            at(&["authorizer"]).and_then(|context| custom_context(&context)),
        ),
        ("oidc", oidc()),
        (
            "apiKey",
            at(&["identity", "apiKeyId"]).or_else(|| at(&["identity", "apiKey"])),
        ),
        (
            "certificate",
            at(&["authentication", "clientCert"])
                .or_else(|| at(&["identity", "clientCert"]))
                .map(|certificate| certificate_owner(&certificate)),
        ),
        ("tenant", header(event, "x-amz-tenant-id").map(Document::from)),
    ];
    let known = known.into_iter().filter_map(|(name, value)| Some((name, value?)));
    let mut caller: Object = known.map(|(name, value)| (Text::from(name), value)).collect();
    let is_known = caller.iter().any(|(name, _)| &**name != "tenant");
    if let (false, Some(credentials)) = (is_known, header(event, "authorization")) {
        caller.insert("credentials", credentials.into());
    }
    (!caller.is_empty()).then_some(caller.into())
}

/// The principal of an ARN. Of a session of an assumed role only the role counts, since a client that tries again may
/// have another session; but sessions named after a person are people.
fn principal(arn: Document) -> Document {
    let role = arn.as_str().and_then(|arn| {
        let (role, session) = arn.rsplit_once('/')?;
        let is_person = session.contains('@') || role.contains(":assumed-role/AWSReservedSSO_");
        (role.contains(":assumed-role/") && !is_person).then(|| Document::from(role))
    });
    role.unwrap_or(arn)
}

/// Who a token was issued to, and by whom: `sub` is unique within its issuer.
fn subject(claims: &Document) -> Document {
    match claims.get("sub").filter(|subject| !subject.is_null()) {
        Some(subject) => {
            let issuer = claims.get("iss").cloned().unwrap_or(Document::Null);
            vec![issuer, subject.clone()].into()
        }
        None => stable(claims),
    }
}

/// Who a certificate was issued to, and by whom: a renewed one has another number.
fn certificate_owner(certificate: &Document) -> Document {
    match (certificate.get("issuerDN"), certificate.get("subjectDN")) {
        (Some(issuer), Some(subject)) => vec![issuer.clone(), subject.clone()].into(),
        _ => certificate.clone(),
    }
}

/// What a Lambda authorizer of a REST API, or of an HTTP API with payload format 1.0, says: its members stand beside
/// those of the other kinds.
fn custom_context(authorizer: &Document) -> Option<Document> {
    let others = ["claims", "iam", "jwt", "lambda", "scopes"];
    let members = authorizer.as_object()?.iter();
    let own = members.filter(|(name, value)| !others.contains(&&***name) && !value.is_null());
    let own: Object = own.map(|(name, value)| (Text::clone(name), value.clone())).collect();
    let own = stable(&own.into());
    own.as_object().is_some_and(|own| !own.is_empty()).then_some(own)
}

/// A context without what differs between requests.
fn stable(context: &Document) -> Document {
    let Document::Object(members) = context else {
        return context.clone();
    };
    let members = members.iter().filter(|(name, _)| !VOLATILE.contains(&&***name));
    let members: Object = members
        .map(|(name, value)| (Text::clone(name), value.clone()))
        .collect();
    members.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Each with two requests of one caller, and one of another caller.
    const CALLERS: [[&str; 3]; 14] = [
        [
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:iam::1:user/ann"}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:iam::1:user/ann","accessKey":"A"}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:iam::1:user/bob"}}}}"#,
        ],
        [
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/shop/one"}}}"#,
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/shop/two","apiKey":null}}}"#,
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/stock/one"}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:sts::1:assumed-role/AWSReservedSSO_Ops_1/ann"}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:sts::1:assumed-role/AWSReservedSSO_Ops_1/ann"}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"userArn":"arn:aws:sts::1:assumed-role/AWSReservedSSO_Ops_1/bob"}}}}"#,
        ],
        [
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/Developers/ann@example.com"}}}"#,
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/Developers/ann@example.com"}}}"#,
            r#"{"requestContext":{"identity":{"userArn":"arn:aws:sts::1:assumed-role/Developers/bob@example.com"}}}"#,
        ],
        [
            r#"{"requestContext":{"identity":{"cognitoIdentityId":"eu:ann","userArn":"arn:aws:sts::1:assumed-role/App/C"}}}"#,
            r#"{"requestContext":{"identity":{"cognitoIdentityId":"eu:ann","userArn":"arn:aws:sts::1:assumed-role/App/C"}}}"#,
            r#"{"requestContext":{"identity":{"cognitoIdentityId":"eu:bob","userArn":"arn:aws:sts::1:assumed-role/App/C"}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"iam":{"cognitoIdentity":{"identityId":"eu:ann"}}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"cognitoIdentity":{"identityId":"eu:ann","amr":["x"]}}}}}"#,
            r#"{"requestContext":{"authorizer":{"iam":{"cognitoIdentity":{"identityId":"eu:bob"}}}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"jwt":{"claims":{"iss":"a","sub":"ann","exp":1}}}}}"#,
            r#"{"requestContext":{"authorizer":{"jwt":{"claims":{"iss":"a","sub":"ann","exp":2}}}}}"#,
            r#"{"requestContext":{"authorizer":{"jwt":{"claims":{"iss":"b","sub":"ann","exp":1}}}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"claims":{"client_id":"a","jti":"1"}}}}"#,
            r#"{"requestContext":{"authorizer":{"claims":{"client_id":"a","jti":"2"}}}}"#,
            r#"{"requestContext":{"authorizer":{"claims":{"client_id":"b","jti":"1"}}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"principalId":"ann","integrationLatency":3}}}"#,
            r#"{"requestContext":{"authorizer":{"integrationLatency":9,"principalId":"ann"}}}"#,
            r#"{"requestContext":{"authorizer":{"principalId":"bob","integrationLatency":3}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"principalId":"user","tenantId":"t-1"}}}"#,
            r#"{"requestContext":{"authorizer":{"principalId":"user","tenantId":"t-1"}}}"#,
            r#"{"requestContext":{"authorizer":{"principalId":"user","tenantId":"t-2"}}}"#,
        ],
        [
            r#"{"requestContext":{"authorizer":{"lambda":{"tenantId":"t-1","exp":1}}}}"#,
            r#"{"requestContext":{"authorizer":{"lambda":{"tenantId":"t-1","exp":2}}}}"#,
            r#"{"requestContext":{"authorizer":{"lambda":{"tenantId":"t-2","exp":1}}}}"#,
        ],
        [
            r#"{"requestContext":{"identity":{"apiKeyId":"a","sourceIp":"192.0.2.7"}}}"#,
            r#"{"requestContext":{"identity":{"apiKeyId":"a","sourceIp":"192.0.2.8"}}}"#,
            r#"{"requestContext":{"identity":{"apiKeyId":"b","sourceIp":"192.0.2.7"}}}"#,
        ],
        [
            r#"{"requestContext":{"authentication":{"clientCert":{"issuerDN":"i","subjectDN":"a","serialNumber":"1"}}}}"#,
            r#"{"requestContext":{"authentication":{"clientCert":{"issuerDN":"i","subjectDN":"a","serialNumber":"2"}}}}"#,
            r#"{"requestContext":{"authentication":{"clientCert":{"issuerDN":"i","subjectDN":"b","serialNumber":"1"}}}}"#,
        ],
        [
            r#"{"headers":{"X-Amz-Tenant-Id":"t-1","authorization":"Bearer ann"}}"#,
            r#"{"headers":{"x-amz-tenant-id":"t-1","Authorization":"Bearer ann"}}"#,
            r#"{"headers":{"x-amz-tenant-id":"t-2","Authorization":"Bearer ann"}}"#,
        ],
    ];

    #[test]
    fn callers_are_told_apart() {
        let format = Format::ApiGatewayV2;
        let caller = |event: &str| caller(&Document::parse(event).unwrap(), format);
        let mut all = vec![None];
        for [one, same, other] in CALLERS {
            assert_eq!(caller(one), caller(same), "{one}");
            all.extend([caller(one), caller(other)]);
        }
        for (at, one) in all.iter().enumerate() {
            for other in all.iter().skip(at + 1) {
                assert_ne!(one, other);
            }
        }
    }

    #[test]
    fn only_a_load_balancer_is_believed_about_its_header() {
        let event = Document::parse(r#"{"headers":{"x-amzn-oidc-identity":"ann"}}"#).unwrap();
        let alb = Format::Alb { is_multi_value: false };
        assert!(caller(&event, alb).is_some());
        assert_eq!(caller(&event, Format::ApiGatewayV2), None);
    }
}
