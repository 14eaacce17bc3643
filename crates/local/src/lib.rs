//! Stand-ins for AWS on a developer's machine; never part of the Lambda function
