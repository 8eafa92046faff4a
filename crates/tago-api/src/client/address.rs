use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use reqwest::header::HeaderValue;
use secrecy::{ExposeSecret, SecretString};
use thiserror::Error;
use url::{Host, Url};

/// Where an API is: scheme, host and port, and nothing else.
///
/// Two addresses are equal when they are the same origin.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Address(Url);

/// Why a text is not the address of an API. Each reads as a sentence that says what to do.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum AddressError {
    /// Nothing was given.
    #[error("the address is empty; it looks like https://api.us-e1.tago.io")]
    Empty,
    /// The text does not begin with a scheme.
    #[error("{text:?} does not begin with https://; write it like https://api.us-e1.tago.io")]
    NoScheme {
        /// The rejected text.
        text: String,
    },
    /// Another scheme than http and https.
    #[error("an API is not reached through {scheme}://; the address begins with https://")]
    UnknownScheme {
        /// The scheme of the rejected text.
        scheme: String,
    },
    /// http to something else than this computer.
    #[error("http would send the token to {host} in the open; write https:// instead")]
    Insecure {
        /// The host of the rejected address.
        host: String,
    },
    /// A user name or password in the address.
    #[error("an address holds no user name or password; take out what stands before the @")]
    UserInfo,
    /// A path, a query or a fragment after the host.
    #[error("only scheme, host and port belong to the address; take out {extra:?}")]
    Extra {
        /// What is too much.
        extra: String,
    },
    /// The host is spelled in a way that reads as another one.
    #[error("this host would be read as {host}; if that is the one you mean, write it so")]
    Spelling {
        /// The host as it would be called.
        host: String,
    },
    /// It cannot be read as an address at all.
    #[error("{text:?} is not an address; it looks like https://api.us-e1.tago.io")]
    Unreadable {
        /// The rejected text.
        text: String,
    },
}

impl Address {
    /// Scheme, host and port, for example `https://api.us-e1.tago.io`.
    pub fn origin(&self) -> String {
        self.0.origin().ascii_serialization()
    }

    /// Host name in ASCII (punycode where it has other letters).
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Whether it is on this computer.
    pub fn is_loopback(&self) -> bool {
        is_loopback(&self.0)
    }

    pub(super) fn url(&self) -> &Url {
        &self.0
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Address, AddressError> {
        let text = text.trim();
        if text.is_empty() {
            return Err(AddressError::Empty);
        }
        let unreadable = || AddressError::Unreadable { text: text.to_owned() };
        // The URL rules drop tabs and turn backslashes around: what is called must be what was read.
        if text.chars().any(|c| c.is_whitespace() || c.is_control() || c == '\\') {
            return Err(unreadable());
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return Err(AddressError::NoScheme { text: text.to_owned() });
        };
        let url = match scheme.to_ascii_lowercase().as_str() {
            "https" | "http" => Url::parse(text).map_err(|_| unreadable())?,
            other => return Err(AddressError::UnknownScheme { scheme: other.to_owned() }),
        };
        if rest.split(['/', '?', '#']).next().is_some_and(|authority| authority.contains('@')) {
            return Err(AddressError::UserInfo);
        }
        let host = url.host_str().ok_or_else(unreadable)?.to_owned();
        let extra = &url[url::Position::BeforePath..];
        if !matches!(extra, "" | "/") {
            return Err(AddressError::Extra { extra: extra.to_owned() });
        }
        if host.ends_with('.') {
            return Err(AddressError::Spelling { host: host.trim_end_matches('.').to_owned() });
        }
        let typed = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let typed_host = match typed.rfind(':').filter(|_| !typed.ends_with(']')) {
            Some(colon) => &typed[..colon],
            None => typed,
        };
        if !typed_host.eq_ignore_ascii_case(&host) {
            return Err(AddressError::Spelling { host });
        }
        if url.scheme() == "http" && !is_loopback(&url) {
            return Err(AddressError::Insecure { host });
        }
        Ok(Address(url))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.origin())
    }
}

