//! Patterns of hosts and of addresses, as the operator writes them.

use crate::web::Address;

/// A host, or a host and a port, in which `*` stands for any text: `*.api.example.com`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostPattern {
    host: String,
    /// The port as text; `None` for the scheme's own.
    port: Option<String>,
}

/// An address without its query, in which `*` stands for any text and `?` for any character, as in the IAM condition
/// `states:HTTPEndpoint` with `StringLike`.
///
/// Unlike there, `*` in the host never reaches into the path: `https://*.example.com/*` does not match
/// `https://evil.example/x.example.com/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UrlPattern {
    scheme: String,
    host: HostPattern,
    path: String,
}

impl HostPattern {
    /// Any host, with any port.
    pub(super) fn any() -> HostPattern {
        HostPattern {
            host: "*".to_owned(),
            port: Some("*".to_owned()),
        }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<HostPattern, String> {
        if text == "*" {
            return Ok(HostPattern::any());
        }
        let (host, port) = match text.rsplit_once(':') {
            Some((host, port)) => (host, Some(port)),
            None => (text, None),
        };
        let is_host = |character: char| character.is_ascii_alphanumeric() || "-_.*?".contains(character);
        if host.is_empty() || !host.chars().all(is_host) {
            return Err(format!("`{text}` is not a host"));
        }
        if host.ends_with(['*', '?']) {
            return Err(format!(
                "`{text}` ends in a wildcard, so it also matches hosts of other domains"
            ));
        }
        let is_port = |port: &str| port == "*" || port.parse::<u16>().is_ok();
        if port.is_some_and(|port| !is_port(port)) {
            return Err(format!("`{text}` has a port that is not a number"));
        }
        Ok(HostPattern {
            host: host.to_ascii_lowercase(),
            port: port.map(str::to_owned),
        })
    }

    pub(super) fn matches(&self, address: &Address) -> bool {
        let is_port = match (&self.port, address.port) {
            (None, None) => true,
            (None, Some(_)) => false,
            (Some(port), actual) => {
                let actual = actual.unwrap_or(address.default_port());
                port == "*" || *port == actual.to_string()
            }
        };
        is_port && is_like(&address.host, &self.host)
    }
}

impl UrlPattern {
    /// Any address with TLS.
    pub(super) fn any() -> UrlPattern {
        UrlPattern {
            scheme: "*".to_owned(),
            host: HostPattern::any(),
            path: "*".to_owned(),
        }
    }

    /// Reads a pattern.
    ///
    /// # Errors
    /// Says what is wrong with it.
    pub fn parse(text: &str) -> Result<UrlPattern, String> {
        if matches!(text, "*" | "https://*") {
            return Ok(UrlPattern::any());
        }
        let (scheme, rest) = text.split_once("://").unwrap_or_default();
        if !matches!(scheme, "https" | "http") {
            return Err(format!("`{text}` does not begin with `https://`"));
        }
        let (host, path) = rest
            .split_at_checked(rest.find('/').unwrap_or(rest.len()))
            .unwrap_or_default();
        let host = HostPattern::parse(host).map_err(|problem| match host.ends_with('*') {
            true => format!("{problem}; write a `/` behind the host"),
            false => problem,
        })?;
        Ok(UrlPattern {
            scheme: scheme.to_owned(),
            host,
            path: if path.is_empty() { "/" } else { path }.to_owned(),
        })
    }

    pub(super) fn matches(&self, address: &Address) -> bool {
        let path = address.path.split('?').next().unwrap_or_default();
        is_like(address.scheme(), &self.scheme)
            && self.host.matches(address)
            && is_like(path, &self.path)
            // A server may take such steps and so leave the path that the pattern allows.
            && (self.path == "*" || self.path == "/*" || !has_dot_segment(path))
    }
}

/// Whether a path has a step to its own folder or to the one above, in whatever spelling.
fn has_dot_segment(path: &str) -> bool {
    let mut path = path.to_ascii_lowercase();
    // `%252e` is decoded twice by some servers.
    while path.contains("%25") {
        path = path.replace("%25", "%");
    }
    let path = path.replace("%2e", ".").replace("%2f", "/").replace("%5c", "/");
    path.split(['/', '\\', ';'])
        .any(|segment| matches!(segment, "." | ".."))
}

/// Whether a text is like a pattern, in which `*` stands for any text and `?` for any character.
fn is_like(text: &str, pattern: &str) -> bool {
    let (text, pattern): (Vec<char>, Vec<char>) = (text.chars().collect(), pattern.chars().collect());
    let (mut at, mut expected) = (0, 0);
    // The last asterisk, and what it stands for at least: all that is tried again when the rest does not fit.
    let mut retry = None;
    while let Some(character) = text.get(at) {
        match pattern.get(expected) {
            Some('*') => {
                retry = Some((at, expected));
                expected += 1;
            }
            Some(known) if *known == '?' || known == character => {
                at += 1;
                expected += 1;
            }
            _ => {
                let Some((skipped, asterisk)) = retry else {
                    return false;
                };
                retry = Some((skipped + 1, asterisk));
                at = skipped + 1;
                expected = asterisk + 1;
            }
        }
    }
    pattern
        .get(expected..)
        .unwrap_or_default()
        .iter()
        .all(|rest| *rest == '*')
}
