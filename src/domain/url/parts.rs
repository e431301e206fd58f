//! The parts of an address: user, host, port and path, each checked on its own. The parent module joins them.

use std::net::Ipv6Addr;

use super::{Transport, UrlError};
use crate::domain::name::is_invisible;

pub(super) fn check_characters(text: &str) -> Result<(), UrlError> {
    let hidden = |c: char| {
        c.is_control() || c.is_whitespace() || is_invisible(c) || c == char::REPLACEMENT_CHARACTER
    };
    // Encoded spaces are safe; everything else that is hidden would reach a server or a file name.
    let decoded = percent_decoded(text);
    if text.contains(hidden) || decoded.contains(|c| hidden(c) && c != ' ') {
        return Err(UrlError::Hidden);
    }
    Ok(())
}

/// `x` of `x::address`.
pub(super) fn helper(text: &str) -> Option<&str> {
    let (name, _) = text.split_once("::")?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.' | '_');
    name.chars().all(is_name).then_some(name)
}

pub(super) fn is_scheme(text: &str) -> bool {
    !text.is_empty()
        && text
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || matches!(c, '+' | '-' | '.'))
}

pub(super) fn is_drive(text: &str) -> bool {
    matches!(text.as_bytes(), [letter, b':', ..] if letter.is_ascii_alphabetic())
}

pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

pub(super) fn split_user(
    authority: &str,
    transport: Transport,
) -> Result<(Option<&str>, &str), UrlError> {
    let Some((user, host)) = authority.rsplit_once('@') else {
        return Ok((None, authority));
    };
    if user.contains([':', '@']) || is_token(user) {
        return Err(UrlError::Password);
    }
    if user.starts_with('-') {
        return Err(UrlError::Option { part: "user" });
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '+' | '~' | '-');
    if user.is_empty() || !user.chars().all(plain) || transport == Transport::Git {
        return Err(UrlError::User);
    }
    Ok((Some(user), host))
}

/// How tokens of known hosts begin.
pub(super) const TOKENS: [&str; 9] = [
    "ghp_",
    "gho_",
    "ghu_",
    "ghs_",
    "ghr_",
    "github_pat_",
    "glpat-",
    "gldt-",
    "xoxb-",
];

/// Hosts accept tokens as user names: known beginnings, or longer than any real name.
fn is_token(user: &str) -> bool {
    let is_known = |begin: &&str| user.starts_with(*begin);
    user.len() >= 32 || TOKENS.iter().chain(&["x-token-", "oauth2"]).any(is_known)
}

pub(super) fn split_port(
    host: &str,
    transport: Transport,
) -> Result<(String, Option<u16>), UrlError> {
    let colon = host
        .rfind(':')
        .filter(|at| host.rfind(']').is_none_or(|bracket| bracket < *at));
    let Some(at) = colon else {
        return Ok((checked_host(host)?, None));
    };
    let (host, digits) = (&host[..at], &host[at + 1..]);
    if host.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if digits.contains(|c: char| !c.is_ascii_digit()) {
        return Err(UrlError::Port);
    }
    let port = digits
        .parse()
        .ok()
        .filter(|port| *port != 0)
        .ok_or(UrlError::Port)?;
    Ok((
        checked_host(host)?,
        Some(port).filter(|port| transport.default_port() != Some(*port)),
    ))
}

pub(super) fn checked_host(host: &str) -> Result<String, UrlError> {
    if host.is_empty() {
        return Err(UrlError::EmptyHost);
    }
    if host.starts_with('-') {
        return Err(UrlError::Option { part: "host" });
    }
    if let Some(address) = host
        .strip_prefix('[')
        .and_then(|rest| rest.strip_suffix(']'))
    {
        return address
            .parse::<Ipv6Addr>()
            .map(|address| address.to_string())
            .map_err(|_| UrlError::Host);
    }
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if host.len() > 253
        || host
            .split('.')
            .any(|label| label.is_empty() || label.starts_with('-') || !label.chars().all(plain))
    {
        return Err(UrlError::Host);
    }
    Ok(host.to_ascii_lowercase())
}

pub(super) fn checked_path(path: &str, transport: Transport) -> Result<String, UrlError> {
    let decoded = percent_decoded(path);
    if decoded.contains('\\') {
        return Err(UrlError::Character { character: '\\' });
    }
    // Git quotes what it passes to ssh; servers with a custom shell (and libssh2, CVE-2026-5917) have not always handled that correctly.
    let dangerous: &[char] = match transport {
        Transport::Ssh => &['\'', '"', '!', '$', '`', ';', '|', '&', '<', '>', '(', ')'],
        Transport::Https | Transport::Http => &['?', '#', '\'', '"', '`', '<', '>'],
        Transport::Git | Transport::File => &['`', '"'],
    };
    if let Some(character) = decoded.chars().find(|c| dangerous.contains(c)) {
        return Err(UrlError::Character { character });
    }
    let is_web = matches!(transport, Transport::Https | Transport::Http);
    for component in decoded.split('/') {
        let user = component.split_once('@').map_or("", |(user, _)| user);
        if is_web && user.contains(':') {
            return Err(UrlError::Password);
        }
        match component {
            "." => return Err(UrlError::Dots { component: "." }),
            ".." => return Err(UrlError::Dots { component: ".." }),
            _ => {}
        }
    }
    if decoded.trim_start_matches('/').starts_with('-') {
        return Err(UrlError::Option { part: "path" });
    }
    match (path.trim_end_matches('/'), transport) {
        ("", Transport::Https | Transport::Http) => Ok("/".to_owned()),
        ("", _) => Err(UrlError::EmptyPath),
        (path, _) => Ok(path.to_owned()),
    }
}

/// Decodes `%41`; a stray `%` is kept, as in git. Bytes that are not UTF-8 become replacement characters.
pub(super) fn percent_decoded(text: &str) -> String {
    let digit = |byte: Option<&u8>| {
        byte.and_then(|byte| char::from(*byte).to_digit(16))
            .and_then(|digit| u8::try_from(digit).ok())
    };
    let bytes = text.as_bytes();
    let mut decoded = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        if *byte == b'%'
            && let (Some(high), Some(low)) = (digit(bytes.get(at + 1)), digit(bytes.get(at + 2)))
        {
            decoded.push(high << 4 | low);
            at += 3;
        } else {
            decoded.push(*byte);
            at += 1;
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}
