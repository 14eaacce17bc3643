//! Takes off requests what only matters on the way over a network: signatures, chunks, and the bucket in the host name.

use crate::protocol::{Request, header};
use http::uri::Uri;
use http::{HeaderName, HeaderValue};
use hyper::body::Bytes;

/// The request as anybody may send it, with its body in one piece.
///
/// # Errors
/// The body is not in chunks though it says so.
pub(super) fn plain(request: Request) -> Result<Request, &'static str> {
    let is_chunked = header(&request, "x-amz-content-sha256").is_some_and(|hash| hash.starts_with("STREAMING-"));
    let (mut parts, mut body) = request.into_parts();
    parts.uri = plain_uri(&parts.uri).unwrap_or(parts.uri);
    let headers = &mut parts.headers;
    if is_chunked {
        let (whole, trailers) = join(&body).ok_or("the chunks of the body can not be read")?;
        body = whole;
        for (name, value) in trailers {
            let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| "a trailer has no right name")?;
            headers.insert(
                name,
                HeaderValue::from_str(&value).map_err(|_| "a trailer has no right value")?,
            );
        }
        headers.insert("content-length", HeaderValue::from(body.len()));
        let encodings = headers
            .get("content-encoding")
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let others: Vec<_> = encodings
            .split(',')
            .map(str::trim)
            .filter(|one| *one != "aws-chunked")
            .collect();
        match HeaderValue::from_str(&others.join(", ")) {
            Ok(value) if !value.is_empty() => headers.insert("content-encoding", value),
            _ => headers.remove("content-encoding"),
        };
    }
    for name in [
        "authorization",
        "x-amz-content-sha256",
        "x-amz-decoded-content-length",
        "x-amz-trailer",
    ] {
        headers.remove(name);
    }
    Ok(Request::from_parts(parts, body))
}

/// `/bucket/key` for a bucket that stands in the host name, `bucket.s3.us-east-1.amazonaws.com`; without a signature.
fn plain_uri(uri: &Uri) -> Option<Uri> {
    let host = uri.host().unwrap_or_default();
    let bucket = match host.ends_with(".amazonaws.com") || host.ends_with(".amazonaws.com.cn") {
        true => host
            .split_once(".s3.")
            .or_else(|| host.split_once(".s3-"))
            .map(|(bucket, _)| bucket),
        false => None,
    };
    let bucket = bucket.map(|bucket| format!("/{bucket}")).unwrap_or_default();
    let query = uri.query().unwrap_or_default().split('&');
    let query: Vec<_> = query
        .filter(|field| !field.is_empty() && !field.starts_with("X-Amz-"))
        .collect();
    let query = match query.is_empty() {
        true => String::new(),
        false => format!("?{}", query.join("&")),
    };
    format!("{bucket}{}{query}", uri.path()).parse().ok()
}

type Trailers = Vec<(String, String)>;

/// The content of a body in chunks, `<hexadecimal length>[;chunk-signature=...]\r\n<content>\r\n`, and its trailers.
fn join(body: &[u8]) -> Option<(Bytes, Trailers)> {
    let mut whole = Vec::with_capacity(body.len());
    let mut rest = body;
    loop {
        let (line, after) = line(rest)?;
        let length = line.split(';').next()?.trim();
        let length = usize::from_str_radix(length, 16).ok()?;
        if length == 0 {
            rest = after;
            break;
        }
        whole.extend_from_slice(after.get(..length)?);
        rest = after.get(length..)?.strip_prefix(b"\r\n")?;
    }
    let mut trailers = Vec::new();
    while let Some((line, after)) = line(rest) {
        rest = after;
        if let Some((name, value)) = line.split_once(':') {
            trailers.push((name.trim().to_owned(), value.trim().to_owned()));
        }
    }
    Some((whole.into(), trailers))
}

fn line(bytes: &[u8]) -> Option<(&str, &[u8])> {
    let end = bytes.windows(2).position(|pair| pair == b"\r\n")?;
    let line = str::from_utf8(bytes.get(..end)?).ok()?;
    Some((line, bytes.get(end + 2..)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_become_one_piece() {
        let body = "5;chunk-signature=0\r\nhello\r\n3\r\n\r\n!\r\n0\r\nx-amz-checksum-crc32: AAAAAA==\r\n\r\n";
        let mut request = Request::new(Bytes::from_static(body.as_bytes()));
        *request.uri_mut() = "https://b.s3.eu-west-1.amazonaws.com/k%20k?list-type=2&X-Amz-Signature=0"
            .parse()
            .unwrap();
        for (name, value) in [
            ("x-amz-content-sha256", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"),
            ("content-encoding", "gzip, aws-chunked"),
            ("authorization", "AWS4-HMAC-SHA256 ..."),
        ] {
            request.headers_mut().insert(name, HeaderValue::from_static(value));
        }
        let plain = plain(request).unwrap();
        assert_eq!(&plain.body()[..], b"hello\r\n!");
        assert_eq!(plain.uri(), "/b/k%20k?list-type=2");
        let headers: Vec<_> = [
            "content-encoding",
            "content-length",
            "x-amz-checksum-crc32",
            "authorization",
        ]
        .map(|name| header(&plain, name).unwrap_or("none").to_owned())
        .into();
        assert_eq!(headers, ["gzip", "8", "AAAAAA==", "none"]);
        assert!(join(b"5\r\nhel").is_none());
    }
}