impl fmt::Debug for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Address({self})")
    }
}

/// A token together with the only address that it is ever sent to.
#[derive(Clone)]
pub struct Credential {
    address: Address,
    token: SecretString,
}

/// Why a text cannot be a token. The text itself is not repeated.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "a token is one word of letters, digits and dashes; this has {length} characters, or others among them"
)]
pub struct TokenError {
    /// Characters of the rejected text.
    pub length: usize,
}

impl Credential {
    /// Binds a token, trimmed of white space, to the address it was issued for.
    ///
    /// # Errors
    /// If the text is empty or has characters that no token has.
    pub fn new(address: Address, token: &SecretString) -> Result<Credential, TokenError> {
        let text = token.expose_secret().trim();
        if text.is_empty() || text.len() > 512 || !text.chars().all(|c| c.is_ascii_graphic()) {
            return Err(TokenError { length: text.chars().count() });
        }
        Ok(Credential { address, token: text.into() })
    }

    /// The address that the token belongs to.
    pub fn address(&self) -> &Address {
        &self.address
    }

    /// The token, to store it.
    pub fn token(&self) -> &SecretString {
        &self.token
    }

    pub(super) fn header(&self) -> Result<HeaderValue, TokenError> {
        let token = self.token.expose_secret();
        let mut value =
            HeaderValue::from_str(token).map_err(|_| TokenError { length: token.chars().count() })?;
        value.set_sensitive(true);
        Ok(value)
    }
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credential({})", self.address)
    }
}

/// Whether a text has the shape of a token: a UUID, bare or after `p-`, `a-` or another
/// letter and a dash, or `at` and 32 hexadecimal digits. Used to refuse tokens where they do not belong.
pub fn looks_like_token(text: &str) -> bool {
    let text = text.trim();
    let bytes = text.as_bytes();
    let uuid = match bytes {
        [letter, b'-', rest @ ..] if letter.is_ascii_alphabetic() => rest,
        _ => bytes,
    };
    is_uuid(uuid)
        || bytes
            .strip_prefix(b"at")
            .is_some_and(|hex| hex.len() == 32 && hex.iter().all(u8::is_ascii_hexdigit))
}

