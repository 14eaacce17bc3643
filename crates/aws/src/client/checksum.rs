//! Checksums of request bodies.

use crate::model::{Location, Operation, Service};
use crate::request::{ParameterError, Request};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use md5::Md5;
use sha1::Sha1;
use sha2::{Digest, Sha256};

const ALGORITHM_HEADER: &str = "x-amz-sdk-checksum-algorithm";

/// Adds the checksum that the operation wants, unless the parameters have one.
///
/// Where the algorithm can be chosen it is CRC32 by default, as in all SDKs since 2025.
pub(super) fn add(service: &Service, operation: &Operation, request: &mut Request) -> Result<(), ParameterError> {
    let is_checksum = |name: &str| name == "content-md5" || name.starts_with("x-amz-checksum-");
    let is_given = |(name, _): &(String, String)| {
        let name = name.to_ascii_lowercase();
        is_checksum(&name)
            && !matches!(
                &*name,
                "x-amz-checksum-mode" | "x-amz-checksum-algorithm" | "x-amz-checksum-type"
            )
    };
    let wanted = operation.checksum_required || operation.checksum_algorithm_member.is_some();
    if !wanted || request.headers.iter().any(is_given) {
        return Ok(());
    }
    let Some(member) = operation.checksum_algorithm_member.as_deref() else {
        request
            .headers
            .push(("Content-MD5".to_owned(), STANDARD.encode(Md5::digest(&request.body))));
        return Ok(());
    };
    // CreateMultipartUpload only announces the algorithm of the parts, in another header.
    let input = service.input(operation);
    let member = input.and_then(|input| input.members.iter().find(|known| *known.name == *member));
    let member = member.filter(|member| member.location == Location::Header);
    let header = member.map_or(ALGORITHM_HEADER, |member| &member.wire_name).to_owned();
    let algorithm = request.header(&header).map(str::to_ascii_uppercase);
    if !header.eq_ignore_ascii_case(ALGORITHM_HEADER) {
        return Ok(());
    }
    let algorithm = algorithm.unwrap_or_else(|| {
        request.headers.push((header, "CRC32".to_owned()));
        "CRC32".to_owned()
    });
    let checksum = checksum(&algorithm, &request.body)?;
    let name = format!("x-amz-checksum-{}", algorithm.to_ascii_lowercase());
    request.headers.push((name, checksum));
    Ok(())
}

fn checksum(algorithm: &str, body: &[u8]) -> Result<String, ParameterError> {
    Ok(match algorithm {
        "CRC32" => STANDARD.encode(crc32fast::hash(body).to_be_bytes()),
        "CRC32C" => STANDARD.encode(crc32c(body).to_be_bytes()),
        "CRC64NVME" => STANDARD.encode(crc64_nvme(body).to_be_bytes()),
        "SHA1" => STANDARD.encode(Sha1::digest(body)),
        "SHA256" => STANDARD.encode(Sha256::digest(body)),
        other => {
            let problem = format!("the checksum algorithm `{other}` is not supported");
            return Err(ParameterError::new(problem));
        }
    })
}

fn crc32c(body: &[u8]) -> u32 {
    const TABLE: [u64; 256] = crc_table(0x82f6_3b78);
    crc(&TABLE, 0xffff_ffff, body) as u32
}

fn crc64_nvme(body: &[u8]) -> u64 {
    const TABLE: [u64; 256] = crc_table(0x9a6c_9329_ac4b_c9b5);
    crc(&TABLE, u64::MAX, body)
}

/// A reflected cyclic redundancy check with `ones` before and after.
fn crc(table: &[u64; 256], ones: u64, body: &[u8]) -> u64 {
    let step = |crc: u64, byte: &u8| {
        let place = (crc as u8 ^ byte) as usize;
        table.get(place).copied().unwrap_or_default() ^ (crc >> 8)
    };
    body.iter().fold(ones, step) ^ ones
}

#[expect(
    clippy::indexing_slicing,
    reason = "evaluated by the compiler, which checks the bounds"
)]
const fn crc_table(polynomial: u64) -> [u64; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < table.len() {
        let mut crc = byte as u64;
        let mut bit = 0;
        while bit < 8 {
            crc = if crc & 1 == 1 {
                (crc >> 1) ^ polynomial
            } else {
                crc >> 1
            };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use expressway_asl::Document;

    #[test]
    fn checksums_have_their_check_values() {
        let digits = b"123456789";
        assert_eq!(crc32fast::hash(digits), 0xcbf4_3926);
        assert_eq!(crc32c(digits), 0xe306_9283);
        assert_eq!(crc64_nvme(digits), 0xae8b_1486_0a79_9888);
        assert!(checksum("CRC7", digits).is_err());
    }

    fn header(action: &str, parameters: &str, name: &str) -> Option<String> {
        let service = Service::find("s3").unwrap();
        let operation = service.operation(action).unwrap();
        let mut request = Request::new(service, operation, &Document::parse(parameters).unwrap(), None).unwrap();
        add(service, operation, &mut request).unwrap();
        request.header(name).map(str::to_owned)
    }

    #[test]
    fn the_algorithm_is_crc32_unless_chosen() {
        let plain = r#"{"Bucket": "b", "Key": "k", "Body": "123456789"}"#;
        assert_eq!(
            header("putObject", plain, "x-amz-checksum-crc32").as_deref(),
            Some("y/Q5Jg==")
        );
        let chosen = r#"{"Bucket": "b", "Key": "k", "Body": "123456789", "ChecksumAlgorithm": "SHA256"}"#;
        assert!(header("putObject", chosen, "x-amz-checksum-sha256").is_some());
        assert!(header("putObject", chosen, "x-amz-checksum-crc32").is_none());
        let given = r#"{"Bucket": "b", "Key": "k", "Body": "x", "ContentMD5": "abc"}"#;
        assert!(header("putObject", given, "x-amz-checksum-crc32").is_none());
        assert!(header("getObject", r#"{"Bucket": "b", "Key": "k"}"#, "x-amz-checksum-crc32").is_none());
    }
}
