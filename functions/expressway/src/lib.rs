//! The Lambda function: events in, executions, responses out
