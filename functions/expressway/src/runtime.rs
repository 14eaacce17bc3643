//! Lambda's Runtime API.
//!
//! `lambda_runtime` polls for events and keeps to the protocol. Its usual handlers get an event that it has
//! deserialized and give an answer that it serializes; ours is a layer below that, and passes bytes: an event
//! is parsed once, by the handler, whatever is wrong with it, and an answer is JSON text already.

use expressway_asl::Document;
use expressway_engine::{SystemClock, SystemEntropy};
use expressway_function::{Handler, InvocationContext, InvocationError, Notice, Observer, Severity};
use futures_util::FutureExt;
use lambda_runtime::tower::{Layer, Service};
use lambda_runtime::{Error, LambdaEvent, LambdaInvocation, Runtime, service_fn};
use lambda_runtime_api_client::body::Body;
use lambda_runtime_api_client::{PooledClient, build_request};
use serde::de::IgnoredAny;
use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

/// Tells an answer from one of an earlier, abandoned invocation.
const INVOCATION_ID: &str = "lambda-runtime-invocation-id";

/// The most bytes of an error's message that are reported.
const MESSAGE_BYTES_MAX: usize = 262_144;

/// Handles one event after the other, for as long as there is a Runtime API.
pub(crate) async fn run(handler: Handler, observer: impl Observer + 'static) -> Result<(), Error> {
    let invocations = Arc::new(Invocations {
        handler,
        observer: Box::new(observer),
        client: PooledClient::builder().build(),
    });
    // The handler that the runtime asks for is never called: the layer does not pass anything on to it.
    let unused = service_fn(|_: LambdaEvent<IgnoredAny>| std::future::ready(Ok::<(), Error>(())));
    Runtime::new(unused).layer(InvocationLayer { invocations }).run().await
}

/// Reports that the function can not start.
pub(crate) async fn report_init_error(error_type: &str, message: &str) -> Result<(), Error> {
    let error = InvocationError {
        error_type: error_type.to_owned(),
        message: message.to_owned(),
    };
    let request = post("/2018-06-01/runtime/init/error")
        .header("lambda-runtime-function-error-type", error_type)
        .body(error_body(&error))?;
    PooledClient::builder().build().call(request).await?;
    Ok(())
}

struct Invocations {
    handler: Handler,
    observer: Box<dyn Observer>,
    client: PooledClient,
}

impl Invocations {
    async fn handle(self: Arc<Self>, invocation: LambdaInvocation) -> Result<(), Error> {
        let context = InvocationContext {
            request_id: &invocation.context.request_id,
            invoked_function_arn: &invocation.context.invoked_function_arn,
            tenant_id: invocation.context.tenant_id.as_deref(),
            deadline: Some(invocation.context.deadline()),
            clock: Arc::new(SystemClock::new()),
            entropy: Arc::new(SystemEntropy),
            observer: Some(&*self.observer),
        };
        let handled = AssertUnwindSafe(self.handler.handle(&invocation.body, &context));
        let result = handled.catch_unwind().await.unwrap_or_else(|_| {
            Err(InvocationError {
                error_type: "Expressway.InternalError".to_owned(),
                message: "the event could not be handled".to_owned(),
            })
        });
        let path = format!("/2018-06-01/runtime/invocation/{}", context.request_id);
        let (mut request, body) = match result {
            Ok(answer) => (post(format!("{path}/response")), Body::from(answer)),
            Err(error) => {
                let name = header_value(&error.error_type);
                let request = post(format!("{path}/error")).header("lambda-runtime-function-error-type", name);
                (request, error_body(&error))
            }
        };
        if let Some(id) = invocation.parts.headers.get(INVOCATION_ID) {
            request = request.header(INVOCATION_ID, id);
        }
        let response = self.client.call(request.body(body)?).await?;
        if !response.status().is_success() {
            let status = response.status();
            self.observer.notice(&Notice {
                severity: Severity::Error,
                message: format!("Lambda did not take the answer: {status}"),
                delivery: None,
            });
        }
        Ok(())
    }
}

fn post(path: impl AsRef<str>) -> http::request::Builder {
    build_request().method(http::Method::POST).uri(path.as_ref())
}

/// What Lambda takes for an error, and hands on to the caller.
fn error_body(error: &InvocationError) -> Body {
    let message = &error.message;
    let cut = message.floor_char_boundary(MESSAGE_BYTES_MAX);
    let message = message.get(..cut).unwrap_or_default();
    let body = Document::object([
        ("errorType", error.error_type.as_str().into()),
        ("errorMessage", message.into()),
        ("stackTrace", Vec::new().into()),
    ]);
    Body::from(body.to_json())
}

/// A text as the value of a header, which may have visible ASCII characters only.
fn header_value(text: &str) -> String {
    let visible = text.chars().map(|c| if c.is_ascii_graphic() { c } else { '?' });
    visible.take(256).collect()
}

/// Puts [`Invocations`] in the place of the runtime's own services.
struct InvocationLayer {
    invocations: Arc<Invocations>,
}

impl<S> Layer<S> for InvocationLayer {
    type Service = InvocationService;

    fn layer(&self, _inner: S) -> InvocationService {
        InvocationService {
            invocations: Arc::clone(&self.invocations),
        }
    }
}

struct InvocationService {
    invocations: Arc<Invocations>,
}

impl Service<LambdaInvocation> for InvocationService {
    type Response = ();
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<(), Error>>>>;

    fn poll_ready(&mut self, _context: &mut Context<'_>) -> Poll<Result<(), Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, invocation: LambdaInvocation) -> Self::Future {
        Box::pin(Arc::clone(&self.invocations).handle(invocation))
    }
}
