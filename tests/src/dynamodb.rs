//! A DynamoDB for tests: AWS's own DynamoDB Local where `DYNAMODB_LOCAL_URL` says so, else one in this process.

use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::config::Credentials;
use aws_sdk_dynamodb::types::{
    AttributeDefinition, AttributeValue, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType,
};
use dynoxide::Database;
use expressway_aws::client::http_client;
use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::task::AbortHandle;

/// The attributes of an item.
pub type Item = HashMap<String, AttributeValue>;

/// A DynamoDB that answers on the loopback interface.
#[derive(Debug)]
pub struct DynamoDb {
    authority: String,
    server: Option<AbortHandle>,
}

impl DynamoDb {
    /// Starts one in the current tokio runtime; it ends when it is dropped. DynamoDB Local runs already, if it is asked for.
    ///
    /// # Errors
    /// When no port is free.
    pub async fn start() -> io::Result<DynamoDb> {
        if let Ok(url) = std::env::var("DYNAMODB_LOCAL_URL") {
            return Ok(DynamoDb {
                authority: url.trim_start_matches("http://").trim_end_matches('/').to_owned(),
                server: None,
            });
        }
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let authority = listener.local_addr()?.to_string();
        let database = Database::memory().map_err(io::Error::other)?;
        let server = tokio::spawn(dynoxide::server::serve_on(listener, database));
        Ok(DynamoDb {
            authority,
            server: Some(server.abort_handle()),
        })
    }

    /// `127.0.0.1:12345`
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Makes a table with the keys `pk` and `sk`, whose name no other test uses.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn table(&self) -> io::Result<Table> {
        self.table_of(&["pk", "sk"]).await
    }

    /// Makes a table with these keys, all of them strings.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn table_of(&self, keys: &[&str]) -> io::Result<Table> {
        static TABLES: AtomicU64 = AtomicU64::new(0);
        let number = TABLES.fetch_add(1, Ordering::Relaxed);
        let name = format!("executions-{}-{number}", std::process::id());
        let table = Table {
            client: Client::new(&configuration(&format!("http://{}", self.authority))),
            name,
        };
        let mut create = table.client.create_table().table_name(&table.name);
        for (kind, name) in [KeyType::Hash, KeyType::Range].into_iter().zip(keys) {
            let element = KeySchemaElement::builder().attribute_name(*name).key_type(kind).build();
            let definition = AttributeDefinition::builder()
                .attribute_name(*name)
                .attribute_type(ScalarAttributeType::S)
                .build();
            create = create
                .key_schema(element.map_err(io::Error::other)?)
                .attribute_definitions(definition.map_err(io::Error::other)?);
        }
        let created = create.billing_mode(BillingMode::PayPerRequest).send().await;
        created.map_err(io::Error::other)?;
        Ok(table)
    }
}

impl Drop for DynamoDb {
    fn drop(&mut self) {
        if let Some(server) = &self.server {
            server.abort();
        }
    }
}

/// What an AWS client needs to call this endpoint.
pub fn configuration(url: &str) -> SdkConfig {
    let credentials = Credentials::new("AKIDTEST", "secret", Some("token".to_owned()), None, "tests");
    SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("eu-west-1"))
        .credentials_provider(aws_sdk_dynamodb::config::SharedCredentialsProvider::new(credentials))
        .endpoint_url(url)
        .http_client(http_client())
        .build()
}

/// A table of a test.
#[derive(Clone, Debug)]
pub struct Table {
    client: Client,
    name: String,
}

impl Table {
    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All its items, by `pk` and `sk`.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn items(&self) -> io::Result<Vec<Item>> {
        let scan = self.client.scan().table_name(&self.name).consistent_read(true);
        let items: Result<Vec<Item>, _> = scan.into_paginator().items().send().collect().await;
        let mut items = items.map_err(io::Error::other)?;
        items.sort_by_key(|item| (text(item, "pk"), text(item, "sk")));
        Ok(items)
    }

    /// The execution records.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn records(&self) -> io::Result<Vec<Item>> {
        let mut items = self.items().await?;
        items.retain(|item| text(item, "sk") == "execution");
        Ok(items)
    }

    /// The entries of the task journal.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn journal(&self) -> io::Result<Vec<Item>> {
        let mut items = self.items().await?;
        items.retain(|item| text(item, "sk").starts_with("task#"));
        Ok(items)
    }

    /// Deletes an item, as DynamoDB does on its own when its time has come.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn delete(&self, item: &Item) -> io::Result<()> {
        let mut delete = self.client.delete_item().table_name(&self.name);
        for key in ["pk", "sk"] {
            delete = delete.key(key, AttributeValue::S(text(item, key)));
        }
        delete.send().await.map(drop).map_err(io::Error::other)
    }

    /// Writes an item.
    ///
    /// # Errors
    /// What DynamoDB says.
    pub async fn put(&self, item: Item) -> io::Result<()> {
        let put = self.client.put_item().table_name(&self.name).set_item(Some(item));
        put.send().await.map(drop).map_err(io::Error::other)
    }
}

/// An attribute that is a string or a number; empty if it is not there.
pub fn text(item: &Item, attribute: &str) -> String {
    match item.get(attribute) {
        Some(AttributeValue::S(text) | AttributeValue::N(text)) => text.clone(),
        _ => String::new(),
    }
}