fn is_uuid(text: &[u8]) -> bool {
    text.len() == 36
        && text.iter().enumerate().all(|(i, byte)| match i {
            8 | 13 | 18 | 23 => *byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(ip)) => ip.octets()[0] == Ipv4Addr::LOCALHOST.octets()[0],
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_an_origin() {
        for (text, origin) in [
            ("https://api.us-e1.tago.io", "https://api.us-e1.tago.io"),
            ("  https://api.us-e1.tago.io/  ", "https://api.us-e1.tago.io"),
            ("HTTPS://API.Us-E1.Tago.IO:443", "https://api.us-e1.tago.io"),
            (
                "https://api.bb0000000000000000000004.tagoio.net",
                "https://api.bb0000000000000000000004.tagoio.net",
            ),
            ("https://xn--bcher-kva.example:8443/", "https://xn--bcher-kva.example:8443"),
            ("http://127.0.0.1:4000", "http://127.0.0.1:4000"),
            ("http://127.9.9.9:4000", "http://127.9.9.9:4000"),
            ("http://localhost:4000", "http://localhost:4000"),
            ("http://[::1]:4000/", "http://[::1]:4000"),
            ("https://[::1]", "https://[::1]"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap().origin(), origin, "{text}");
        }
    }

    #[test]
    fn every_other_shape_gets_its_sentence() {
        let kind = |text: &str| match text.parse::<Address>().unwrap_err() {
            AddressError::Empty => "empty",
            AddressError::NoScheme { .. } => "no scheme",
            AddressError::UnknownScheme { .. } => "scheme",
            AddressError::Insecure { .. } => "insecure",
            AddressError::UserInfo => "user",
            AddressError::Extra { .. } => "extra",
            AddressError::Spelling { .. } => "spelling",
            AddressError::Unreadable { .. } => "unreadable",
        };
        for (text, expected) in [
            ("", "empty"),
            ("   ", "empty"),
            ("api.tago.io", "no scheme"),
            ("localhost:4000", "no scheme"),
            ("//api.tago.io", "no scheme"),
            ("https:api.tago.io", "no scheme"),
            ("https:/api.tago.io", "no scheme"),
            ("mqtts://api.tago.io", "scheme"),
            ("file:///etc/passwd", "scheme"),
            ("javascript://api.tago.io", "scheme"),
            ("http://api.tago.io", "insecure"),
            ("http://10.0.0.1:80", "insecure"),
            ("http://0.0.0.0:80", "insecure"),
            ("http://169.254.169.254", "insecure"),
            ("http://[::ffff:7f00:1]", "insecure"),
            ("http://localhost.evil.example", "insecure"),
            ("http://127.0.0.1.evil.example", "insecure"),
            ("https://api.tago.io@evil.example", "user"),
            ("https://user:secret@api.tago.io", "user"),
            ("https://@api.tago.io", "user"),
            ("https://api.tago.io/device", "extra"),
            ("https://api.tago.io/?token=1", "extra"),
            ("https://api.tago.io/#x", "extra"),
            ("https://api.tago.io.", "spelling"),
            ("http://0177.0.0.1", "spelling"),
            ("http://2130706433", "spelling"),
            ("http://0x7f.1", "spelling"),
            ("http://127.1", "spelling"),
            ("https://api%2etago.io", "spelling"),
            ("https://bücher.example", "spelling"),
            ("https://api。tago.io", "spelling"),
            ("http://[0:0:0:0:0:0:0:1]:80", "spelling"),
            ("https://", "unreadable"),
            ("https://:443", "unreadable"),
            ("https://api.tago.io:99999", "unreadable"),
            ("https://api .tago.io", "unreadable"),
            ("https://api\\.tago.io", "unreadable"),
            ("https://api\t.tago.io", "unreadable"),
            ("https://999.1.1.1", "unreadable"),
            ("https://[::1", "unreadable"),
        ] {
            assert_eq!(kind(text), expected, "{text}");
        }
    }

    #[test]
    fn the_address_of_another_spelling_is_named_in_ascii() {
        let error = "https://аpi.tago.io".parse::<Address>().unwrap_err();
        assert!(error.to_string().contains("xn--"), "{error}");
    }

    #[test]
    fn a_token_is_told_by_its_shape() {
        for token in [
            "1f0c6a52-8a3e-4c8e-9b6f-0123456789ab",
            "p-1f0c6a52-8a3e-4c8e-9b6f-0123456789ab",
            "a-1F0C6A52-8A3E-4C8E-9B6F-0123456789AB",
            " p-1f0c6a52-8a3e-4c8e-9b6f-0123456789ab\n",
            "at0123456789abcdef0123456789abcdef",
        ] {
            assert!(looks_like_token(token), "{token}");
        }
        for other in
            ["", "attic", "5f2a8e3b9c1d4e0011223344", "plan.jsonl", "p-1f0c6a52", "https://api.tago.io"]
        {
            assert!(!looks_like_token(other), "{other}");
        }
    }

    #[test]
    fn a_credential_prints_its_address_and_not_its_token() {
        let address: Address = "https://api.tago.io".parse().unwrap();
        let credential = Credential::new(address.clone(), &" p-canary\n".into()).unwrap();
        assert_eq!(credential.token().expose_secret(), "p-canary");
        assert_eq!(format!("{credential:?}"), "Credential(https://api.tago.io)");
        for refused in ["", "two words", "línea", "a\nb"] {
            let error = Credential::new(address.clone(), &refused.into()).unwrap_err();
            assert!(refused.is_empty() || !error.to_string().contains(refused));
        }
    }
}
